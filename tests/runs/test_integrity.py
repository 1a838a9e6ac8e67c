"""A run continues with its own recipe, data and checkpoints, or with a change that was accepted and is reported."""

from __future__ import annotations

import html
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from damages import RECIPE, Outcome, resumed, stopped_run

from cvkit import CheckpointError, RunError, discover
from cvkit.checkpoint.files import write_checkpoint
from cvkit.cli import main
from cvkit.data.splits import TensorSplit
from cvkit.engine.assembly import build_parts
from cvkit.engine.trainer import Trainer
from cvkit.recipe import dump, read, read_text, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.repair import agree_on_recipe
from cvkit.runs.restore import restore_run
from cvkit.runs.session import Session
from cvkit.runs.snapshot import RunSnapshot
from cvkit.runs.unfinished import newest_unfinished

pytestmark = pytest.mark.usefixtures("one_thread")
CATALOG = discover(distributions=["cvkit-core"])


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A run that was stopped within its third epoch."""
    return stopped_run(tmp_path_factory.mktemp("stopped"))


@pytest.fixture
def stopped(original, tmp_path) -> Path:
    """A copy of it to be changed."""
    shutil.copytree(original, tmp_path / "run")
    return tmp_path / "run"


def session_of(path: Path, *, digest: str | None = None, accept: bool = False) -> Session:
    """Return a session that would continue the run, on data of another digest where one is given."""
    recipe = resolve(read(path / "recipe.yaml"), CATALOG)
    splits = recipe.dataset.build(path)
    splits = splits if digest is None else replace(splits, digest=digest)
    return Session(build_parts(recipe, splits), RunFolder(path), path, CATALOG, accept_changes=accept)


def edit(path: Path, old: str, new: str) -> None:
    text = (path / "recipe.yaml").read_text()
    assert old in text
    (path / "recipe.yaml").write_text(text.replace(old, new))


def without_copies(path: Path) -> None:
    """Write the run's checkpoint as an earlier cvkit did."""
    state, _ = RunFolder(path).newest_state()
    shutil.rmtree(path / "checkpoints")
    write_checkpoint(path / "checkpoints", state["step"], {k: v for k, v in state.items() if k != "kept"})


def from_the_error(said: str) -> str:
    """The lines from the error on; those before depend on the machine."""
    return said[said.index("error: ") :]


def test_change_that_a_run_can_take_over_waits_for_being_accepted(stopped, wording):
    """It is refused at first, with what was and is; accepted, it is used, and the report says so, also later."""
    edit(stopped, "checkpoint_every: 3", "checkpoint_every: null")
    files = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    code, said = resumed(stopped)
    assert code == 2
    assert "train.checkpoint_every" in said
    assert "--accept-changes" in said
    assert from_the_error(said) == wording(name="refused")
    assert {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()} == files
    code, said = resumed(stopped, "--accept-changes")
    assert code == 0, said
    (told,) = [line for line in RunFolder(stopped).info()["warnings"] if "train.checkpoint_every" in line]
    assert told == wording(name="accepted")
    assert f"warning: {told}" in said
    assert told in html.unescape((stopped / "report.html").read_text())
    assert "checkpoint_every: null" in RunFolder(stopped).snapshot().recipe
    session_of(stopped).start()


def test_change_of_what_is_trained_is_refused_though_it_is_accepted(stopped, wording):
    """An optimizer's options lie in the checkpoint: the report would name one value, the training use another."""
    edit(stopped, "weight_decay: 0.0005", "weight_decay: 0.5")
    code, said = resumed(stopped, "--accept-changes")
    assert code == 2
    assert all(part in said for part in ("optimizer.weight_decay", "0.0005", "0.5", "cvkit run"))
    assert from_the_error(said) == wording
    (stopped / "recipe.yaml").unlink()
    assert resumed(stopped)[0] == 0
    assert "weight_decay: 0.0005" in (stopped / "recipe.yaml").read_text()


