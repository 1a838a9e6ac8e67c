"""What is wrong comes first, and what follows from it is left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from judged import course, even, evidence, predicted
from scipy.stats import mannwhitneyu

from cvkit.engine.intervals import Share
from cvkit.findings.evidence import Evidence
from cvkit.findings.judge import judge
from cvkit.findings.statistics import chance_agreement, difference, ranks_above_chance


def test_findings_are_ordered_by_their_marks():
    """Wrong, look, good; of one mark, the one that concerns more images first."""
    of = evidence(
        predicted(even(10, 20, 12), 0.99),
        records=course([0.6] * 6, trained=1.0),
        training_counts=torch.full((10,), 15),
    )
    found = judge(of)
    marks = [finding.mark for finding in found]
    assert marks == sorted(marks, key=["bad", "look", "good"].index)
    assert {"bad", "look"} <= set(marks)
    weights = [finding.weight for finding in found if finding.mark == "look"]
    assert weights == sorted(weights, reverse=True)


def test_what_follows_from_chance_is_left_out():
    """A model that guesses also underfits and loses classes, which would be noise beside the cause."""
    rules = {finding.rule for finding in judge(evidence(predicted(even(10, 20, 2)), records=course([0.1] * 6)))}
    assert "chance" in rules
    assert not {"underfitting", "lost_class", "confused_pair", "calibrated"} & rules


def test_evaluation_without_a_run_is_judged_by_its_predictions():
    """There are no records, no training images and no audit."""
    found = judge(Evidence(predicted(even(10, 100, 60), 0.99), tuple("abcdefghij")))
    assert [finding.rule for finding in found] == ["overconfidence", "even_classes"]


def test_evidence_is_of_the_epoch_that_was_kept():
    """Its training accuracy, and not that of the last epoch."""
    of = evidence(records=course([0.9, 0.9, 0.9], trained=[0.5, 0.8, 1.0]), kept_epoch=2)
    assert of.trained is not None
    assert of.trained.value == pytest.approx(0.8)


def test_chance_agreement_has_the_mean_and_spread_of_permuted_labels():
    """Compared with ten thousand permutations."""
    generator = np.random.default_rng(0)
    labels = torch.tensor(generator.choice(4, 60, p=[0.5, 0.3, 0.1, 0.1]))
    guesses = torch.tensor(generator.choice(4, 60, p=[0.4, 0.2, 0.2, 0.2]))
    drawn = [(labels[generator.permutation(60)] == guesses).sum().item() for _ in range(10_000)]
    mean, z = chance_agreement(labels, guesses)
    hits = (labels == guesses).sum().item()
    assert mean == pytest.approx(np.mean(drawn), abs=0.1)
    assert z == pytest.approx((hits - np.mean(drawn)) / np.std(drawn), abs=0.05)


def test_chance_agreement_of_one_class_is_unknown():
    """Whoever always answers the same agrees as often in any order."""
    assert chance_agreement(torch.tensor([0, 0, 1]), torch.tensor([0, 0, 0])) == (2.0, 0.0)


def test_ranks_above_chance_are_those_of_mann_and_whitney():
    """Of one label, the z value of scipy's asymptotic test without continuity correction."""
    generator = torch.Generator().manual_seed(1)
    scores, given = torch.rand(40, 1, generator=generator), torch.arange(40)[:, None] % 3 == 0
    theirs = mannwhitneyu(scores[given], scores[~given], method="asymptotic", use_continuity=False)
    mean, spread = 14 * 26 / 2, (14 * 26 * 41 / 12) ** 0.5
    assert ranks_above_chance(scores, given) == pytest.approx((theirs.statistic - mean) / spread)
    assert ranks_above_chance(scores, torch.zeros(40, 1, dtype=torch.bool)) == 0.0


def test_interval_of_a_difference_contains_it_and_keeps_its_level():
    """In simulations of two independent shares, at least about 95 % of the intervals contain the difference."""
    generator = np.random.default_rng(2)
    inside = 0
    for _ in range(400):
        first, second = generator.binomial(80, 0.9), generator.binomial(50, 0.7)
        low, high = difference(Share(int(first), 80), Share(int(second), 50))
        inside += low <= 0.2 <= high
    assert inside >= 0.94 * 400
