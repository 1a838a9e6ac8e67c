"""What a part of `gpu.py` is given: where it writes, on which device it works, and until when."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from journal import Journal

from cvkit import Recipe, Splits, Trainer, build_parts, discover
from cvkit.engine.device import choose_device
from cvkit.recipe import read, resolve

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "recipes"


@dataclass(frozen=True)
class Bench:
    """`deadline`: on the clock `time.monotonic`; a part minds it, and is ended soon after it."""

    journal: Journal
    asked: str
    deadline: float

    def left(self) -> float:
        """Return the seconds left."""
        return self.deadline - time.monotonic()

    @cached_property
    def device(self) -> torch.device:
        """The device to work on; asking for it begins to use the GPU."""
        return choose_device(self.asked, "fp32")

    @property
    def small(self) -> bool:
        """Whether everything is small, to show that it works."""
        return self.device.type == "cpu"

    def recipe(self, name: str, *overrides: str) -> Recipe:
        """Return a recipe of this project, on the device unless another is named."""
        return resolve(read(RECIPES / name, [f"train.device={self.asked}", *overrides]), discover())

    def run(self, recipe: Recipe, splits: Splits) -> Trainer:
        """Return a trainer of the recipe on the data."""
        return Trainer(build_parts(recipe, splits))

    def start(self, log: str, *command: object) -> subprocess.Popen[str]:
        """Start Python with a command line, its output in a file named `log` in the journal's folder."""
        with (self.journal.folder / log).open("w", encoding="utf-8") as file:
            return subprocess.Popen(
                [sys.executable, "-P", *map(str, command)], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, text=True
            )

    def call(self, log: str, *command: object, expect: tuple[int, ...] = (0,)) -> float:
        """Run Python with a command line and return the seconds it took.

        Raises `RuntimeError`, with the last lines it wrote, where it does not exit as expected.
        """
        started = time.monotonic()
        status = self.start(log, *command).wait()
        if status not in expect:
            lines = (self.journal.folder / log).read_text(encoding="utf-8").splitlines()
            raise RuntimeError("\n".join([f"exit status {status} of {' '.join(map(str, command))}", *lines[-30:]]))
        return time.monotonic() - started
