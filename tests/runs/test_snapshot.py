"""What a checkpoint keeps of the files beside it, and how a difference is said."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from cvkit import CheckpointError, EpochRecord
from cvkit.checkpoint.serialization import pack, unpack
from cvkit.runs.snapshot import RunSnapshot, gap, record_differences


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
    with pytest.raises(CheckpointError):
        RunSnapshot.of(state)


def test_copies_that_are_refused_are_told_by_their_place(wording):
    """A recipe that stands on another file is not whole."""
    state = RunSnapshot("name: a\n", [], (ONE,), {}).state() | {"recipe": "extends: other.yaml\n"}
    with pytest.raises(CheckpointError, match="extends") as caught:
        RunSnapshot.of({"kept": state})
    assert str(caught.value) == wording


def test_earlier_checkpoint_keeps_nothing():
    """One that was written before copies were kept."""
    assert RunSnapshot.of({"step": 3}) is None


@pytest.mark.parametrize(
    ("found", "epochs"),
    [
        pytest.param([TWO, THREE], "1", id="first lacking"),
        pytest.param([ONE, THREE], "2", id="second lacking"),
        pytest.param([ONE, TWO], "3", id="last lacking"),  # it is written before the checkpoint that holds its copy
        pytest.param([], "1-3", id="all lacking"),
        pytest.param([ONE, ONE, TWO, THREE], "1", id="first doubled"),
        pytest.param([ONE, TWO, THREE, THREE], "3", id="last doubled"),
        pytest.param([ONE, replace(TWO, test_accuracy=0.9), THREE], "2", id="changed"),
        pytest.param([ONE, None, THREE], "2", id="unreadable"),
        pytest.param([TWO, ONE, THREE], None, id="moved"),
    ],
)
def test_difference_of_records_is_said_by_epoch(found, epochs, wording):
    """Dropped, doubled, changed, unreadable or moved lines."""
    told = record_differences(found, (ONE, TWO, THREE))
    assert re.findall(r"\d\S*", told) == ([] if epochs is None else [epochs])
    assert told == wording


@pytest.mark.parametrize("later", [(), (record(4), record(5))])
def test_what_a_kill_leaves_is_no_difference(later):
    """Epochs after the checkpoint are trained again."""
    assert record_differences([ONE, TWO, THREE, *later], (ONE, TWO, THREE)) == ""


@pytest.mark.parametrize(
    ("records", "epochs"),
    [
        pytest.param([ONE], ["2"], id="last lacking"),
        pytest.param([TWO], ["1"], id="first lacking"),
        pytest.param([ONE, ONE, TWO], [], id="doubled"),
        pytest.param([ONE, replace(TWO, step=3)], [], id="step that does not go up"),
    ],
)
def test_gap_is_found_without_a_copy(records, epochs, wording):
    """Epochs are 1, 2, ... and their steps go up."""
    told = gap(records, 2)
    assert re.findall(r"\d\S*", told) == epochs
    assert told == wording


def test_records_without_a_gap_have_none():
    """As many as there were epochs."""
    assert gap([ONE, TWO], 2) == ""
