"""The callback `plateau` reduces the rate as torch's `ReduceLROnPlateau` does."""

from __future__ import annotations

import json

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau

from cvkit import EpochRecord, Goals
from cvkit.checkpoint.serialization import pack, unpack
from cvkit_torch.callbacks import Plateau

GOALS = Goals({"train_loss": "min", "accuracy": "max", "loss": "min"})


def record(epoch: int, value: float) -> EpochRecord:
    return EpochRecord(
        epoch, epoch, value, 0.5, None, None, 0.1, 1.0, 1.0, (1.0,), (0.1,),
        validation_loss=value, validation_accuracy=value,
    )  # fmt: skip


def sequence(seed: int) -> list[float]:
    """A value that falls, with noise, and then no longer does."""
    draws = torch.rand(40, generator=torch.Generator().manual_seed(seed)).tolist()
    return [max(0.3, 1 - epoch / 15) + 0.2 * draw for epoch, draw in enumerate(draws)]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2, "factor": 0.5},
        {"patience": 0, "factor": 0.3, "cooldown": 2},
        {"patience": 1, "threshold": 0.1, "threshold_mode": "abs"},
        {"patience": 3, "threshold": 0.2},
        {"patience": 0, "factor": 0.1, "min_factor": 0.02},
        {"patience": 2, "metric": "accuracy"},
        {"patience": 2, "metric": "train_loss", "goal": "max", "threshold_mode": "abs"},
    ],
)
def test_rates_are_those_of_torch(options, seed):
    """At every epoch, with the same values."""
    optimizer = SGD([torch.zeros(())], lr=0.4)
    given = dict(options)
    metric, goal = given.pop("metric", "loss"), given.pop("goal", "")
    mode = goal or ("max" if metric == "accuracy" else "min")
    least = 0.4 * given.pop("min_factor", 0.0)
    torchs = ReduceLROnPlateau(optimizer, mode, **{"factor": 0.1, **given}, min_lr=least, eps=0.0)
    mine, rate, changes = Plateau(GOALS, **options), 0.4, 0
    for epoch, value in enumerate(sequence(seed), start=1):
        torchs.step(value)
        decision = mine.after_epoch(record(epoch, value))
        if decision is not None:
            rate, changes = 0.4 * decision.lr_factor, changes + 1
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12, abs=0)
    assert changes > 0


def test_state_is_data_and_complete():
    """After any epoch a new object goes on as the old one does."""
    values = sequence(2)
    for stop in range(0, 30, 3):
        old, new = Plateau(GOALS, patience=1, cooldown=1), Plateau(GOALS, patience=1, cooldown=1)
        for epoch, value in enumerate(values[:stop], start=1):
            old.after_epoch(record(epoch, value))
        packed, tensors = pack(old.state_dict())
        new.load_state_dict(unpack(json.loads(json.dumps(packed)), tensors))
        for epoch, value in enumerate(values[stop:], start=stop + 1):
            assert old.after_epoch(record(epoch, value)) == new.after_epoch(record(epoch, value))


def test_reason_names_the_value_and_the_epochs():
    """For the line of the run and for its report."""
    slow, fast = Plateau(GOALS, patience=1), Plateau(GOALS, patience=0, metric="train_loss")
    assert [one.after_epoch(record(1, 0.5)) for one in (slow, fast)] == [None, None]
    assert fast.after_epoch(record(2, 0.5)).reason == "the training loss did not improve for an epoch"
    assert slow.after_epoch(record(2, 0.5)) is None
    assert slow.after_epoch(record(3, 0.5)).reason == "the validation loss did not improve for 2 epochs"
