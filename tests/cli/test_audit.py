"""``cvkit audit``: what is wrong with the data of a recipe, without training."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from photos import photo
from PIL import Image

FOLDER = """\
name: pets
dataset: {name: image_folder, path: PATH, size: 32}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.1}
train: {epochs: 1, batch_size: 2}
"""
SHAPES = FOLDER.replace(
    "{name: image_folder, path: PATH, size: 32}", "{name: shapes, train_size: 300, test_size: 100}"
)
NAMES = ["audit.html", "classes.csv", "damaged.csv", "duplicates.csv"]


@pytest.fixture
def pets(write, tmp_path) -> Path:
    """A recipe for a folder with one test image that is also in training, and one damaged training image."""
    seeds = {"train/cat": [1, 2], "train/dog": [3, 4], "test/cat": [1, 6], "test/dog": [7, 8]}
    for place, of in seeds.items():
        (tmp_path / "pets" / place).mkdir(parents=True)
        for seed in of:
            pixels = photo(seed, 32).permute(1, 2, 0).numpy()
            Image.fromarray(pixels).save(tmp_path / "pets" / place / f"{seed}.png")
    whole = (tmp_path / "pets/train/dog/4.png").read_bytes()
    (tmp_path / "pets/train/dog/5.png").write_bytes(whole[: len(whole) // 2])
    return write(FOLDER.replace("PATH", str(tmp_path / "pets")))


def run_with(predictions: str) -> Path:
    """A folder that looks like a finished run with these predictions."""
    folder = Path("runs/one")
    folder.mkdir(parents=True)
    for name, text in (("recipe.yaml", FOLDER), ("run.json", "{}"), ("predictions.csv", predictions)):
        (folder / name).write_text(text)
    return folder


def test_audit_writes_a_page_and_tables(cvkit, pets, wording):
    """Findings come first, then the paths; the exit code is 0 although there are findings; no image changes."""
    before = {path: path.read_bytes() for path in Path("pets").rglob("*.png")}
    answer = cvkit("audit", pets)
    assert (answer.code, answer.err) == (0, "")
    assert sorted(os.listdir("audits/audit-pets")) == NAMES
    assert before == {path: path.read_bytes() for path in Path("pets").rglob("*.png")}
    assert len(Path("audits/audit-pets/damaged.csv").read_text().splitlines()) == 2
    assert len(Path("audits/audit-pets/duplicates.csv").read_text().splitlines()) == 2
    assert answer.out == wording


def test_audit_of_a_run_tells_the_accuracy_without_duplicates(cvkit, pets, wording):
    """The duplicate is the first of four test images, and it is one of three correct ones."""
    run = run_with("index,true,correct\n0,cat,1\n1,cat,0\n2,dog,1\n3,dog,1\n")
    answer = cvkit("audit", pets, "--run", run, "--output", "out")
    assert answer.code == 0
    (line,) = [line for line in answer.out.splitlines() if line.startswith("The accuracy")]
    assert line in Path("out/audit-pets/audit.html").read_text().replace("\u00a0", " ")
    assert line == wording


@pytest.mark.parametrize(
    ("predictions", "code"),
    [
        ("index,true,correct\n0,cat,1\n", 1),
        ("index,true,correct\n0,cat,1\n1,dog,0\n2,dog,1\n3,dog,1\n", 1),
        ("index,true,correct\n0,cat,yes\n", 2),
        ("index,true,correct\n", 2),
        ("index,correct\n0,1\n", 2),
        ("", 2),
        (None, 2),
    ],
    ids=["too few", "other classes", "no number", "no line", "no class", "empty", "missing"],
)
def test_audit_of_a_run_that_cannot_be_used_leaves_nothing(cvkit, pets, wording, predictions, code):
    """The message says which file, and what to do. Other images are seen after reading: code 1."""
    run = run_with(predictions or "")
    if predictions is None:
        (run / "predictions.csv").unlink()
    answer = cvkit("audit", pets, "--run", run)
    assert answer.code == code
    assert answer.err == wording
    assert not Path("audits").exists()


def test_audit_of_generated_images_finds_no_duplicates(cvkit, write, wording):
    """Shapes on plain backgrounds are similar, but none is another's duplicate."""
    answer = cvkit("audit", write(SHAPES))
    assert answer.code == 0
    assert answer.out == wording


def test_audit_replaces_only_its_own_files(cvkit, pets, wording):
    """A stranger's file in the folder is left alone."""
    assert cvkit("audit", pets).code == 0
    Path("audits/audit-pets/notes.txt").write_text("mine")
    answer = cvkit("audit", pets)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == wording
