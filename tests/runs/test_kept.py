"""What a checkpoint keeps of the files beside it, and how a difference is said."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cvkit import CheckpointError, EpochRecord
from cvkit.checkpoint.serialization import pack, unpack
from cvkit.runs.snapshot import RunSnapshot, gap, told_apart


def record(epoch: int) -> EpochRecord:
    losses = (1 / 3, 0.1 + 0.2, epoch / 7)[: 1 + epoch % 3]
    return EpochRecord(epoch, 8 * epoch, 1 / 3, 0.5, 1e-17, 0.25, 0.1, 1e6, 0.1, losses, losses, (), None)


TUNED = {"tuner": "a/t", "sets": "scheduler.max_lr", "name": "tuning_1_t", "title": "T", "caption": "", "value": 0.1}


ONE, TWO, THREE = map(record, (1, 2, 3))


@pytest.mark.parametrize("records", [(), (ONE,), (ONE, TWO, THREE)])
def test_what_is_kept_reads_back_to_the_bit(records):
    """Through a checkpoint's JSON and tensors; series may have other lengths each epoch."""
    kept = RunSnapshot("name: a\n", [TUNED | {"data": {"x": [1, 2.5]}}], records, {"environment": {"torch": "2"}})
    data, tensors = pack({"kept": kept.state()})
    assert RunSnapshot.of(unpack(json.loads(json.dumps(data)), tensors)) == kept


@pytest.mark.parametrize(
    "damage",
    [
        {"recipe": "]["},
        {"recipe": "extends: other.yaml\n"},
        {"records": {"values": 3}},
        {"records": {"values": [{"epoch": 1}], "lengths": {}, "series": {}}},
        {"records": {"values": [], "lengths": {"step_losses": [1]}, "series": {}}},
        {"tuning": {}},
        {"tuning": [{"tuner": "a/t", "name": "../../x"}]},
        {"info": []},
        {"info": {"sessions": [{}]}},
    ],
)
def test_copies_of_another_shape_are_refused(damage):
    """A checkpoint that somebody else wrote may hold anything; its digests fit."""
    state = {"kept": RunSnapshot("name: a\n", [], (ONE,), {}).state() | damage}
    with pytest.raises(CheckpointError, match="cannot be used: its copies of the files beside it: "):
        RunSnapshot.of(state)


def test_earlier_checkpoint_keeps_nothing():
    """One that was written before copies were kept."""
    assert RunSnapshot.of({"step": 3}) is None


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([ONE, TWO, THREE], ""),
        ([ONE, TWO], "lacks epoch 3"),  # a line is written before the checkpoint that holds its copy
        ([ONE, TWO, THREE, record(4), record(5)], ""),  # which are trained again
        ([TWO, THREE], "lacks epoch 1"),
        ([], "lacks epoch 1-3"),
        ([ONE, THREE], "lacks epoch 2"),
        ([ONE, ONE, TWO, THREE], "repeats epoch 1"),
        ([ONE, TWO, THREE, THREE], "repeats epoch 3"),
        ([ONE, replace(TWO, test_accuracy=0.9), THREE], "holds another record of epoch 2"),
        ([ONE, None, THREE], "lacks epoch 2 and has a line that does not read"),
        ([TWO, ONE, THREE], "has its epochs in another order"),
    ],
)
def test_difference_of_records_is_said_by_epoch(found, said):
    """Dropped, doubled, changed, unreadable or moved lines; not what a kill leaves."""
    assert told_apart(found, (ONE, TWO, THREE)) == said


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([ONE, TWO], ""),
        ([ONE], "lacks epoch 2"),
        ([TWO], "lacks epoch 1"),
        ([ONE, ONE, TWO], "repeats epochs, or has them in another order"),
        ([ONE, replace(TWO, step=3)], "repeats epochs, or has them in another order"),
    ],
)
def test_gap_is_found_without_a_copy(records, said):
    """Epochs are 1, 2, ... and their steps go up."""
    assert gap(records, 2) == said
