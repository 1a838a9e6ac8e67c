"""Averaged weights: over as many steps as there were, at most as many as the decay says."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from cvkit import EpochRecord
from cvkit.checkpoint.serialization import pack, unpack
from cvkit.engine.averaging import Averaged
from cvkit.engine.trainer import Step


def holding(value: float) -> nn.Module:
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(model.weight, value)
    return model


def averages(decay: float, values: list[float]) -> list[float]:
    averaged, kept = Averaged(holding(7.0), decay), []
    for value in values:
        averaged.update(holding(value))
        kept.append(averaged.module.weight.item())
    return kept


def test_decay_is_ramped_up_to_its_own():
    """min(d, (1 + t) / (10 + t)) over the updates t; the first takes the weights as they are."""
    expected, average = [], 0.0
    values = [float(step % 5) for step in range(60)]
    for t, value in enumerate(values):
        decay = min(0.8, (1 + t) / (10 + t)) if t else 0.0
        average = decay * average + (1 - decay) * value
        expected.append(average)
    assert averages(0.8, values) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("decay", [0.99, 0.999, 0.9999])
def test_short_run_is_averaged_over_its_end(decay):
    """Of 90 steps from 0 to 1 the average is near the end; by the decay alone it would be under a half."""
    assert 0.85 < averages(decay, [step / 89 for step in range(90)])[-1] < 0.95


def test_buffers_that_are_no_statistics_are_copied():
    """A mask of minus infinity would become not-a-number, and a counter a fraction."""
    model = nn.BatchNorm1d(2)
    model.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    averaged = Averaged(model, 0.9)
    for count in (3, 8, 21):
        model.num_batches_tracked.fill_(count)
        model.running_mean.fill_(float(count))
        averaged.update(model)
    assert averaged.module.mask.tolist() == [0.0, -torch.inf]
    assert int(averaged.module.num_batches_tracked) == 21
    assert 8 < float(averaged.module.running_mean[0]) < 21


def test_record_tells_both_accuracies(make_run):
    """The headline is that of the averaged weights; that of the trained weights is printed with it."""
    short = ("train.epochs=1", "scheduler=constant", "train.batch_size=32")
    averaged = [event for event in make_run("train.ema=0.9", *short).fit() if isinstance(event, EpochRecord)]
    plain = [event for event in make_run(*short).fit() if isinstance(event, EpochRecord)]
    assert [record.accuracy_unaveraged for record in averaged] == [record.test_accuracy for record in plain]
    assert [record.accuracy_unaveraged for record in plain] == [None]
    assert EpochRecord.from_json(averaged[0].to_json()) == averaged[0]
    older = {key: value for key, value in plain[0].to_json().items() if key != "accuracy_unaveraged"}
    assert EpochRecord.from_json(older) == plain[0]


@pytest.mark.parametrize(("ema", "warned"), [("0.999", True), ("0.9", True), ("0.79", False), ("null", False)])
def test_average_longer_than_the_run_is_warned_of(make_run, ema, warned):
    """24 steps are planned, and an average at a decay d needs about 5 / (1 - d)."""
    warnings = [line for line in make_run(f"train.ema={ema}").parts.warnings if "train.ema" in line]
    assert len(warnings) == warned
    assert all("24" in line for line in warnings)


def test_warning_of_an_average_that_is_too_long_says_what_to_do(make_run, wording):
    """And that the last results are those of early weights."""
    (told,) = [line for line in make_run("train.ema=0.999").parts.warnings if "train.ema" in line]
    assert told == wording


def test_resumed_run_goes_on_with_the_ramp(make_run, same):
    """Its updates are counted in the checkpoint."""
    whole, first, second = (make_run("train.ema=0.999") for _ in range(3))
    for _ in whole.fit():
        pass
    for event in first.fit():
        if isinstance(event, Step) and event.step == 13:
            packed, tensors = pack(first.state())
            break
    second.restore(unpack(json.loads(json.dumps(packed)), tensors))
    assert int(second.parts.ema.n_averaged) == 13
    for _ in second.fit():
        pass
    same(whole.parts.ema.state_dict(), second.parts.ema.state_dict())
