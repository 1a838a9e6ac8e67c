"""A run folder's JSON files are held to their shapes: what a run writes passes, and an error names the field."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from cvkit.data.splits import DataInfo
from cvkit.engine.records import EpochRecord
from cvkit.runs.folder import RunFolder
from cvkit.runs.json_files import DataInfoShape, RunInfo, _Record, read_info, read_record, read_tuning

RECORD = {
    "epoch": 1,
    "step": 2,
    "train_loss": 1.5,
    "train_accuracy": 0.5,
    "test_loss": 1,
    "test_accuracy": 1.0,
    "learning_rate": 0.1,
    "images_per_second": 100.0,
    "seconds": 0.5,
    "step_losses": [1.0, 2.0],
    "step_lrs": [0.1, 0.1],
    "step_momenta": [],
}
TUNED = {"tuner": "a/b", "sets": "scheduler.max_lr", "name": "tuning_1_b", "title": "", "caption": "", "value": None}


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def test_every_field_of_a_record_and_of_the_data_is_declared():
    """A field that is added there and not here would make every new run unreadable."""
    earlier = {"test_accuracy_tta", "test_accuracy_unaveraged"}  # names of fields until 0.1
    assert set(_Record.model_fields) - earlier == {field.name for field in fields(EpochRecord)}
    assert set(DataInfoShape.model_fields) == {field.name for field in fields(DataInfo)}


def test_epoch_of_mixed_images_is_read_as_it_was_written():
    """It has no training accuracy."""
    record = read_record(encoded(RECORD | {"train_accuracy": None}))
    assert record.train_accuracy is None
    assert read_record(encoded(record.to_json())) == record


def test_record_is_read_as_it_was_written():
    """Those of a cvkit that measured less, too."""
    record = read_record(encoded(RECORD))
    assert (record.step, record.step_losses, record.accuracy_tta) == (2, (1.0, 2.0), None)
    assert read_record(encoded(record.to_json())) == record


def test_figure_of_which_a_file_is_lost_is_none(tmp_path):
    """A report goes on without it, and a run that is extended takes no half of it along."""
    folder = RunFolder(tmp_path)
    folder.write("figures/tuning_1_test.svg", b"<svg/>")
    assert folder.figure_files("tuning_1_test") == {}
    assert folder.load_figure("tuning_1_test", "A figure", "") is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epoch": True}, "epoch"),
        ({"epoch": 0}, "epoch"),
        ({"epoch": 10**30}, "epoch"),
        ({"test_loss": float("nan")}, "NaN"),
        ({"test_loss": float("-inf")}, "-Infinity"),
        ({"test_accuracy": 1.5}, "test_accuracy"),
        ({"step_losses": "ab"}, "step_losses"),
        ({"step_lrs": [0.1]}, "step_lrs"),
        ({"step_momenta": [1e308, -1e308]}, r"step_momenta\.0"),
        ({"step_losses": [-1e308, 1.0]}, r"step_losses\.0"),
        ({"step": 1}, "step"),
        ({"seconds": -1}, "seconds"),
        ({"other": 1}, "other"),
    ],
)
def test_record_of_another_shape_is_told_by_its_field(change, named):
    """Types are exact, numbers finite, and series as long as each other."""
    with pytest.raises(ValueError, match=rf"(?<!\w){named}(?!\w)"):
        read_record(encoded(RECORD | change))


@pytest.mark.parametrize(
    "change",
    [{"test_loss": float("nan")}, {"step_lrs": [0.1]}, {"step": 1}, {"other": 1}],
    ids=lambda change: next(iter(change)),
)
def test_record_of_another_shape_is_told_in_a_sentence(change, wording):
    """Where the reason is cvkit's own, and not that of the library which checks types."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the sentence is the snapshot's
        read_record(encoded(RECORD | change))
    assert str(caught.value) == wording


def test_infinity_written_as_a_number_is_one():
    """A number too large for a float reads as infinite."""
    with pytest.raises(ValueError, match="test_loss"):
        read_record(encoded(RECORD).replace(b'"test_loss": 1,', b'"test_loss": 1e999,'))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b'{"name": "a", "name": "b"}', "name"),
        (b'{"step": ' + b"9" * 5000 + b"}", "5000"),
        (b"\xff", "utf-8"),
        (b"[]", "list"),
        (b'{"name": "../x"}', "name"),
        (b'{"name": "/x"}', "name"),
        (b'{"data_info": {"channels": 3}}', r"data_info\.height"),
        (b'{"components": [{"place": "model", "id": 1}]}', r"components\.0\.id"),
        (b'{"extended": [{"from": "x"}]}', r"extended\.0\.after_step"),
        (b'{"warnings": "text"}', "warnings"),
    ],
)
def test_run_json_of_another_shape_is_told_by_its_field(content, named):
    """Whatever is wrong with it."""
    with pytest.raises(ValueError, match=rf"(?<!\w){named}(?!\w)"):
        read_info(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested"),
        pytest.param(b'{"name": "a", "name": "b"}', id="a key twice"),
    ],
)
def test_run_json_of_another_shape_is_told_in_a_sentence(content, wording):
    """Where it is wrong as a whole."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the sentence is the snapshot's
        read_info(content)
    assert str(caught.value) == wording


def test_run_json_of_another_cvkit_is_read():
    """An earlier one wrote fewer fields, a later one may write more; names that are no Unicode stay as they are."""
    assert read_info(b"{}") == {}
    assert read_info(b'{"later": [1], "name": "a"}') == {"later": [1], "name": "a"}
    info = {"channels": 1, "height": 8, "width": 8, "classes": ["a\udcff"], "mean": [0.5], "std": [0.5]}
    assert read_info(encoded({"data_info": info}))["data_info"] == info
    assert RunInfo.model_fields.keys() >= {"status", "data", "sessions"}


@pytest.mark.parametrize(
    "change", [{"name": "../x"}, {"name": "/x"}, {"name": "a/b"}, {"name": ""}, {"data": []}, {"title": None}]
)
def test_tuning_of_another_shape_is_refused(change):
    """A name is part of a file's name, and of nothing else."""
    assert read_tuning(encoded([TUNED | {"data": {}}])) == [TUNED | {"data": {}}]
    with pytest.raises(ValueError, match=rf"results\.0\.{next(iter(change))}\b"):
        read_tuning(encoded([TUNED | {"data": {}} | change]))
