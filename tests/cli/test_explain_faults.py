"""``cvkit explain``: what it cannot explain, or must not, it names; the rest is explained."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from explained_run import without_reason
from PIL import Image

from cvkit import Component, Origin, hookimpl
from cvkit.cli import loading
from cvkit.data.resizing import frame
from cvkit.host.discovery import discover

MISTAKES = [
    (["--method", "grad_cm"], 2, "'grad_cam'"),
    (["--method", "{name: grad_cam, layr: x}"], 2, "'layer'"),
    (["--target", "strr"], 2, "'star'"),
    (["--against", "10"], 2, "circle"),
    (["--layer", "nowhere"], 2, "'nowhere'"),
    (["nothing.png"], 2, "'nothing.png'"),
    (["empty"], 2, "'empty'"),
    (["images/text.png"], 2, "images/text.png"),
    (["images", "--errors"], 2, "--errors"),
    (["--output", "taken"], 2, "notes.txt"),
]


@pytest.mark.parametrize(("words", "code", "named"), MISTAKES, ids=[" ".join(words) for words, *_ in MISTAKES])
def test_mistake_is_told_and_nothing_written(cvkit, run_folder, images, wording, words, code, named):
    """In a few lines, with the remedy."""
    Path("empty").mkdir()
    Path("taken/run").mkdir(parents=True)
    Path("taken/run/notes.txt").write_text("mine")
    before = sorted(map(str, Path().rglob("*")))
    answer = cvkit("explain", run_folder, *words)
    assert answer.code == code
    assert named in answer.err
    told = answer.err.rpartition("\n\n")[2]  # click's own lines, of how to call it, stand before
    assert without_reason(told) == wording
    assert "Traceback" not in answer.err
    assert sorted(map(str, Path().rglob("*"))) == before


def test_folder_that_is_no_run_or_has_no_checkpoint_is_told(cvkit, run_folder, wording):
    """Before or after its first steps."""
    answer = cvkit("explain", "images")
    assert answer.code == 2
    assert "'images'" in answer.err
    assert answer.err == wording(name="no run")
    shutil.rmtree(run_folder / "checkpoints")
    answer = cvkit("explain", run_folder, "--count", "1")
    assert (answer.code, Path("explanations").exists()) == (2, False)
    assert answer.err == wording(name="no checkpoint")


def test_checkpoint_of_another_model_is_told(cvkit, run_folder, wording):
    """As where the recipe in the folder was edited."""
    recipe = run_folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("width: 2", "width: 3"))
    answer = cvkit("explain", run_folder, "--count", "1")
    assert answer.code == 2
    assert answer.err == wording


def test_other_data_than_the_runs_is_refused(cvkit, run_folder, wording):
    """Its test images would be called by another's numbers."""
    recipe = run_folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("test_size: 40", "test_size: 41"))
    answer = cvkit("explain", run_folder)
    assert answer.code == 2
    assert answer.err == wording


class Elsewhere:
    """Another plugin that offers a method of the name of cvkit's own."""

    @hookimpl
    def cvkit_explainers(self):
        yield Component("grad_cam", "cvkit_gradcam.hires_cam:hires_cam")


def without_explainers(run_folder: Path) -> None:
    """Have the run name no explainer."""
    info = json.loads((run_folder / "run.json").read_text())
    info["components"] = [each for each in info["components"] if "gradcam" not in json.dumps(each)]
    (run_folder / "run.json").write_text(json.dumps(info))
    recipe = run_folder / "recipe.yaml"
    text = recipe.read_text()
    recipe.write_text(f"{text[: text.index('explainers:')]}explainers: []{text[text.index(chr(10) + 'train:') :]}")


