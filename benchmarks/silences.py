"""Measure for how long each command shows nothing new on a terminal, on one small folder of photos.

    python benchmarks/silences.py WORK            # prints the table
    python benchmarks/silences.py WORK --write    # also replaces the table in docs/results.md

WORK must not exist. Left out are `resume` and `finish`, which do what `run` does, and `serve`, which waits for
requests.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from machine import Load, described
from PIL import Image
from section import write_section
from silence import silences

from cvkit import discover

RECIPE = """
dataset: {name: image_folder, path: photos, size: 32, validation: 0.2, test: 0.2}
augmentations: [horizontal_flip]
model: {name: custom_resnet, width: 2}
optimizer: sgd
scheduler: {name: one_cycle, max_lr: 0.1}
explainers: [grad_cam]
train: {epochs: 2, batch_size: 16}
report: {misclassified: 8}
"""
SEARCH = """
recipe: recipe.yaml
space: {scheduler.max_lr: {low: 0.01, high: 1.0, log: true}}
max_trials: 2
"""
COMMANDS = (
    "new photos --model resnet/custom_resnet --size 32 --output new.yaml",
    "check recipe.yaml",
    "check recipe.yaml --smoke",
    "audit recipe.yaml",
    "preview recipe.yaml",
    "lr-find recipe.yaml",
    "speed recipe.yaml --minutes 0.5",
    "data pack recipe.yaml --to shards",
    "run recipe.yaml",
    "extend RUN --epochs 3 --schedule hold",
    "explain RUN photos/circle",
    "explain RUN --errors --score",
    "predict RUN photos --output predictions.csv",
    "evaluate RUN",
    "calibrate RUN --coverage 0.9",
    "export RUN",
    "repeat recipe.yaml --seeds 2",
    "compare RUN runs/recipe-repeat/seed-1",
    "search search.yaml",
    "doctor",
    "list",
    "info resnet/custom_resnet",
)
"""What is measured, in this order; RUN is the folder of the first run."""

_COLUMNS = 100


def main() -> None:
    """Measure every command, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--write", action="store_true", help="write the table into docs/results.md")
    given = parser.parse_args()
    load = Load()
    given.work.mkdir(parents=True)
    os.chdir(given.work)
    prepare()
    rows = [row for command in COMMANDS for row in measured(command)]
    table = "\n".join(["| command | seconds | longest silence, s |", "| --- | --- | --- |", *rows])
    text = f"{described('python benchmarks/silences.py WORK', load)}\n\n{table}"
    print(text)
    if given.write:
        write_section("silences", text)


def prepare() -> None:
    """Write 300 photos of three classes, the recipe and the search into the current folder."""
    splits = discover()["datasets"].find("shapes").build(Path("unused"), train_size=1_000, test_size=1)
    counts = dict.fromkeys(splits.info.classes[:3], 100)
    for index in range(len(splits.train)):
        image, label = splits.train[index]
        name = splits.info.classes[int(label)]
        if counts.get(name):
            counts[name] -= 1
            path = Path("photos", name, f"{index}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    Path("recipe.yaml").write_text(RECIPE)
    Path("search.yaml").write_text(SEARCH)


def measured(command: str) -> Iterator[str]:
    """Run a command on a terminal, and yield its row; a command that fails is shown with its exit code."""
    run = next((str(path) for path in sorted(Path("runs").glob("recipe-2*"))), "RUN")
    found, seconds, code = silences([run if word == "RUN" else word for word in command.split()], _COLUMNS)
    longest = max(length for _, length, _ in found)
    failed = f" (exit code {code})" if code else ""
    row = f"| `cvkit {command}`{failed} | {seconds:.1f} | {longest:.1f} |"
    print(row, flush=True)
    yield row


if __name__ == "__main__":
    main()
