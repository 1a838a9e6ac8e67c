"""The environment of a part of `gpu.py`: its journal, its device and its deadline."""

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
    """The journal, the requested device and the deadline of a part.

    `deadline` is a time of the clock `time.monotonic`. A part must check it; soon afterwards, its process is killed.
    """

    journal: Journal
    asked: str
    deadline: float

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return self.deadline - time.monotonic()

    @cached_property
    def device(self) -> torch.device:
        """The device to use; the first access initialises the GPU."""
        return choose_device(self.asked, "fp32")

    @property
    def small(self) -> bool:
        """Whether to use small sizes that only show that the benchmark works."""
        return self.device.type == "cpu"

    def recipe(self, name: str, *overrides: str) -> Recipe:
        """Return a recipe of this project on the requested device, unless `overrides` set another."""
        return resolve(read(RECIPES / name, [f"train.device={self.asked}", *overrides]), discover())

    def run(self, recipe: Recipe, splits: Splits) -> Trainer:
        """Return a trainer for the recipe and the data."""
        return Trainer(build_parts(recipe, splits))

    def start(self, log: str, *command: object) -> subprocess.Popen[str]:
        """Start Python with a command line, and write its output to the file `log` in the folder of the journal."""
        words = [*map(str, command)]
        # A module is the installed one and not one of this folder; a script imports those beside it.
        safe = ["-P"] if words[0] == "-m" else []
        with (self.journal.folder / log).open("w", encoding="utf-8") as file:
            return subprocess.Popen(
                [sys.executable, *safe, *words], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, text=True
            )

    def call(self, log: str, *command: object, expect: tuple[int, ...] = (0,)) -> float:
        """Run Python with a command line and return the seconds it took.

        Raises `RuntimeError`, with the last lines of its output, if the exit status is not in `expect`.
        """
        started = time.monotonic()
        status = self.start(log, *command).wait()
        if status not in expect:
            lines = (self.journal.folder / log).read_text(encoding="utf-8").splitlines()
            raise RuntimeError("\n".join([f"exit status {status} of {' '.join(map(str, command))}", *lines[-30:]]))
        return time.monotonic() - started