def test_method_that_nobody_named_is_cvkits_own(cvkit, run_folder, images, rows, monkeypatch):
    """Though another plugin offers one of that name."""

    def with_both(*arguments):
        catalog = discover(*arguments)
        catalog.admit(Origin("elsewhere", "in-process", "0"), Elsewhere())
        return catalog

    monkeypatch.setattr(loading, "discover", with_both)
    without_explainers(run_folder)
    answer = cvkit("explain", run_folder, images / "a.png")
    assert answer.code == 0, answer.err
    assert {row["method"] for row in rows()} == {"grad_cam"}


def test_method_that_nobody_named_and_that_is_not_there_is_said(cvkit, run_folder, images, wording):
    """With the reason, and how to name another."""
    without_explainers(run_folder)
    answer = cvkit("explain", run_folder, images / "a.png", "--no-plugin", "gradcam")
    assert answer.code == 2
    for told in ("'gradcam/grad_cam'", "'gradcam'", "--no-plugin", "--method"):
        assert told in answer.err
    assert answer.err == wording


def test_no_file_ends_it_for_the_others(cvkit, run_folder, images, rows):
    """Whatever its shape or its name: it is explained, or named and left out."""
    long, other = "\u732b" * 70, os.fsdecode(b"\xff\xfe")
    Image.new("RGB", (1, 5000), "red").save(images / "tall.png")
    Image.new("L", (20_000, 1)).save(images / "wide.png")
    Image.new("RGB", (1, 1)).save(images / "one.png")
    for name in (long, other):
        shutil.copy(images / "a.png", images / f"{name}.png")
    (images / "loop.png").symlink_to("loop.png")
    os.mkfifo(images / "pipe.png")
    answer = cvkit("explain", run_folder, images, "--target", "star")
    assert answer.code == 0, answer.err
    assert len(rows()) == 7
    for name in ("pipe.png", "loop.png", "text.png"):
        assert f"images/{name}: " in answer.err
    assert "Traceback" not in answer.err


def test_picture_that_cannot_be_made_fit_is_named(cvkit, run_folder, images, rows, monkeypatch, wording):
    """As where there is not the memory to resize it; the next one is explained."""

    def without_memory(image, info, size):
        if image.shape[-2] == 50:
            raise MemoryError
        return frame(image, info, size)

    monkeypatch.setattr("cvkit.explain.picture.frame", without_memory)
    Image.new("RGB", (40, 40)).save(images / "good.png")
    answer = cvkit("explain", run_folder, images)
    assert answer.code == 0, answer.err
    assert {row["file"] for row in rows()} == {"images/good.png"}
    (told,) = [line for line in answer.err.splitlines() if "images/a.png" in line]
    assert "MemoryError" in told
    assert told == wording


@pytest.mark.parametrize(
    "words", [["--layer", "nowhere"], ["--layer", "linear"], ["--method", "smoothed,{name: grad_cam, layer: linear}"]]
)
def test_layers_are_listed_though_the_one_asked_for_is_none(cvkit, run_folder, words):
    """Whoever got it wrong looks them up; what is wrong is said beside."""
    answer = cvkit("explain", run_folder, "--layers", *words)
    assert answer.code == 0, answer.err
    assert "layer2" in {line.split()[0] for line in answer.out.splitlines()}
    assert words[-1].rstrip("}").split()[-1] in answer.err


@pytest.mark.parametrize("output", [".", "figures", "../run"])
def test_run_folder_is_never_written_into(cvkit, run_folder, images, wording, output):
    """Nor is a folder made in it; a training may be at work there."""
    before = {path: path.stat().st_mtime_ns for path in (run_folder, *run_folder.rglob("*"))}
    answer = cvkit("explain", run_folder, images / "a.png", "--output", run_folder / output)
    assert answer.code == 2
    place = run_folder / output / run_folder.name
    assert f"'{place}'" in answer.err
    assert "--output" in answer.err
    assert answer.err.replace(f"'{place}'", "<output>").replace(f"'{run_folder}'", "<run>") == wording
    assert {path: path.stat().st_mtime_ns for path in (run_folder, *run_folder.rglob("*"))} == before
