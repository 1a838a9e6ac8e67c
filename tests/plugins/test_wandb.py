"""The observer `wandb`, with the real library and without a network."""

from __future__ import annotations

import json
from collections import Counter
from importlib.util import find_spec

import pytest

if find_spec("wandb") is None:
    pytest.skip("wandb is not installed", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("one_thread", "unrendered")

RECIPE = """\
dataset: {name: shapes, train_size: 40, test_size: 20}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 2, batch_size: 20, workers: 0}
report: {misclassified: 0, augmented: 0}
observers: [{name: wandb, project: shapes, tags: [small]}]
"""


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """W&B reads its environment once in a process, so it forgets what an earlier test in this process set."""
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    wandb.teardown()


def records_of(folder):
    """The records in the files of every session of a run, in order, as W&B would upload them.

    W&B writes them in another process, which `teardown` waits for.
    """
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()
    for file in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")):
        for content in chunks(file.read_bytes()):
            record = Record()
            record.ParseFromString(content)
            yield record


def chunks(data, block=32_768, header=7):
    """The contents of a file in LevelDB's log format: pieces with a checksum, a length and a kind, in blocks."""
    place, held = header, b""
    while place + header <= len(data):
        if (left := block - place % block) < header:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        held += data[place + header : place + header + length]
        place += header + length
        if kind in (1, 4):  # a whole content, or its last piece
            yield held
            held = b""


def history(folder):
    """What was logged, one mapping for each call."""
    for record in records_of(folder):
        if record.HasField("history"):
            yield {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}


def test_run_is_reported_offline(cvkit_host):
    """The recipe, the steps, the epochs, the result, the report; and nothing outside the run folder."""
    result = cvkit_host.run(RECIPE)
    assert result.warnings == []
    logged = [*history(result.folder)]
    steps = [row for row in logged if "step/loss" in row]
    assert [row["step"] for row in steps] == [1, 2, 3, 4]
    assert [row["step/loss"] for row in steps] == pytest.approx(
        [loss for record in result.records for loss in record.step_losses]
    )
    epochs = [row for row in logged if "epoch" in row]
    assert [(row["step"], row["accuracy/test"]) for row in epochs] == [
        (record.step, record.test_accuracy) for record in result.records
    ]
    kinds = Counter(record.WhichOneof("record_type") for record in records_of(result.folder))
    assert kinds["artifact"] == 1
    (run,) = [record.run for record in records_of(result.folder) if record.HasField("run")][:1]
    config = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in run.config.update}
    assert (run.project, [*run.tags]) == ("shapes", ["small"])
    assert (config["model.name"], config["optimizer.lr"], config["train.epochs"]) == ("resnet/custom_resnet", 0.01, 2)


def test_resumed_run_continues_the_same_run_and_repeats_no_step(tmp_path):
    """The second session has the id of the first."""
    from cvkit.testing.observers import _new_folder, _play
    from cvkit_wandb.observer import WandbObserver

    folder = _new_folder(tmp_path)
    _play(WandbObserver(folder), folder, "interrupted", epochs=1)
    _play(WandbObserver(folder), folder, "finished", known=0)
    runs = {record.run.run_id for record in records_of(folder) if record.HasField("run")}
    assert len(runs) == 1
    assert len([*folder.glob("wandb/offline-run-*")]) == 2
    assert [row["step"] for row in history(folder) if "step/loss" in row] == [1, 2, 3, 4, 5, 6]
    assert [row["epoch"] for row in history(folder) if "epoch" in row] == [1, 2]


def test_epochs_that_wandb_lacks_are_reported_when_the_run_is_resumed(tmp_path):
    """The first session had no observer, or could not reach the server."""
    from cvkit.testing.observers import _new_folder, _play
    from cvkit_wandb.observer import WandbObserver

    folder = _new_folder(tmp_path)
    _play(WandbObserver(folder), folder, "finished", known=1)
    assert [row["step"] for row in history(folder) if "step/loss" in row] == [1, 2, 3, 4, 5, 6]
    assert [row["epoch"] for row in history(folder) if "epoch" in row] == [1, 2]


def test_link_in_the_run_folder_is_refused(tmp_path):
    """W&B would write through it."""
    from cvkit import RunError
    from cvkit.testing.observers import _new_folder, _play
    from cvkit_wandb.observer import WandbObserver

    folder = _new_folder(tmp_path)
    (folder / "wandb").symlink_to(tmp_path)
    with pytest.raises(RunError, match="is a link"):
        _play(WandbObserver(folder), folder, "finished")


def test_library_that_fails_does_not_end_the_run(cvkit_host, monkeypatch):
    """It is said once; the later events do nothing."""
    import wandb

    def refuse(**settings):
        raise ConnectionError("no route to the server")

    monkeypatch.setattr(wandb, "init", refuse)
    (line,) = cvkit_host.run(RECIPE).warnings
    assert "observer 'wandb/wandb'" in line
    assert "failed in run_started: ConnectionError: no route to the server" in line
