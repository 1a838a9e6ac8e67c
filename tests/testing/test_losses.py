"""The checks of losses: a right one passes each, and each catches a loss made to break it."""

from __future__ import annotations

from hashlib import sha256
from secrets import token_bytes

import pytest
import torch
from masked import without_numbers, without_quotes
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from cvkit.testing import LossSuite, Suite


class Focal(nn.Module):
    """Focal loss; twins change what is returned."""

    def __init__(self, info):
        super().__init__()

    def forward(self, logits, labels):
        losses = cross_entropy(logits, labels, reduction="none")
        return self.joined((1 - (-losses).exp()) ** 2 * losses)

    def joined(self, losses):
        return losses.mean()


class TestRight(LossSuite):
    factory = staticmethod(Focal)


class Arc(Focal):
    """With a bias for each class that is learned, and a count of what it has seen."""

    def __init__(self, info):
        super().__init__(info)
        self.bias = nn.Parameter(torch.randn(info.num_classes))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, logits, labels):
        if self.training:
            self.seen += len(labels)
        return super().forward(logits + self.bias, labels)


class TestRightWithWeights(LossSuite):
    factory = staticmethod(Arc)


def only_a_function(info):
    return cross_entropy


class KeepsTheBatch(Focal):
    def joined(self, losses):
        return losses


class CountsHits(Focal):
    def forward(self, logits, labels):
        return (logits.argmax(dim=1) != labels).float().mean()


class IsFlat(Focal):
    def forward(self, logits, labels):
        return (logits * 0).sum() + 1


class TakesLogsOfProbabilities(Focal):
    def forward(self, logits, labels):
        return -logits.softmax(dim=1).log().gather(1, labels[:, None]).mean()


class Smooths(Focal):
    """A running mean over the batches seen."""

    def __init__(self, info):
        super().__init__(info)
        self.running = 0.0

    def joined(self, losses):
        self.running = 0.9 * self.running + 0.1 * losses.mean()
        return self.running


class WeighsByPlace(Focal):
    def joined(self, losses):
        return (losses * torch.linspace(0, 2, len(losses))).mean()


class Sums(Focal):
    def joined(self, losses):
        return losses.sum()


class LikesMistakes(Focal):
    def forward(self, logits, labels):
        return (logits.softmax(dim=1) * one_hot(labels, logits.shape[1])).sum(dim=1).mean()


class HidesItsBias(Focal):
    """A learned bias that is no parameter, so that nothing trains it."""

    def __init__(self, info):
        super().__init__(info)
        self.bias = torch.zeros(info.num_classes, requires_grad=True)

    def forward(self, logits, labels):
        return super().forward(logits + self.bias, labels)


class ForgetsItsBias(Focal):
    def __init__(self, info):
        super().__init__(info)
        self.bias = nn.Parameter(torch.zeros(info.num_classes))


class CountsBatches(Focal):
    """Softens with the batches it has trained on, which it counts in a number of its own."""

    def __init__(self, info):
        super().__init__(info)
        self.batches = 0

    def joined(self, losses):
        self.batches += self.training
        return losses.mean() / (1 + self.batches)


class IgnoresShares(Focal):
    """Takes the sum of all targets for each class."""

    def forward(self, logits, labels):
        if labels.is_floating_point():
            return cross_entropy(logits, torch.ones_like(labels))
        return super().forward(logits, labels)


class SumsSoft(nn.CrossEntropyLoss):
    """The mean of labels, but the sum of soft targets that are mixed."""

    def __init__(self, info):
        super().__init__()

    def forward(self, logits, labels):
        mixed = labels.is_floating_point() and labels.max() < 1
        return super().forward(logits, labels) * (len(labels) if mixed else 1)


class NamesItsTeacher(Focal):
    """With the digest of the teacher's weights."""

    @property
    def fixed_weights(self):
        return {"teacher": sha256(b"its weights").hexdigest()}


class TestRightWithFixedWeights(LossSuite):
    factory = staticmethod(NamesItsTeacher)


class NamesATensor(Focal):
    fixed_weights = {"teacher": torch.ones(3)}


