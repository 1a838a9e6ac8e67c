"""`cvkit explain` as a reviewer meets it: a run folder on another machine, in a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forks import Command
from PIL import Image

from cvkit.engine.assembly import build_parts
from cvkit.engine.building import open_dataset
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session

RECIPE = """\
name: own
dataset: {name: image_folder, path: pictures, size: 32}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.1}
train: {epochs: 1, batch_size: 4, workers: 0}
"""
DRIVER = """
import sys
from cvkit.cli import main
try:
    main()
finally:
    print("loaded", *(name for name in sys.modules if "." not in name))
"""


@pytest.fixture(scope="module")
def sent(tmp_path_factory) -> Path:
    """A folder with a finished run, called `run`, whose images are gone, and with images to explain in `new`."""
    parent = tmp_path_factory.mktemp("elsewhere")
    for number, name in enumerate(("train/cat", "train/dog", "test/cat", "test/dog") * 2):
        file = parent / "pictures" / name / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((48, 40), 80 + number).convert("RGB").save(file)
    catalog = discover()
    recipe = resolve(read_text(RECIPE), catalog)
    session = Session(
        build_parts(recipe, open_dataset(recipe, parent)), RunFolder.create(parent, recipe.name), parent, catalog
    )
    session.start()
    assert len([*session.train()]) == 1 + 1
    session.set_status("finished")
    here = tmp_path_factory.mktemp("here")
    shutil.move(next(parent.glob("own-*")), here / "run")
    shutil.move(parent / "pictures" / "test", here / "new")
    shutil.rmtree(parent)
    return here


def call(*command: object, cwd: Path, **options) -> subprocess.Popen[str]:
    """Start a Python process there, on one thread."""
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_run_is_explained_without_the_data_it_was_trained_on(sent, tmp_path, cvkit, wording):
    """From another folder, with images of known classes; the run folder and the images stay as they are."""
    before = sorted(sent.rglob("*"))
    done = cvkit("explain", sent / "run", sent / "new")
    out = done.stdout
    assert done.returncode == 0, done.stderr
    assert out.partition("\n")[0] == wording
    assert "\x1b" not in out
    rows = (tmp_path / "explanations" / "run" / "explanations.csv").read_text().splitlines()[1:]
    assert {row.split(",")[1] for row in rows} == {"cat", "dog"}
    assert sorted(sent.rglob("*")) == before


def test_test_images_that_are_gone_are_missed_by_name(sent, tmp_path, cvkit, wording):
    """Nothing is written, and --data is where they could be."""
    done = cvkit("explain", sent / "run")
    err = done.stderr
    assert done.returncode == 2
    assert "pictures" in err
    assert "--data" in err
    assert "Traceback" not in err
    assert re.sub(r"(?<=')/[^']*(?=')|/\S*(?=/pictures)", "<path>", err) == wording
    assert not [*tmp_path.iterdir()]


def test_reader_that_has_gone_ends_it_quietly(sent, tmp_path):
    """As a pager does that is left at once."""
    done = call("-m", "cvkit", "explain", sent / "run", sent / "new", cwd=tmp_path)
    done.stdout.close()
    _, err = done.communicate(timeout=300)
    assert err == ""


def test_interrupt_leaves_nothing_half_written(sent, tmp_path, warm, wording):
    """Ctrl-C in the middle of it: some overlays are written, and hundreds of images are still to be explained."""
    for number in range(600):
        shutil.copy(next((sent / "new").rglob("*.png")), tmp_path / f"{number:03}.png")
    command = Command("explain", sent / "run", ".", "--output", "out", cwd=tmp_path)
    deadline = time.monotonic() + 120
    while not [*tmp_path.glob("out/.tmp-*/new/overlays/*")] and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(command.pid, signal.SIGINT)
    done = command.finish()
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == wording
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words", [["--help"], ["{run}", "--method", "grad_cm"], ["{run}", "--target", "cot"], ["{run}", "missing.png"]]
)
def test_mistake_is_told_before_anything_heavy_loads(sent, tmp_path, words):
    """Neither torch nor numpy nor Pillow."""
    words = [word.format(run=sent / "run") for word in words]
    done = call("-c", DRIVER, "explain", *words, cwd=tmp_path)
    out, err = done.communicate(timeout=300)
    assert "Traceback" not in err
    assert {"torch", "numpy", "PIL", "matplotlib"} & set(out.split()) == set()
    assert "loaded" in out
