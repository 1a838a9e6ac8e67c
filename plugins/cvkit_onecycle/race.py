"""Race candidates for an option: short trainings from the same weights, whose losses are compared in pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvkit import RunParts

from .race_plan import Plan, rounded
from .race_request import Judging

BLOCKS = 20
"""Parts of the images to judge by; their losses tell how much a difference depends on the images."""

APART = 2.0
"""Standard errors by which two candidates must differ to be distinguished."""

ORDER_NOISE = 2.0
"""Noise of a difference from the order of the data, as a multiple of that from the images, if there is one order.

Between the orders of the cases of benchmarks/regret.py it is one to three times as large.
"""

Losses = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """A candidate `value` after the trainings of a rung.

    `losses` are the mean losses on the images to judge by, by order of the data, and `accuracy` is the mean accuracy;
    both are None if a training diverged. `blocks`, (orders, blocks), are the losses on parts of these images.
    """

    value: float
    losses: tuple[float, ...] | None
    accuracy: float | None
    blocks: tuple[tuple[float, ...], ...] = ()

    @property
    def loss(self) -> float:
        """The mean loss over the orders; infinite if a training diverged."""
        return math.inf if self.losses is None else float(np.mean(self.losses))


@dataclass(frozen=True)
class Rung:
    """All candidates of a rung after trainings of `steps` steps, in the order of their values."""

    steps: int
    candidates: tuple[Trained, ...]

    @property
    def ranked(self) -> list[Trained]:
        """The candidates that did not diverge, with the lowest loss first."""
        finite = [each for each in self.candidates if each.losses is not None]
        return sorted(finite, key=lambda each: each.loss)

    @property
    def noise(self) -> dict[float, float]:
        """The standard error of the difference between each candidate and the best, by the candidate's value.

        It consists of the noise from the images and from the order of the data. With several orders, the latter is
        the median over the candidates of the standard deviation over the orders, because a candidate near divergence
        varies far more than the others.
        """
        best, *others = self.ranked
        pairs = {other.value: np.array(other.blocks) - np.array(best.blocks) for other in others}
        orders = len(best.blocks)
        of_images = {value: _standard_error(pair.mean(axis=0)) for value, pair in pairs.items()}
        if orders == 1:
            return {value: math.hypot(1.0, ORDER_NOISE) * noise for value, noise in of_images.items()}
        spreads = [float(pair.mean(axis=1).std(ddof=1)) for pair in pairs.values()]
        of_order = float(np.median(spreads)) / math.sqrt(orders) if spreads else 0.0
        return {value: math.hypot(noise, of_order) for value, noise in of_images.items()}

    @property
    def level(self) -> list[Trained]:
        """The best candidate and those that are not distinguished from it, in the order of their values."""
        if not self.ranked:
            return []
        best, noise = self.ranked[0], self.noise
        return [
            each
            for each in self.candidates
            if each is best or (each.value in noise and each.loss - best.loss <= APART * noise[each.value])
        ]

    @property
    def winner(self) -> Trained:
        """The middle one of the candidates that are not distinguished; of two in the middle, the one with less loss.

        The loss of most options has a single minimum, so the middle of a flat region is farther from both slopes.
        """
        level = self.level
        middle = level[(len(level) - 1) // 2 : len(level) // 2 + 1]
        return min(middle, key=lambda each: each.loss)

    def data(self) -> dict[str, Any]:
        """Return the rung as JSON-ready values."""
        noise = self.noise if self.ranked else {}
        return {
            "steps": self.steps,
            "candidates": [
                {name: value for name, value in asdict(each).items() if name != "blocks"}
                | {"standard_error": noise.get(each.value)}
                for each in self.candidates
            ],
            "not_told_apart": [each.value for each in self.level],
        }


def _standard_error(values: Losses) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0


@dataclass(frozen=True)
class Race:
    """A race for the option `target` of a run, judged on the images of `judging`.

    With `beyond`, the ends of the candidates are no limits: if the best of a rung is at an end and distinguished from
    all others, the next rung also trains the next value beyond.
    """

    run: RunParts
    target: str
    judging: Judging
    beyond: bool = False

    def rungs(self, plan: Plan, values: Sequence[float]) -> Iterator[Rung]:
        """Train the candidates, and after each rung the better half of them; yield each rung.

        Stops if none of the candidates that did not diverge is distinguished from the best.
        """
        left = sorted(values)
        for number, steps in enumerate(plan.steps):
            rung = Rung(steps, tuple(self.trained(value, number, steps, plan.orders) for value in left))
            yield rung
            if len(rung.level) == len(rung.ranked) or number + 1 == len(plan.steps):
                return
            left = self.next_values(rung, plan.sizes[number + 1])

    def next_values(self, rung: Rung, size: int) -> list[float]:
        """Return the candidates of the next rung."""
        kept = [each.value for each in rung.ranked[:size]]
        values, best = [each.value for each in rung.candidates], kept[0]
        if self.beyond and len(values) > 1 and len(rung.level) == 1 and best in (values[0], values[-1]):
            neighbour = values[1] if best == values[0] else values[-2]
            kept = [*kept[: size - 1], rounded(best * best / neighbour)]
        return sorted(kept)

    def trained(self, value: float, rung: int, steps: int, orders: int) -> Trained:
        """Train a candidate in each order of the data, and judge it."""
        losses, accuracies, blocks = [], [], []
        for order in range(orders):
            judged = self.judged(value, rung * orders + order, steps)
            if judged is None:
                return Trained(value, None, None)
            loss, accuracy, parts = judged
            losses.append(loss)
            accuracies.append(accuracy)
            blocks.append(tuple(parts))
        return Trained(value, tuple(losses), float(np.mean(accuracies)), tuple(blocks))

    def judged(self, value: float, order: int, steps: int) -> tuple[float, float, list[float]] | None:
        """Train a trial with the recipe's schedule in `steps` steps; None if a loss is not finite.

        Returns the loss and the accuracy on the images to judge by, and the losses on `BLOCKS` parts of them.
        """
        images = {"validate" if self.judging.validation else "hold_out": self.judging.count}
        with self.run.trial(
            "successive halving", order, values={self.target: value}, scheduled=True, steps=steps, **images
        ) as trial:
            if not all(map(math.isfinite, trial.take(steps))):
                return None
            predictions = trial.held_out()
            parts = trial.losses_of_parts(predictions, BLOCKS)
        if not all(map(math.isfinite, (predictions.loss, *parts))):
            return None
        return predictions.loss, predictions.accuracy, parts