class NamesAFile(Focal):
    fixed_weights = {"teacher": "teacher.pt"}


class NamesItsMemory(Focal):
    """Another digest for each copy."""

    @property
    def fixed_weights(self):
        return {"teacher": sha256(token_bytes()).hexdigest()}


TWINS = [
    ("module", only_a_function, "function"),
    ("scalar", KeepsTheBatch, "torch.float32 (12,)"),
    ("differentiable", CountsHits, "RuntimeError"),
    ("differentiable", IsFlat, ""),
    ("finite", TakesLogsOfProbabilities, "inf"),
    ("repeatable", Smooths, ""),
    ("weights", HidesItsBias, "(10,)"),
    ("weights", ForgetsItsBias, "bias"),
    ("state", CountsBatches, ""),
    ("fixed_weights", NamesATensor, "dict"),
    ("fixed_weights", NamesAFile, "'teacher.pt'"),
    ("fixed_weights", NamesItsMemory, "digests"),
    ("order", WeighsByPlace, ""),
    ("batch_mean", Sums, ""),
    ("prefers_right", LikesMistakes, ""),
]


@pytest.mark.parametrize(("check", "twin", "value"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, value, seen, wording):
    """What the twin does wrong is what the failure says was seen, with its own names and numbers."""
    said = seen(LossSuite, check, twin)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


SOFT_TWINS = [("soft_targets", IgnoresShares), ("soft_batch_mean", SumsSoft)]


@pytest.mark.parametrize(("check", "twin"), SOFT_TWINS)
def test_check_of_soft_targets_catches_its_broken_twin(check, twin, seen, wording):
    """As those of labels do."""
    assert without_quotes(without_numbers(seen(LossSuite, check, twin, soft_targets=True))) == wording


class PrefersWrongSets(nn.Module):
    def __init__(self, info):
        super().__init__()

    def forward(self, logits, sets):
        return (logits * sets).mean()


class SumsSets(PrefersWrongSets):
    def forward(self, logits, sets):
        return -super().forward(logits, sets) * len(sets)


SET_TWINS = [
    ("label_sets", PrefersWrongSets, "for right logits, but"),
    ("label_sets", SumsSets, "from its parts"),
]


@pytest.mark.parametrize(("check", "twin", "value"), SET_TWINS)
def test_check_of_label_sets_catches_its_broken_twin(check, twin, value, seen):
    """As those of labels do."""
    assert value in seen(LossSuite, check, twin, tasks=("multi_label",))


class Sets(nn.Module):
    """Binary cross-entropy of sets, and of one class."""

    def __init__(self, info):
        super().__init__()

    def forward(self, logits, labels):
        sets = labels if labels.ndim == 2 else one_hot(labels, logits.shape[1])
        return binary_cross_entropy_with_logits(logits, sets.to(logits))


class TestRightForSets(LossSuite):
    factory = staticmethod(Sets)
    tasks = ("single_label", "multi_label")


class WeighsByBrightness(Focal):
    """In training, bright images count more; evaluation has no images."""

    def forward(self, logits, labels, images=None):
        losses = cross_entropy(logits, labels, reduction="none")
        return self.joined(losses if images is None else losses * (1 + images.mean(dim=(1, 2, 3))))


class TestRightWithImages(LossSuite):
    factory = staticmethod(WeighsByBrightness)
    takes_images = True


class AlwaysNeedsImages(WeighsByBrightness):
    def forward(self, logits, labels, images):
        return super().forward(logits, labels, images)


IMAGE_TWINS = [("evaluates_alone", AlwaysNeedsImages)]


@pytest.mark.parametrize(("check", "twin"), IMAGE_TWINS)
def test_check_of_images_catches_its_broken_twin(check, twin, seen, wording):
    """A loss that takes images gets none in evaluation."""
    assert without_quotes(without_numbers(seen(LossSuite, check, twin, takes_images=True))) == wording


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    known = TWINS + SOFT_TWINS + IMAGE_TWINS + SET_TWINS
    assert {check for check, *_ in known} == LossSuite.checks() - Suite.checks()
