"""``cvkit calibrate``: probabilities that match the data, and images that a model declines."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from commands import Answer
from explained_run import train
from pages import without_any_number
from photos import photo
from PIL import Image

from cvkit.files.locked_folder import LockedFolder

DATA = ("dataset.train_size=100", "dataset.test_size=60", "dataset.validation_size=200", "train.epochs=2")


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory) -> Path:
    """A run folder whose data has validation images."""
    parent = tmp_path_factory.mktemp("with-validation")
    train(parent, *DATA)
    return next(parent.glob("small-*"))


@pytest.fixture
def run(trained_run, tmp_path, monkeypatch) -> Path:
    """A copy of it, called `run`, in the empty folder that is worked in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained_run, "run")
    return Path("run")


@pytest.fixture
def calibrate(cvkit, run, unrendered) -> Callable[..., Answer]:
    """Call the command for the run."""
    return lambda *options: cvkit("calibrate", run, *options)


@pytest.fixture
def pictures(run) -> Path:
    """A folder with three foreign pictures, one of them in a folder named after a class, and a file that is none."""
    folder = Path("foreign")
    (folder / "star").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "b.png", "star/c.png")):
        Image.fromarray(photo(seed, 40).permute(1, 2, 0).numpy()).save(folder / name)
    (folder / "text.png").write_text("not an image")
    return folder


def content(run: Path) -> dict[str, object]:
    """What calibration.json contains."""
    return dict(json.loads((run / "calibration.json").read_text()))


@pytest.mark.parametrize(
    "options",
    [(), ("--accuracy", "0.04"), ("--coverage", "0.8"), ("--error-rate", "0.2")],
    ids=["none", "accuracy", "coverage", "error rate"],
)
def test_calibration_is_written_and_printed(calibrate, run, options, snapshot):
    """The temperature, the rule, and a table of what was promised and measured; then the paths."""
    answer = calibrate(*options)
    assert answer.code == 0, answer.err
    shown = (answer.err + answer.out).replace(str(run.resolve()), "<run>")
    shown = re.sub(r"warning: a temperature is unusual.*\n", "", shown)  # it depends on the network that a CPU trains
    assert without_any_number(re.sub(r"  +", "  ", shown)) == snapshot
    assert content(run)["rule"] == ("conformal" if "--error-rate" in options else "threshold")
    assert "promise" in content(run)
    assert "Promised and measured" in (run / "calibration.html").read_text()


def test_page_of_a_run_is_only_added(calibrate, run):
    """No other file of the run changes, and nothing unfinished is left."""
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    assert calibrate("--coverage", "0.8").code == 0
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != ".lock"}
    assert {path.name for path in after.keys() - before.keys()} == {"calibration.json", "calibration.html"}
    assert before == {path: after[path] for path in before}


def test_foreign_images_are_counted(calibrate, pictures):
    """Images that cannot be read, and those in a folder with the name of a class, are reported."""
    answer = calibrate("--coverage", "0.5", "--foreign", pictures)
    assert answer.code == 0
    (row,) = [line for line in answer.out.splitlines() if line.startswith("foreign images declined")]
    assert row.endswith(" of 3")
    assert "text.png" in answer.err
    assert "1 foreign image may not be foreign" in answer.err


def test_temperatures_of_classes_are_fitted(calibrate, run):
    """Ten temperatures and ten biases; few images are reported."""
    answer = calibrate("--per-class")
    assert answer.code == 0
    assert len(content(run)["temperatures"]) == len(content(run)["biases"]) == 10
    assert "are few" in answer.err


def test_promise_that_cannot_be_kept_writes_nothing(calibrate, run):
    """The earlier calibration stays; the exit code is 1, because the images were predicted."""
    assert calibrate("--coverage", "0.5").code == 0
    before = content(run)
    for options, named in (
        (("--accuracy", "0.99"), "do not show an accuracy"),
        (("--error-rate", "0.001"), "lowest"),
    ):
        answer = calibrate(*options)
        assert (answer.code, named in answer.err) == (1, True)
    assert content(run) == before


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--accuracy", "0.9", "--coverage", "0.8"), "different rules"),
        (("--accuracy", "95"), "range"),
        (("--error-rate", "0"), "range"),
        (("--remove", "--coverage", "0.8"), "--remove"),
        (("--foreign", "."), "--foreign needs a rule"),
        (("--foreign", "nowhere", "--coverage", "0.8"), "nowhere"),
        (("--foreign", "empty", "--coverage", "0.8"), "no images"),
        (("--remove",), "no calibration"),
    ],
)
def test_mistake_is_reported_before_anything_is_computed(calibrate, run, options, named):
    """With exit code 2, and no file."""
    Path("empty").mkdir()
    answer = calibrate(*options)
    assert (answer.code, named in answer.err) == (2, True), answer.err
    assert not (run / "calibration.json").exists()


def test_calibration_can_be_removed(calibrate, run):
    """Both files are gone."""
    assert calibrate().code == 0
    answer = calibrate("--remove")
    assert (answer.code, answer.out) == (0, "removed the calibration of 'run'\n")
    assert [*run.glob("calibration*")] == []


def test_run_at_work_is_left_alone(calibrate, run):
    """Another process is training there."""
    other = LockedFolder(run)
    other.lock()
    answer = calibrate()
    other.unlock()
    assert (answer.code, "another process" in answer.err) == (2, True)
    assert not (run / "calibration.json").exists()


def test_data_without_validation_images_is_refused(cvkit, run_folder):
    """The error says what to write into the recipe."""
    answer = cvkit("calibrate", run_folder)
    assert (answer.code, "add validation: 0.1 to the dataset" in answer.err) == (2, True)
    assert not (run_folder / "calibration.json").exists()


def test_further_training_ends_a_calibration(calibrate, run):
    """The weights in the newest checkpoint are others, so the model declines nothing and the log says why."""
    import cvkit as library
    from cvkit.checkpoint.contents import trained_weights
    from cvkit.runs.folder import RunFolder

    assert calibrate("--coverage", "0.8").code == 0
    assert library.load(run).abstention is not None
    folder = RunFolder.open(run)
    state, _ = folder.newest_state()
    for weight in trained_weights(state).values():
        if weight.dtype is torch.float32:
            weight += 0.01
    folder.save(state["step"] + 1, state | {"step": state["step"] + 1})
    assert library.load(run).abstention is None
