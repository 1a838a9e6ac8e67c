"""Runs of every feature, killed by SIGKILL at random moments or at random lines of the code that writes, and resumed.

`Killed` runs one set of features whole, once, and then again and again in child processes that are killed and resumed
to the end. What each ends with must be the same to the bit. `rounds` draws features, moments and lines from a seed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from forks import in_a_fork
from PIL import Image

from cvkit.engine.assembly import build_parts
from cvkit.engine.building import open_dataset
from cvkit.host.catalog import Catalog
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session

RECIPE = """\
name: small
dataset: {name: shapes, train_size: 50, test_size: 20}
augmentations: [{name: random_crop, padding: 2}, horizontal_flip]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, momentum: 0.9}
scheduler: {name: one_cycle, max_lr: 0.1, peak_fraction: 0.4}
train: {epochs: 2, batch_size: 8, checkpoint_every: 2}
report: {misclassified: 0, augmented: 0}
"""
PLUGIN = '''\
"""Parts that draw at random, remember, or have weights of their own."""

import torch
from torch import nn

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models():
    yield Component("dropping", "stress_parts:dropping", summary="Dropout and BatchNorm")


@hookimpl
def cvkit_losses():
    yield Component("biased", "stress_parts:Biased", summary="Cross-entropy with a learned bias")


@hookimpl
def cvkit_augmentations():
    yield Component("speckle", "stress_parts:speckle", summary="Noise of one image", per_sample=True)


def dropping(info):
    """Return a small net with dropout."""
    layers = [nn.Conv2d(info.channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, info.num_classes))


class Biased(nn.Module):
    """Cross-entropy of logits to which a learned bias is added."""

    def __init__(self, info):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(info.num_classes))

    def forward(self, logits, labels):
        return nn.functional.cross_entropy(logits + self.bias, labels)


def speckle(info):
    """Return an augmentation that draws from the global generator."""
    return lambda image: image ^ torch.randint(0, 2, image.shape, dtype=torch.uint8)
'''
IMAGES = "dataset={name: image_folder, path: images, size: 32}"
FEATURES: dict[str, tuple[str, ...]] = {
    "SGD, one cycle": (),
    "AdamW, averaged weights": ("optimizer={name: adamw}", "scheduler={name: cosine}", "train.ema=0.9"),
    "accumulation, clipping": ("train.accumulate=2", "train.clip_norm=0.5", "scheduler={name: step, every: 1}"),
    "bf16, channels last": ("train.precision=bf16", "train.channels_last=true", "scheduler={name: constant}"),
    "a streamed folder, two workers": (IMAGES, "train.workers=2", "train.drop_last=false"),
    "augmentation of single images": ("augmentations=[stress_parts/speckle]", "train.workers=1"),
    "dropout, a plugin from a file": ("model=stress_parts/dropping", "scheduler={name: cosine, warmup_epochs: 0.5}"),
    "a loss with weights": ("loss=stress_parts/biased", "optimizer={name: adamw}", "train.ema=0.8"),
    "range test": (
        *("dataset.train_size=256", "train.batch_size=32"),  # enough to learn that the test proposes a rate
        "model={name: custom_resnet, width: 8, logit_scale: 1.0}",
        "scheduler.max_lr=auto",
        "tuners=[{name: lr_range_test, set: scheduler.max_lr, steps: 60, orders: 1, end_lr: 1.0}]",
    ),
    "three phases, two passes": ("scheduler.three_phase=true", "train.epochs=3", "train.schedule_epochs=[1, 2]"),
}
WRITERS = ("session.py", "saving.py", "folder.py", "files.py", "safe_io.py", "state_copy.py", "writer.py")
"""The files of cvkit whose lines a run can be killed at."""


@dataclass(frozen=True)
class Stage:
    """A folder with the images and the plugin that `FEATURES` need, and the catalog with that plugin in it."""

    home: Path
    catalog: Catalog

    @classmethod
    def set_up(cls, home: Path) -> Stage:
        """Make the files and load the plugin, which one process can do once, as its module has one name."""
        parts = home / "stress_parts.py"
        parts.write_text(PLUGIN)
        _draw_images(home / "images")
        return cls(home, discover(paths=[parts]))


@dataclass
class Killed:
    """The runs of one set of features, in a folder of their own; `expected` is what the one not killed ended with."""

    stage: Stage
    name: str
    overrides: tuple[str, ...]
    seconds: float = 0.0
    lines: int = 0
    expected: tuple[Any, ...] = ()
    kills: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = self.stage.home / self.name
        self.home.mkdir()
        whole, counted_run, counted = (self.home / name for name in ("whole", "counted", "lines.txt"))
        started = time.monotonic()
        assert in_a_fork(lambda: self._carry_out(whole)) == 0
        self.seconds = time.monotonic() - started
        assert in_a_fork(lambda: counted.write_text(str(counting_lines(lambda: self._carry_out(counted_run))))) == 0
        self.lines = int(counted.read_text())
        self.expected = outcome(whole)
        assert outcome(counted_run) == self.expected

    def run(self, name: str, draw: random.Random) -> list[str]:
        """Carry out one run with one to three kills, and return what is not as it should be."""
        path = self.home / name
        for _ in range(draw.choice((1, 1, 2, 3))):
            if draw.random() < 0.5:
                line = draw.randrange(self.lines)
                self.kills.append(f"line {line}")
                in_a_fork(lambda line=line: counting_lines(lambda: self._carry_out(path), die_at=line))
            else:
                moment = draw.random() * self.seconds
                self.kills.append(f"{moment:.3f} s")
                in_a_fork(lambda: self._carry_out(path), kill_after=moment)
        code = in_a_fork(lambda: self._carry_out(path))
        if code:
            return [f"{name}, killed at {', '.join(self.kills)}: the last session ended with {code}"]
        different = [part for part, (got, wanted) in _pairs(outcome(path), self.expected) if got != wanted]
        return [f"{name}, killed at {', '.join(self.kills)}: {part} differs" for part in different]

    def _carry_out(self, path: Path) -> None:
        """Start the run in `path`, or go on with it from wherever it was killed, as ``cvkit run --resume`` does."""
        path.mkdir(exist_ok=True)
        folder = RunFolder(path)
        text = folder.recipe_path.read_text() if folder.recipe_path.is_file() else ""
        recipe = resolve(read_text(text or RECIPE, () if text else self.overrides), self.stage.catalog)
        if folder.info().get("status") == "finished":
            return
        session = Session(
            build_parts(recipe, open_dataset(recipe, self.stage.home)), folder, self.stage.home, self.stage.catalog
        )
        session.start()
        for _ in session.tune():
            pass
        for _ in session.train():
            pass
        session.report()


def outcome(path: Path) -> tuple[Any, ...]:
    """Return what a run ended with, comparable to the bit: state, records without timings, predictions, files."""
    state, damaged = RunFolder(path).newest_state()
    assert state is not None
    records = [r.to_json() | {"seconds": 0, "images_per_second": 0} for r in RunFolder(path).records()]
    files = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if "tensorboard" not in p.parts)
    predictions = (path / "predictions.csv").read_bytes()
    state = {key: state[key] for key in ("epoch", "step", "model", "ema", "optimizer", "scaler")}
    return damaged, _plain(state), records, predictions, files


def _pairs(got: tuple[Any, ...], wanted: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    names = ("damaged checkpoints", "the state", "the records", "predictions.csv", "the list of files")
    return zip(names, zip(got, wanted, strict=True), strict=True)


def _plain(value: Any) -> Any:
    """Return a nest with its tensors as bytes, so that it compares with ``==``."""
    match value:
        case torch.Tensor():
            return (
                str(value.dtype),
                tuple(value.shape),
                value.contiguous().view(-1).view(torch.uint8).numpy().tobytes(),
            )
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value


def counting_lines(work: Callable[[], None], die_at: int = -1) -> int:
    """Do `work`, and return how many lines of `WRITERS` ran, in all threads; kill this process at line `die_at`."""
    count = 0

    def local(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        if event == "line":
            if count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
        return local

    def trace(frame: Any, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        return local if "cvkit" in file and os.path.basename(file) in WRITERS else None

    sys.settrace(trace)
    threading.settrace(trace)  # a thread writes checkpoints
    try:
        work()
    finally:
        threading.settrace(None)  # type: ignore[arg-type]
        sys.settrace(None)
    return count


def rounds(stage: Stage, seed: int, kills: int) -> Iterator[tuple[str, Killed, list[str]]]:
    """Carry out runs of all features in turn until `kills` kills are done; yield each with what was wrong in it."""
    draw = random.Random(seed)
    made: dict[str, Killed] = {}
    done = number = 0
    while done < kills:
        feature = [*FEATURES][number % len(FEATURES)]
        if feature not in made:
            made[feature] = Killed(stage, f"feature-{number}", FEATURES[feature])
        killed = made[feature]
        killed.kills.clear()
        wrong = killed.run(f"run-{number}", draw)
        done += len(killed.kills)
        number += 1
        yield feature, killed, wrong


def _draw_images(folder: Path) -> None:
    """Make an image folder of two classes, of noise."""
    draw = random.Random(0)
    for half, count in (("train", 25), ("test", 8)):
        for name, brightness in (("dark", 0), ("light", 128)):
            (folder / half / name).mkdir(parents=True)
            for index in range(count):
                pixels = bytes(draw.randrange(128) + brightness for _ in range(32 * 32 * 3))
                Image.frombytes("RGB", (32, 32), pixels).save(folder / half / name / f"{index}.png")
