"""The progress of an epoch: values for each step, which stay on the device until they are read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..data.splits import Half
from .predictions import Predictions
from .records import EpochRecord


class Taken(NamedTuple):
    """The measurements of an optimizer step, on the device: reading them makes the host wait.

    Attributes:
        loss: The mean loss over the samples, a float32 scalar.
        hits: The number of correct predictions, an int64 scalar. It is negative if there is nothing to compare with:
            a mixed image has no label, and a label set needs thresholds.
        terms: The mean over the samples of each term of the loss, without its weight; empty if there is only one.
    """

    loss: Tensor
    hits: Tensor
    terms: Mapping[str, Tensor]


class EpochProgress:
    """The steps of one epoch so far. A checkpoint can save and restore it.

    Attributes:
        losses: Mean loss of each step, float32 (steps,) on the device, filled up to `taken`.
        counts: Images in each step so far.
        samples: Images in all steps so far.
        rates: Learning rate of each step.
        momenta: Momentum of each step; empty if the optimizer has none.
        group_rates: Learning rate of each named parameter group in the last step; empty if there are none.
        terms: Mean of each term of the loss in each step, like `losses`; empty if there is only one.
        last_loss: The mean of the latest losses when they were last read.
        last_accuracy: The accuracy when the losses were last read; None if there is none.
    """

    def __init__(self, steps: int, device: torch.device) -> None:
        self.losses = torch.zeros(steps, device=device)
        self.counts: list[int] = []
        self.samples = 0
        self.rates: list[float] = []
        self.momenta: list[float] = []
        self.group_rates: dict[str, float] = {}
        self.terms: dict[str, Tensor] = {}
        self.last_loss = float("nan")
        self.last_accuracy: float | None = None
        self._hits = torch.zeros((), dtype=torch.int64, device=device)
        self._seconds = 0.0
        self._started: float | None = None

    @property
    def taken(self) -> int:
        """The number of optimizer steps taken in this epoch."""
        return len(self.counts)

    @property
    def speed(self) -> float | None:
        """Images per second of training in this epoch; None if no time was measured yet."""
        return self.samples / self._seconds if self._seconds > 0 else None

    def start_clock(self) -> None:
        """Start to measure training time."""
        self._started = time.perf_counter()

    def stop_clock(self) -> None:
        """Stop measuring training time."""
        if self._started is not None:
            self._seconds += time.perf_counter() - self._started
            self._started = None

    def add(self, taken: Taken, samples: int, rate: float, momentum: float | None) -> None:
        """Add the measurements of a step; they stay on the device."""
        self.losses[self.taken] = taken.loss
        for name, term in taken.terms.items():
            self.terms.setdefault(name, torch.zeros_like(self.losses))[self.taken] = term
        self._hits += taken.hits
        self.counts.append(samples)
        self.samples += samples
        self.rates.append(rate)
        if momentum is not None:
            self.momenta.append(momentum)

    def first_non_finite(self) -> int | None:
        """Return the first step whose loss is not finite, or None.

        It reads the device and updates `last_loss` and `last_accuracy`.
        """
        losses = self.losses[: self.taken].cpu()
        self.last_loss = float(losses[-20:].mean())
        hits = int(self._hits)
        self.last_accuracy = None if hits < 0 or not self.samples else hits / self.samples
        bad = (~torch.isfinite(losses)).nonzero()
        return int(bad[0]) if len(bad) else None

    def record(
        self,
        epoch: int,
        step: int,
        predictions: Mapping[Half, Predictions],
        viewed: Predictions | None,
        unaveraged: Predictions | None,
    ) -> EpochRecord:
        """Return the record of the epoch from the `predictions` of each evaluated half.

        `viewed` are predictions with TTA, `unaveraged` those of the trained weights.
        """
        test, validation = predictions.get("test"), predictions.get("validation")
        losses = self.losses[: self.taken].cpu().double()  # on the CPU, because Apple's GPUs have no float64
        weights = torch.tensor(self.counts, dtype=torch.float64)
        terms = {name: values[: self.taken].cpu().double() for name, values in self.terms.items()}
        return EpochRecord(
            epoch=epoch,
            step=step,
            train_loss=float((losses * weights).sum() / weights.sum()),
            train_accuracy=None if int(self._hits) < 0 else int(self._hits) / self.samples,
            test_loss=None if test is None else test.loss,
            learning_rate=self.rates[-1],
            images_per_second=self.samples / self._seconds,
            seconds=self._seconds,
            step_losses=tuple(losses.tolist()),
            step_lrs=tuple(self.rates),
            step_momenta=tuple(self.momenta),
            tta_views=() if viewed is None else viewed.views,
            validation_loss=None if validation is None else validation.loss,
            group_lrs=self.group_rates,
            train_terms={name: float((values * weights).sum() / weights.sum()) for name, values in terms.items()},
            **EpochRecord.score_fields(
                {"test": test, "validation": validation, "tta": viewed, "unaveraged": unaveraged}
            ),
        )

    def state(self) -> dict[str, Any]:
        """Return the progress as plain values and tensors."""
        return {
            "losses": self.losses,
            "terms": self.terms,
            "hits": self._hits,
            "counts": self.counts,
            "rates": self.rates,
            "momenta": self.momenta,
            "group_rates": self.group_rates,
            "seconds": self._seconds,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], device: torch.device) -> EpochProgress:
        """Return the progress that `state` returned."""
        progress = cls(len(state["losses"]), device)
        progress.losses.copy_(state["losses"])
        progress._hits.copy_(state["hits"])
        progress.counts, progress.rates, progress.momenta = (list(state[k]) for k in ("counts", "rates", "momenta"))
        progress.group_rates = dict(state.get("group_rates", {}))  # older checkpoints do not contain it
        progress.terms = {name: values.to(device, copy=True) for name, values in state.get("terms", {}).items()}
        progress.samples, progress._seconds = sum(progress.counts), state["seconds"]
        return progress


def epochs_trained(state: dict[str, Any]) -> int:
    """Return how many epochs of a run's state have all their steps; the last one may not be evaluated yet."""
    under_way = state["progress"]
    whole = under_way is not None and len(under_way["counts"]) == len(under_way["losses"])
    return int(state["epoch"]) + whole
