"""ONNX in 8 bits: what its users read, the probabilities and what is declined, follows from its logits exactly."""

from __future__ import annotations

import onnx
import pytest
import torch

from cvkit import Abstention, Background, DataInfo, ExportedClassifier, ModelToExport
from cvkit.engine.trained_model import TrainedModel
from cvkit.export.metadata import metadata_values
from cvkit_export.int8 import Int8OnnxFile

CLASSES = 40
ABSTENTION = Abstention((0.7,), level=0.8)


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> ExportedClassifier:
    """A network of random weights in 8 bits, with a calibration that declines images."""
    info = DataInfo(3, 16, 16, tuple(f"class {index}" for index in range(CLASSES)), (0.5,) * 3, (0.25,) * 3)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (32, 3, 16, 16), dtype=torch.uint8, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 3, stride=2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(784, CLASSES)
        )
    for weight in network[3].parameters():
        weight.data *= 10  # so that probabilities differ
    trained = TrainedModel(network.eval(), info, None, torch.device("cpu"), 0, (), ABSTENTION)
    values = metadata_values(trained, "sample/net", {})
    model = ModelToExport(network, info, "sample/net", {}, values, ABSTENTION)
    folder = tmp_path_factory.mktemp("int8")
    labels = torch.arange(32) % CLASSES
    Int8OnnxFile(info, Background.of(images, labels)).export(model, folder)
    return ExportedClassifier.open(folder / "model.onnx")


def test_weights_are_integers(opened):
    """Else the rest would hold for any graph."""
    kinds = {node.op_type for node in onnx.load(opened.path).graph.node}
    assert kinds & {"QLinearConv", "QuantizeLinear"}


def test_probabilities_and_declined_images_follow_from_the_logits(opened):
    """They are computed in float32: 8 bits would make many probabilities equal, and their sums other than 1."""
    images = torch.randint(0, 256, (50, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    found = opened.outputs(images)
    chances, declined = ABSTENTION.apply(found.logits)
    torch.testing.assert_close(found.probabilities, chances, atol=1e-6, rtol=1e-4)
    assert torch.equal(found.declined, declined)
    assert 0 < int(declined.sum()) < 50
