"""How far an epoch has come: per-step series, kept on the device until someone asks."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from .records import EpochRecord, Predictions


class EpochProgress:
    """The steps of one epoch so far; complete enough to be saved and gone on with.

    `losses`: float32 (steps,) on the device, one mean loss a step, filled up to `taken`. `rates`, `momenta`: as
    used by each step; `momenta` is empty where the optimizer has none. `counts` says how many of the `samples`
    images seen so far each step held.
    """

    def __init__(self, steps: int, device: torch.device) -> None:
        self.losses = torch.zeros(steps, device=device)
        self.counts: list[int] = []
        self.samples = 0
        self.rates: list[float] = []
        self.momenta: list[float] = []
        self.last_loss = float("nan")
        self._hits = torch.zeros((), dtype=torch.int64, device=device)
        self._seconds = 0.0
        self._started: float | None = None

    @property
    def taken(self) -> int:
        """Optimizer steps taken in this epoch."""
        return len(self.counts)

    def start_clock(self) -> None:
        """Count training time from now on."""
        self._started = time.perf_counter()

    def stop_clock(self) -> None:
        """Stop counting training time: what happens now is not training."""
        if self._started is not None:
            self._seconds += time.perf_counter() - self._started
            self._started = None

    def add(self, loss: Tensor, hits: Tensor, samples: int, rate: float, momentum: float | None) -> None:
        """Note a step's mean loss and hits, scalars that stay on the device."""
        self.losses[self.taken] = loss
        self._hits += hits
        self.counts.append(samples)
        self.samples += samples
        self.rates.append(rate)
        if momentum is not None:
            self.momenta.append(momentum)

    def first_non_finite(self) -> int | None:
        """Return the first step whose loss is not finite, or None; reads the device, and updates `last_loss`."""
        losses = self.losses[: self.taken].cpu()
        self.last_loss = float(losses[-20:].mean())
        bad = (~torch.isfinite(losses)).nonzero()
        return int(bad[0]) if len(bad) else None

    def record(
        self,
        epoch: int,
        step: int,
        predictions: Predictions,
        flipped: Predictions | None,
        unaveraged: Predictions | None,
    ) -> EpochRecord:
        """Return the epoch's record; `flipped`: predictions with TTA; `unaveraged`: of the trained weights."""
        losses = self.losses[: self.taken].cpu().double()  # there, as Apple's GPUs have no float64
        weights = torch.tensor(self.counts, dtype=torch.float64)
        return EpochRecord(
            epoch=epoch,
            step=step,
            train_loss=float((losses * weights).sum() / weights.sum()),
            train_accuracy=int(self._hits) / self.samples,
            test_loss=predictions.loss,
            test_accuracy=predictions.accuracy,
            learning_rate=self.rates[-1],
            images_per_second=self.samples / self._seconds,
            seconds=self._seconds,
            step_losses=tuple(losses.tolist()),
            step_lrs=tuple(self.rates),
            step_momenta=tuple(self.momenta),
            test_accuracy_tta=None if flipped is None else flipped.accuracy,
            test_accuracy_unaveraged=None if unaveraged is None else unaveraged.accuracy,
        )

    def state(self) -> dict[str, Any]:
        """Return the progress as plain values and tensors."""
        return {
            "losses": self.losses,
            "hits": self._hits,
            "counts": self.counts,
            "rates": self.rates,
            "momenta": self.momenta,
            "seconds": self._seconds,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], device: torch.device) -> EpochProgress:
        """Return the progress that `state` described."""
        progress = cls(len(state["losses"]), device)
        progress.losses.copy_(state["losses"])
        progress._hits.copy_(state["hits"])
        progress.counts, progress.rates, progress.momenta = (list(state[k]) for k in ("counts", "rates", "momenta"))
        progress.samples, progress._seconds = sum(progress.counts), state["seconds"]
        return progress


def epochs_trained(state: dict[str, Any]) -> int:
    """Return how many epochs a run's state has all steps of; the last of them may not be evaluated yet."""
    under_way = state["progress"]
    whole = under_way is not None and len(under_way["counts"]) == len(under_way["losses"])
    return int(state["epoch"]) + whole
