"""The checks of exporters: right ones pass each, and each catches an exporter made to break it."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from cvkit import Exporter, ServingModel
from cvkit.testing import ExporterSuite, Suite


class Weights(Exporter):
    """Write the weights, and the metadata beside them.

    Args:
        info: Channels, size and classes of the images.
        indent: Spaces in the metadata.
    """

    files = ("weights.safetensors", "model.json")

    def __init__(self, info, *, indent: int = 1):
        self.indent = indent

    def export(self, model, folder):
        save_file(model.network.state_dict(), folder / "weights.safetensors")
        (folder / "model.json").write_text(json.dumps(model.metadata, indent=self.indent))

    def load(self, folder, model):
        serving = model.serving()
        serving.network.load_state_dict(load_file(folder / "weights.safetensors"))
        return lambda images: serving(images)[0].detach()


class TestRight(ExporterSuite):
    factory = staticmethod(Weights)


class Plain:
    def __init__(self, info):
        pass


class WritesALog(Weights):
    def export(self, model, folder):
        super().export(model, folder)
        (folder / "log.txt").write_text("exported")


class RequiresPercent(Weights):
    agreement = 98


class ForgetsTheMean(Weights):
    def load(self, folder, model):
        compute = super().load(folder, model)
        return lambda images: compute(images // 2)


class ReturnsProbabilities(Weights):
    def load(self, folder, model):
        serving = model.serving()
        return lambda images: serving(images)


class FixesTheBatch(Weights):
    def load(self, folder, model):
        compute = super().load(folder, model)

        def fixed(images):
            assert len(images) == 4
            return compute(images)

        return fixed


class NormalisesByTheBatch(Weights):
    def load(self, folder, model):
        compute = super().load(folder, model)
        return lambda images: compute(images) * (1 if len(images) == 4 else 2)


class ComputesInMemory(Weights):
    def load(self, folder, model):
        return model.logits


class ForgetsTheClasses(Weights):
    def export(self, model, folder):
        super().export(model, folder)
        (folder / "model.json").write_text("{}")


class RoundsTheModel(Weights):
    def export(self, model, folder):
        model.network.half().float()
        super().export(model, folder)


class LeavesItInTraining(Weights):
    def export(self, model, folder):
        super().export(model, folder)
        model.network.train()


class LeavesAHook(Weights):
    def export(self, model, folder):
        super().export(model, folder)
        model.network.register_forward_hook(lambda *_: None)


class TrainsInTheFile(Weights):
    def load(self, folder, model):
        serving = ServingModel(model.network, model.info).train()
        return lambda images: serving(images)[0].detach()


TWINS = [
    ("exporter", Plain, "a Plain"),
    ("files", WritesALog, "'log.txt'"),
    ("agreement", RequiresPercent, "98"),
    ("logits", ForgetsTheMean, "the logits differ"),
    ("logits", ReturnsProbabilities, "they return tuple"),
    ("batch_sizes", FixesTheBatch, "AssertionError"),
    ("batch_sizes", NormalisesByTheBatch, "(1, 2, 5) images"),
    ("weights", ComputesInMemory, "the model in memory"),
    ("metadata", ForgetsTheClasses, "'class_0'"),
    ("leaves_model", RoundsTheModel, "it changes 'features.0.weight'"),
    ("leaves_model", LeavesItInTraining, "the mode or the hooks"),
    ("leaves_model", LeavesAHook, "the mode or the hooks"),
    ("leaves_model", TrainsInTheFile, "it changes 'features.1.running_mean'"),
]


@pytest.mark.parametrize(("check", "twin", "words"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, words, seen):
    """What the twin does wrong is what the failure says was seen."""
    assert words in seen(ExporterSuite, check, twin)


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS} == ExporterSuite.checks() - Suite.checks()


def test_sample_logits_are_those_of_the_network():
    """What the suite compares with is the normalised network, in evaluation mode."""
    suite = type("Own", (ExporterSuite,), {"factory": staticmethod(Weights)})()
    model, images = suite._to_export(), torch.full((2, 3, 32, 32), 255, dtype=torch.uint8)
    expected = model.network((images / 255 - 0.5) / 0.25)
    torch.testing.assert_close(model.logits(images), expected)
