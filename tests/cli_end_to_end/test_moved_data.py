"""A run whose data was moved: the user names the new place, and cvkit compares the content."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from commands import Answer, call
from photos import photo
from torchvision.io import write_png

from cvkit.cli import main

RECIPE = """\
name: pets
dataset: {name: image_folder, path: ../photos, size: 32, validation: 4}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05}
train: {epochs: 1, batch_size: 8, workers: 0}
report: {misclassified: 0, augmented: 0}
"""

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def cvkit(capsys, monkeypatch, tmp_path) -> Callable[..., Answer]:
    """Call a command in a folder of its own; returns its exit code and what it wrote."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("CVKIT_DATA", str(tmp_path / "data"))
    return partial(call, capsys)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with photos of two classes, a recipe in another folder, and a run."""
    place = tmp_path_factory.mktemp("made")
    for number in range(20):
        folder = place / "photos" / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        write_png(photo(number, 32), str(folder / f"{number}.png"))
    (place / "recipes").mkdir()
    (place / "recipes" / "pets.yaml").write_text(RECIPE)
    argv = ["cvkit", "run", str(place / "recipes" / "pets.yaml"), "--output", str(place / "runs")]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CVKIT_DATA", str(place / "data"))
        patched.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return place


@pytest.fixture
def photos(made, tmp_path) -> Iterator[Path]:
    """The photos, which a test may move."""
    yield made / "photos"
    if (tmp_path / "animals").exists():
        (tmp_path / "animals").rename(made / "photos")


@pytest.fixture
def run(made, tmp_path) -> Path:
    """A copy of the run, whose report is missing, so that `resume` has work to do."""
    (folder,) = (made / "runs").iterdir()
    return again(shutil.copytree(folder, tmp_path / "run"))


def again(run: Path) -> Path:
    """Remove the report of a run, and return the run."""
    (run / "report.html").unlink()
    return run


def test_run_records_absolute_places(cvkit, run, photos, tmp_path):
    """So it resumes and explains in every current folder, although the recipe has a relative path."""
    assert f"path: {photos}" in (run / "recipe.yaml").read_text()
    assert cvkit("resume", run).code == 0
    answer = cvkit("explain", run, "--count", "1", "--output", tmp_path / "explained")
    assert answer.code == 0, answer.err
    assert cvkit("check", run / "recipe.yaml").code == 0


def test_new_place_is_named_with_data(cvkit, run, photos, tmp_path):
    """Also if its name differs. Later the run finds it there."""
    new = photos.rename(tmp_path / "animals")
    for arguments in (("resume", run, "--data", new), ("explain", run, "--count", "1")):
        answer = cvkit(*arguments)
        assert answer.code == 0, answer.err
    assert f"the data is read from '{new}' instead of '{photos}'" in cvkit("resume", again(run)).out


def test_missing_and_different_data_are_refused_with_both_places(cvkit, run, photos, tmp_path, wording):
    """Whether the run is continued, extended or explained."""
    photos.rename(tmp_path / "animals")
    said = {}
    commands = {
        "resume": ("resume", run),
        "extend": ("extend", run, "--epochs", "9", "--schedule", "hold"),
        "explain": ("explain", run),
    }
    for name, command in commands.items():
        answer = cvkit(*command)
        assert answer.code == 2
        said[f"{name}, missing"] = answer.err
    shutil.copy(tmp_path / "animals/cat/0.png", tmp_path / "animals/cat/more.png")
    for name, command in commands.items():
        answer = cvkit(*command, "--data", tmp_path / "animals")
        assert answer.code == 2
        said[f"{name}, different"] = answer.err
    (tmp_path / "empty").mkdir()
    said["resume, empty"] = cvkit("resume", run, "--data", tmp_path / "empty").err
    (tmp_path / "animals/cat/more.png").unlink()
    assert {path.name for path in tmp_path.iterdir()} == {"run", "animals", "elsewhere", "empty"}
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert said == wording


def test_run_of_an_earlier_version_has_a_path_relative_to_the_current_folder(cvkit, run, made, photos, monkeypatch):
    """The run continues in the folder where it was started, and anywhere else with the place of its data."""
    for name in ("metrics.jsonl", "run.json"):
        (run / name).unlink()
    shutil.rmtree(run / "checkpoints")
    (run / "run.json").write_text('{"status": "interrupted"}')
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace(str(photos), "photos"))
    monkeypatch.chdir(made)
    answer = cvkit("resume", run)
    assert answer.code == 0, answer.err
    assert "path: photos\n" in recipe.read_text()
    monkeypatch.chdir(made / "recipes")
    assert cvkit("resume", again(run)).code == 2
    answer = cvkit("resume", run, "--data", made)
    assert answer.code == 0, answer.err
