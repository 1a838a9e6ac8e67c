"""The checks of models: a right one passes each, and each catches a model made to break it."""

from __future__ import annotations

import pytest
import torch
from masked import without_numbers, without_quotes
from torch import nn
from torch.nn import functional

from cvkit import TrainingOutputs
from cvkit.testing import ContractBroken, ModelSuite, Suite, sample_info


class Net(nn.Module):
    """A convolution, the mean over places, a linear layer; twins change one step."""

    def __init__(self, info):
        super().__init__()
        self.conv = nn.Conv2d(info.channels, 8, 3, padding=1)
        self.head = nn.Linear(8, info.num_classes)

    def features(self, images):
        return self.conv(images).relu()

    def pool(self, features):
        return features.mean(dim=(2, 3))

    def forward(self, images):
        return self.head(self.pool(self.features(images)))


class TestRight(ModelSuite):
    factory = staticmethod(Net)


class TestRightOnGreyDigits(ModelSuite):
    factory = staticmethod(Net)
    info = sample_info(channels=1, height=28, width=28, classes=4)


class BeginsAtZero(Net):
    """A head of zeros, and before it a residual branch that ends in zeros: they wake up one after the other."""

    def __init__(self, info):
        super().__init__(info)
        self.norm = nn.BatchNorm2d(8)
        nn.init.zeros_(self.norm.weight)
        nn.init.zeros_(self.head.weight)

    def features(self, images):
        features = super().features(images)
        return features + self.norm(features)


class TestRightFromZeros(ModelSuite):
    factory = staticmethod(BeginsAtZero)


class SkipsBlocks(Net):
    """LayerDrop: each of twelve blocks is left out of half of the training steps, by torch's global generator."""

    def __init__(self, info):
        super().__init__(info)
        self.blocks = nn.ModuleList(nn.Conv2d(8, 8, 1) for _ in range(12))

    def features(self, images):
        features = super().features(images)
        for block in self.blocks:
            if not self.training or torch.rand(()) < 0.5:
                features = features + block(features)
        return features


class TestRightWithSkippedBlocks(ModelSuite):
    factory = staticmethod(SkipsBlocks)


class HasSides(Net):
    """In training, the logits of an auxiliary head and a loss of its own."""

    def __init__(self, info):
        super().__init__(info)
        self.side = nn.Linear(8, info.num_classes)

    def forward(self, images):
        pooled = self.pool(self.features(images))
        logits = self.head(pooled)
        return self.outputs(logits, self.side(pooled), pooled.square().mean()) if self.training else logits

    def outputs(self, logits, side, size):
        return TrainingOutputs(logits, {"side": side}, {"size": size})


class TestRightWithTerms(ModelSuite):
    factory = staticmethod(HasSides)
    loss_terms = ("side", "size")


class ForgetsToDeclare(HasSides):
    pass


class ReturnsItsOwnLossTwice(HasSides):
    def outputs(self, logits, side, size):
        return TrainingOutputs(logits, {"side": side}, {"side": size})


class DrawsNoiseOfItsOwn(Net):
    """Its noise in training comes from a generator that no checkpoint knows."""

    def __init__(self, info):
        super().__init__(info)
        self.generator = torch.Generator().manual_seed(0)

    def features(self, images):
        features = super().features(images)
        if self.training:
            features = features + torch.randn(features.shape[-1], generator=self.generator)
        return features


class KeepsPlaces(Net):
    def pool(self, features):
        return features.permute(0, 2, 3, 1)


class KnowsOneDataSet(Net):
    def __init__(self, info):
        super().__init__(sample_info())


class TakesLogs(Net):
    def pool(self, features):
        return (features.mean(dim=(2, 3)) - 1).log()


class HasADeadLayer(Net):
    def __init__(self, info):
        super().__init__(info)
        self.unused = nn.Linear(8, 8)


class TimesItsLayerByZero(HasADeadLayer):
    def pool(self, features):
        pooled = super().pool(features)
        return pooled + 0 * self.unused(pooled)


class CutsTheGraph(Net):
    def pool(self, features):
        return super().pool(features.detach())


class HidesWeights(Net):
    def __init__(self, info):
        super().__init__(info)
        self.hidden = torch.rand(8)

    def pool(self, features):
        return super().pool(features) * self.hidden


class DropsInEvaluation(Net):
    def pool(self, features):
        return functional.dropout(super().pool(features), 0.5)


class NormalisesOverTheBatch(Net):
    def pool(self, features):
        pooled = super().pool(features)
        return pooled - pooled.mean(dim=0)


class SqueezesTheBatch(Net):
    def pool(self, features):
        return super().pool(features).squeeze()


class ViewsMemory(Net):
    def pool(self, features):
        return features.view(len(features), -1).unflatten(1, (8, -1)).mean(dim=2)


class DecidesByData(Net):
    def pool(self, features):
        return super().pool(features) * (2 if features.mean() > 0.1 else 3)


class DrawsFromItsOwnGenerator(Net):
    def __init__(self, info):
        super().__init__(info)
        generator = torch.Generator()
        generator.seed()
        self.head.weight.data.uniform_(-0.1, 0.1, generator=generator)


class IsAlwaysTheSame(Net):
    def __init__(self, info):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().__init__(info)