def test_damaged_recipe_is_kept_beside_the_one_put_back(stopped):
    """What somebody wrote there is not lost."""
    text = (stopped / "recipe.yaml").read_text()
    (stopped / "recipe.yaml").write_text("model: [\n")
    session = Session(
        build_parts(resolve(read_kept(stopped), CATALOG), data(stopped)), RunFolder(stopped), stopped, CATALOG
    )
    session.start()
    assert (stopped / "recipe.yaml").read_text() == text
    assert (stopped / "recipe.damaged.yaml").read_text() == "model: [\n"
    assert any("recipe.damaged.yaml" in line for line in session.warnings)


def test_recipe_that_lost_a_default_is_told_and_left(stopped, wording):
    """It means the same, so the run goes on with it."""
    edit(stopped, "  clip_norm: null\n", "")
    session = session_of(stopped)
    session.start()
    assert "clip_norm" not in (stopped / "recipe.yaml").read_text()
    (told,) = [line for line in session.warnings if "recipe.yaml" in line]
    assert told == wording


def test_remark_in_a_recipe_is_no_change(stopped):
    """No difference is reported, and the file stays."""
    edit(stopped, "name: small", "name: small  # mine")
    session = session_of(stopped)
    session.start()
    assert session.warnings == []
    assert "# mine" in (stopped / "recipe.yaml").read_text()


def read_kept(path: Path):
    return read_text(RunFolder(path).snapshot().recipe)


def data(path: Path):
    return resolve(read_kept(path), CATALOG).dataset.build(path)


def test_other_data_are_refused_until_that_is_accepted(stopped, wording):
    """The way on is in the error, and what was accepted is in the report's warnings."""
    refused = session_of(stopped, digest="other")
    with pytest.raises(CheckpointError) as caught:
        refused.start()
    refused.folder.unlock()
    assert "--accept-changes" in str(caught.value)
    assert str(caught.value) == wording(name="refused")
    session = session_of(stopped, digest="other", accept=True)
    session.start()
    assert session.warnings == wording(name="accepted")
    assert RunFolder(stopped).info()["warnings"] == session.warnings


@pytest.mark.parametrize("images", [30, 140])
@pytest.mark.parametrize("stopped_at", [16, 20])
def test_data_of_another_number_of_images_are_refused_though_accepted(
    original, tmp_path, images, stopped_at, wording
):
    """Epochs of other lengths fit neither the schedule nor the part of an epoch that a checkpoint holds."""
    run = tmp_path / "run"
    shutil.copytree(original, run)
    recipe = resolve(read(run / "recipe.yaml"), CATALOG)
    state, _ = RunFolder(run).newest_state()
    if stopped_at == 16:  # at the end of an epoch
        state |= {"step": 16, "progress": None, "schedule": {"taken": 16}}
    splits = recipe.dataset.build(run)
    other = TensorSplit(splits.train.images.repeat(2, 1, 1, 1)[:images], splits.train.labels.repeat(2)[:images])
    with pytest.raises(CheckpointError) as caught:
        restore_run(Trainer(build_parts(recipe, replace(splits, train=other, digest="other"))), state)
    assert str(caught.value) == wording


def test_digest_that_is_made_in_another_way_cannot_be_compared(stopped, wording):
    """Nothing is known against the data, so the run goes on and says so."""
    session = session_of(stopped, digest="sha512:0123")
    session.start()
    (told,) = session.warnings
    assert told == wording


def test_classes_in_another_order_are_refused_though_accepted(stopped, wording):
    """The model's outputs would mean other classes."""
    recipe = resolve(read(stopped / "recipe.yaml"), CATALOG)
    splits = recipe.dataset.build(stopped)
    turned = replace(splits, info=replace(splits.info, classes=splits.info.classes[::-1]), digest="other")
    session = Session(build_parts(recipe, turned), RunFolder(stopped), stopped, CATALOG, accept_changes=True)
    with pytest.raises(CheckpointError) as caught:
        session.start()
    assert str(caught.value) == wording


