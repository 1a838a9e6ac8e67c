"""`judge`: applies every rule and orders what they found."""

from __future__ import annotations

from ..figures.finding import MARKS, Finding
from . import by_class, confidence, data, outcome, training
from .evidence import Evidence, Rule

RULES: tuple[Rule, ...] = (
    training.diverged,
    outcome.chance,
    outcome.one_class,
    training.score_fell,
    training.overfitting,
    training.underfitting,
    training.still_improving,
    by_class.lost_class,
    by_class.confused_pair,
    by_class.few_training_images,
    confidence.confidence,
    confidence.label_errors,
    data.duplicates,
    data.contradicting_duplicates,
    data.damaged,
    data.explanations,
    outcome.chosen_on_the_same,
    outcome.too_few_images,
    data.reproducible,
    training.generalises,
    by_class.even_classes,
    training.converged,
)
"""The rules. Of findings with equal marks and weights, the ones of earlier rules come first."""

SHOWN = 8
"""The number of findings at the top of a page; the others are folded."""

_IMPLIED = {
    "chance": {"underfitting", "still_improving", "confused_pair", "lost_class", "even_classes", "generalises"}
    | {"converged", "calibrated", "underconfidence", "explanations"},
    "diverged": {"score_fell", "still_improving", "underfitting", "converged"},
    "one_class": {"lost_class", "confused_pair"},
    "score_fell": {"converged"},
    "underfitting": {"generalises"},
}
"""What a reader need not be told if the first is known, because it follows or means nothing then."""


def judge(of: Evidence) -> tuple[Finding, ...]:
    """Return the findings of all rules: what is wrong first, then what deserves a look, then what is good."""
    found = [finding for rule in RULES if (finding := rule(of)) is not None]
    implied = {name for finding in found for name in _IMPLIED.get(finding.rule, ())}
    order = [*MARKS]
    left = [finding for finding in found if finding.rule not in implied]
    return tuple(sorted(left, key=lambda finding: (order.index(finding.mark), -finding.weight)))