class CountsInEvaluation(Net):
    def __init__(self, info):
        super().__init__(info)
        self.register_buffer("calls", torch.zeros(()))

    def pool(self, features):
        self.calls += 1
        return super().pool(features)


class WritesIntoImages(Net):
    def features(self, images):
        return super().features(images.sub_(0.5))


class WritesIntoImagesInEvaluation(Net):
    def features(self, images):
        return super().features(images if self.training else images.sub_(0.5))


class WritesIntoImagesInTraining(Net):
    def features(self, images):
        return super().features(images.sub_(0.5) if self.training else images)


class AddsIntoFloats(Net):
    def pool(self, features):
        pooled = super().pool(features)
        return torch.zeros(pooled.shape).index_add(0, torch.arange(len(pooled)), pooled)


class RemembersFeatures(Net):
    def features(self, images):
        self.last = super().features(images)
        return self.last


class BeginsWithImages(Net):
    """A convolution whose bias centres its outputs for training images; twins set it wrongly."""

    def initialise_with_images(self, sample):
        self.conv.bias.copy_(-self.conv(sample(1000)).mean(dim=(0, 2, 3)))


class TestRightWithImages(ModelSuite):
    factory = staticmethod(BeginsWithImages)


class BeginsElsewhereEachTime(Net):
    def initialise_with_images(self, sample):
        self.conv.bias.copy_(torch.rand(8, generator=torch.Generator().manual_seed(id(self))))


class ReplacesItsLayer(Net):
    def initialise_with_images(self, sample):
        self.conv = nn.Conv2d(self.conv.in_channels, len(sample(1000)) // 8, 3, padding=1)


class DividesByNothing(Net):
    def initialise_with_images(self, sample):
        images = sample(1000)
        self.conv.bias.copy_((images - images).sum() / (images - images).sum())


class CopiesAsItself(Net):
    def __deepcopy__(self, memory):
        return self


def not_a_module(info):
    return lambda images: images.mean(dim=(2, 3))


TWINS = [
    ("logits_shape", KeepsPlaces, "(2, 32, 32, 10)"),
    ("training_outputs", ForgetsToDeclare, "no terms"),
    ("training_outputs", ReturnsItsOwnLossTwice, "side, side"),
    ("takes_info", KnowsOneDataSet, "RuntimeError"),
    ("finite", TakesLogs, ""),
    ("finite", not_a_module, "function"),
    ("gradients", HasADeadLayer, "unused.weight, unused.bias"),
    ("gradients", TimesItsLayerByZero, "unused.weight, unused.bias"),
    ("gradients", CutsTheGraph, "conv.weight, conv.bias"),
    ("state", HidesWeights, ""),
    ("eval_deterministic", DropsInEvaluation, ""),
    ("batch_of_one", NormalisesOverTheBatch, ""),
    ("batch_of_one", SqueezesTheBatch, "(10,)"),
    ("channels_last", ViewsMemory, "RuntimeError"),
    ("exports", DecidesByData, ""),
    ("state", DrawsNoiseOfItsOwn, "conv.weight"),
    ("initialisation", DrawsFromItsOwnGenerator, "head.weight"),
    ("initialisation", IsAlwaysTheSame, ""),
    ("initialised_with_images", BeginsElsewhereEachTime, "conv.bias"),
    ("initialised_with_images", ReplacesItsLayer, "requires_grad"),
    ("initialised_with_images", DividesByNothing, "conv.bias"),
    ("eval_leaves_buffers", CountsInEvaluation, "calls"),
    ("leaves_input", WritesIntoImages, ""),
    ("leaves_input", WritesIntoImagesInTraining, ""),
    ("leaves_input", WritesIntoImagesInEvaluation, ""),
    ("bf16", AddsIntoFloats, "RuntimeError"),
    ("copies", RemembersFeatures, "RuntimeError"),
    ("copies", CopiesAsItself, ""),
]


@pytest.mark.parametrize(("check", "twin", "value"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, value, seen, wording):
    """What the twin does wrong is what the failure says was seen, with its own names and numbers."""
    said = seen(ModelSuite, check, twin)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


class LeavesOutASide(HasSides):
    def outputs(self, logits, side, size):
        return TrainingOutputs(logits, {}, {"size": size})


class GivesTheSideTooManyClasses(HasSides):
    def outputs(self, logits, side, size):
        return TrainingOutputs(logits, {"side": side.repeat(1, 2)}, {"size": size})


class GivesALossForEachImage(HasSides):
    def outputs(self, logits, side, size):
        return TrainingOutputs(logits, {"side": side}, {"size": side.mean(dim=1)})


class GivesLogitsAlone(HasSides):
    def outputs(self, logits, side, size):
        return logits


@pytest.mark.parametrize(
    "twin", [LeavesOutASide, GivesTheSideTooManyClasses, GivesALossForEachImage, GivesLogitsAlone]
)
def test_terms_are_those_that_are_declared(twin, wording):
    """Neither more nor fewer, of the right shapes."""

    class Held(ModelSuite):
        factory = staticmethod(twin)
        loss_terms = ("side", "size")

    with pytest.raises(ContractBroken) as caught:
        Held().test_training_outputs()
    assert str(caught.value) == wording


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS} == ModelSuite.checks() - Suite.checks()