def test_recipe_that_run_resume_does_not_follow_is_told(tmp_path, monkeypatch, capsys, wording):
    """The run goes on by its own; what the file says otherwise is a warning, but for what a tuner has filled in."""
    stopped_run(tmp_path)
    (tmp_path / "small.yaml").write_text(RECIPE.replace("momentum: 0.9", "momentum: 0.8"))
    command = ["cvkit", "run", str(tmp_path / "small.yaml"), "--resume", "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert not ended.value.code, said
    (told,) = [line for line in said.splitlines() if "small.yaml" in line]
    assert all(part in told for part in ("optimizer.momentum", "0.9", "0.8"))
    assert told == wording


def test_data_set_that_was_moved_is_accepted_where_its_content_is_the_same(original):
    """Its path is no part of what is trained; other data of another path are refused."""
    recipe = resolve(read(original / "recipe.yaml"), CATALOG)
    text = dump(recipe)
    kept = RunSnapshot(text.replace("  train_size: 70\n", "  train_size: 70\n  path: there\n"), [], (), {})
    with pytest.raises(RunError, match=r"dataset\.path"):
        agree_on_recipe(RunFolder(original), kept, recipe, True)
    assert agree_on_recipe(RunFolder(original), kept, recipe, True, moved={"dataset.path"})


@pytest.mark.parametrize("key", ["sessions", "warnings"])
def test_list_of_run_json_that_lost_entries_is_put_back(stopped, key, wording):
    """A report says what changed between a run's sessions, so these are no less than its records."""
    first = session_of(stopped)
    first.warnings.append("something was left out")
    first.start()
    list(first.train())
    first.folder.unlock()
    info = json.loads((stopped / "run.json").read_text())
    (stopped / "run.json").write_text(json.dumps(info | {key: []}))
    again = session_of(stopped)
    again.start()
    (told,) = [line for line in again.warnings if "run.json" in line]
    assert told == wording
    assert "something was left out" in again.warnings
    assert len(RunFolder(stopped).info()["sessions"]) == 2


def test_data_without_a_digest_are_said_to_be_unchecked(stopped, wording):
    """As of a third party that gives none."""
    session = session_of(stopped, digest="")
    session.start()
    (told,) = session.warnings
    assert "datasets/shapes" in told
    assert told == wording


def test_checkpoint_of_an_earlier_version_goes_on_unchecked(stopped, wording):
    """It keeps no copies: that is said, and nothing else where the files are whole."""
    without_copies(stopped)
    session = session_of(stopped)
    session.start()
    (told,) = session.warnings
    assert told == wording
    assert [record.epoch for record in session.records] == [1, 2]


def test_gap_beside_a_checkpoint_of_an_earlier_version_is_told(stopped, wording):
    """Nobody has a copy of the first epoch; a run.json without what the run began with ends in no KeyError."""
    without_copies(stopped)
    records = (stopped / "metrics.jsonl").read_text().splitlines(keepends=True)
    (stopped / "metrics.jsonl").write_text(records[1])
    info = json.loads((stopped / "run.json").read_text())
    (stopped / "run.json").write_text(json.dumps({"status": info["status"]}))
    code, said = resumed(stopped)
    assert code == 0, said
    report = html.unescape((stopped / "report.html").read_text())
    for name in ("metrics.jsonl", "run.json"):
        (told,) = [
            line for line in RunFolder(stopped).info()["warnings"] if name in line and "tuning.json" not in line
        ]
        assert told == wording(name=name)
        assert told in said
        assert told in report


def test_run_whose_records_this_cvkit_does_not_know_does_not_start_over(stopped, wording):
    """A later cvkit wrote them; its run.json does not say that it was trained."""
    shutil.rmtree(stopped / "checkpoints")
    (stopped / "metrics.jsonl").write_text('{"epoch": 1, "of_a_later_cvkit": 1}\n')
    info = json.loads((stopped / "run.json").read_text())
    del info["trained"]
    (stopped / "run.json").write_text(json.dumps(info))
    with pytest.raises(RunError) as caught:
        session_of(stopped).start()
    assert str(caught.value) == wording


def test_run_that_lost_its_checkpoints_does_not_start_over(stopped, wording):
    """Two epochs were trained; also where the records went with them."""
    shutil.rmtree(stopped / "checkpoints")
    before = (stopped / "metrics.jsonl").read_bytes()
    with pytest.raises(CheckpointError) as caught:
        session_of(stopped).start()
    assert str(caught.value) == wording(name="with records")
    assert (stopped / "metrics.jsonl").read_bytes() == before
    (stopped / "metrics.jsonl").unlink()
    with pytest.raises(CheckpointError) as caught:
        session_of(stopped).start()
    assert str(caught.value) == wording(name="without records")


def test_damages_of_a_run_do_not_reach_the_one_it_is_extended_to(stopped, monkeypatch):
    """The new run gets the checkpoint's copies, and says so; the old one stays as it is."""
    (stopped / "metrics.jsonl").write_text("{}\n")
    (stopped / "run.json").write_text("")
    (stopped / "tuning.json").unlink()
    monkeypatch.setattr("sys.argv", ["cvkit", "extend", str(stopped), "--epochs", "4", "--schedule", "hold"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    (extended,) = [path for path in stopped.parent.iterdir() if path != stopped and path.is_dir()]
    assert [record.epoch for record in RunFolder(extended).records()] == [1, 2, 3, 4]
    assert RunFolder(extended).tuning()
    warnings = RunFolder(extended).info()["warnings"]
    assert all(
        name in line for name, line in zip(("metrics.jsonl", "tuning.json", "run.json"), warnings, strict=False)
    )
    assert (stopped / "run.json").read_text() == ""
    assert Outcome.of(extended).warnings == tuple(warnings)


@pytest.mark.parametrize("write", range(4))
def test_run_killed_while_it_starts_can_be_started_again(original, tmp_path, monkeypatch, write):
    """In place of each write of the start: `run --resume` goes on there, or passes it over, and nothing blocks."""
    (parent := tmp_path / "runs").mkdir()
    recipe = resolve(read(original / "recipe.yaml"), CATALOG)
    session = Session(
        build_parts(recipe, recipe.dataset.build(parent)), RunFolder.create(parent, "small"), parent, CATALOG
    )
    calls = iter(range(100))
    real = RunFolder.write

    def dying(folder, name, content):
        if next(calls) == write:
            raise KeyboardInterrupt
        real(folder, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write", dying)
        if write < 3:
            with pytest.raises(KeyboardInterrupt):
                session.start()
        else:
            session.start()  # which has no fourth write
    session.folder._lock.release()
    found, passed_over = newest_unfinished(parent, "small")
    if write < 2:
        assert found is None
        assert len(passed_over) == 1
        return
    assert passed_over == []
    assert found.info()["data"] == str(parent)
    again = session_of(found.path)
    again.start()
    assert again.records == []
    assert found.info()["status"] == "running"


def unfinished(parent: Path, folder: str, name: str, started: str, **more: str) -> Path:
    (path := parent / folder).mkdir()
    (path / "recipe.yaml").write_text("")
    (path / "run.json").write_text(json.dumps({"name": name, "started": started, "status": "running", **more}))
    return path


def test_neighbours_that_cannot_be_read_are_passed_over(tmp_path):
    """Each with a line; others' names that begin alike are no neighbours, nor are files."""
    good = unfinished(tmp_path, "a-2", "a", "2026-01-01 10:00:00 +0000")
    for number, content in enumerate(("", "[1]", '{"name": "a"}', '{"name": "a", "started": 3}')):
        (unfinished(tmp_path, f"a-bad{number}", "a", "") / "run.json").write_text(content)
    (tmp_path / "a-empty").mkdir()
    (tmp_path / "a-file").write_text("")
    (unfinished(tmp_path, "a-young", "a", "2026-02-01 10:00:00 +0000") / "recipe.yaml").unlink()
    unfinished(tmp_path, "a-b-1", "a-b", "2026-03-01 10:00:00 +0000")
    unfinished(tmp_path, "a-done", "a", "2026-03-01 10:00:00 +0000", status="finished")
    found, passed_over = newest_unfinished(tmp_path, "a")
    assert found.path == good
    assert len(passed_over) == 5  # one that does not say when it began is taken for the oldest
    assert newest_unfinished(tmp_path / "none", "a") == (None, [])
    assert newest_unfinished(tmp_path, "[ab]")[0] is None


def test_newest_is_told_by_the_time_and_not_by_its_text(tmp_path):
    """The clocks were put back an hour between the two, or the machine stands in another zone."""
    unfinished(tmp_path, "a-1", "a", "2026-10-25 02:50:00 +0200")
    later = unfinished(tmp_path, "a-2", "a", "2026-10-25 02:10:00 +0100")
    assert newest_unfinished(tmp_path, "a")[0].path == later
