"""Abstention: calibrated probabilities, prediction sets and declined images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cvkit import Abstention
from cvkit.engine.prediction_rule import prediction_rule_of

LOGITS = torch.tensor([[4.0, 0.0, 0.0], [1.0, 0.9, 0.0], [0.2, 0.1, 0.0]])
RULES = (
    Abstention((2.0,), level=0.5),
    Abstention((0.5,), rule="conformal", level=0.3),
    Abstention((1.0, 2.0, 4.0), (0.5, -0.5, 0.0), level=0.6),
)


def test_one_temperature_divides_the_logits():
    """Probabilities get closer to each other, and the order of classes stays."""
    found = Abstention((2.0,)).calibrated(LOGITS)
    assert torch.equal(found, (LOGITS / 2).softmax(dim=1))
    assert torch.equal(found.argsort(dim=1), LOGITS.argsort(dim=1))


def test_temperature_of_a_class_divides_only_its_logits():
    """And its bias is added afterwards."""
    found = Abstention((1.0, 2.0, 4.0), (0.5, -0.5, 0.0)).calibrated_logits(LOGITS)
    assert found[0].tolist() == pytest.approx([4.5, -0.5, 0.0])
    assert found[1].tolist() == pytest.approx([1.5, -0.05, 0.0])


def test_without_a_rule_nothing_is_declined():
    """Whatever the probabilities are."""
    assert not Abstention().declines
    assert not Abstention().apply(LOGITS)[1].any()


def test_threshold_declines_images_below_it():
    """An image with exactly this probability is kept."""
    chances = torch.tensor([[0.6, 0.4], [0.5, 0.5], [0.7, 0.3]])
    at = Abstention(level=float(chances[0, 0]))
    assert at.declines
    assert at.declined(chances).tolist() == [False, True, False]


def test_prediction_set_contains_the_classes_from_its_level_on():
    """One class is kept; none and several are declined."""
    chances = torch.tensor([[0.9, 0.05, 0.05], [0.45, 0.45, 0.1], [0.34, 0.33, 0.33]])
    found = Abstention(rule="conformal", level=0.4)
    assert found.prediction_sets(chances).sum(dim=1).tolist() == [1, 2, 0]
    assert found.declined(chances).tolist() == [False, True, True]


class Serving(nn.Module):
    """A model that ends with an abstention, as an exported graph does."""

    def __init__(self, abstention: Abstention) -> None:
        super().__init__()
        self.abstention = abstention

    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        return self.abstention.apply(logits)


@pytest.mark.parametrize("abstention", RULES, ids=["threshold", "conformal", "per class"])
def test_export_traces_an_abstention_for_any_batch(abstention):
    """The graph returns the same bits as the abstention, also for another number of images."""
    batch = torch.export.Dim("batch", min=1)
    graph = torch.export.export(Serving(abstention), (LOGITS,), dynamic_shapes=({0: batch},)).module()
    for logits in (LOGITS, torch.cat([LOGITS, LOGITS[:2]])):
        for found, expected in zip(graph(logits), abstention.apply(logits), strict=True):
            assert torch.equal(found, expected)


def test_prediction_rule_uses_the_calibration():
    """Its probabilities, its most probable class and what it declines are those of the abstention."""
    abstention = Abstention((1.0, 1.0, 1.0), (0.0, 3.0, 0.0), level=0.8)
    rule = prediction_rule_of("single_label", (), abstention)
    chances = rule.probabilities(LOGITS)
    assert torch.equal(chances, abstention.calibrated(LOGITS))
    assert rule.predicted(chances[1]) == [1]
    assert rule.includes(LOGITS, torch.tensor([0, 1, 1])).tolist() == [True, True, True]
    assert rule.declined(chances).tolist() == abstention.declined(chances).tolist()


def test_prediction_rule_without_a_calibration_declines_nothing():
    """For images with one class and with sets of labels."""
    for task in ("single_label", "multi_label"):
        rule = prediction_rule_of(task)
        assert rule.declined(rule.probabilities(LOGITS)).tolist() == [False] * 3
