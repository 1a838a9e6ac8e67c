"""Compare mixing, TrivialAugment and SAM with the quick recipe of CIFAR-10, which has none of them.

    python benchmarks/regularisers.py KEEP            # 3 seeds; 5 to 12 minutes a run; continues where it stopped
    python benchmarks/regularisers.py KEEP --write    # also writes the table to docs/results.md

Each row changes the recipe in one place and keeps its rates, which were chosen for the recipe without the change.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import torch
from section import write_section

import cvkit

RECIPE = Path(__file__).parents[1] / "recipes" / "cifar10_quick.yaml"
_USUAL: list[Any] = [{"name": "random_crop", "padding": 4}, "horizontal_flip", {"name": "cutout", "size": 8}]
ROWS: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "mixup or cutmix, not in the last epoch": {
        "augmentations": [*_USUAL, {"name": "torch/mixup_or_cutmix", "off_epochs": 1}]
    },
    "TrivialAugment before crop and flip": {"augmentations": ["torchvision/trivial_augment", *_USUAL]},
    "SAM instead of SGD": {"optimizer": {"name": "torch/sam", "nesterov": True, "weight_decay": 5.0e-4}},
}


def main() -> None:
    """Run each row with each seed that has no result yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keep", type=Path, help="folder for the runs and their results")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write the table to docs/results.md")
    arguments = parser.parse_args()
    keep = arguments.keep.resolve()
    keep.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seeds):
        for number, changes in enumerate(ROWS.values()):
            if not result_file(keep, number, seed).exists():
                result_file(keep, number, seed).write_text(json.dumps(run(keep, f"{number}-{seed}", seed, changes)))
    table = "\n".join(table_of(keep, arguments.seeds))
    print(table)
    if arguments.write:
        how = f"`python benchmarks/regularisers.py KEEP --write`, {date.today()}, {platform.machine()}, CPU, "
        write_section("regularisers", f"{how}torch {torch.__version__}.\n\n{table}")


def result_file(keep: Path, number: int, seed: int) -> Path:
    """Return the file with the result of a row and a seed."""
    return keep / f"{number}-{seed}.json"


def run(keep: Path, name: str, seed: int, changes: dict[str, Any]) -> dict[str, float]:
    """Run the recipe with some changes, and return the test accuracy in percent and the seconds of training."""
    done = cvkit.train(RECIPE, set={"seed": seed, "name": name} | changes, output=keep)
    return {"test": 100 * done.accuracy, "seconds": sum(record.seconds for record in done.records)}


def table_of(keep: Path, seeds: int) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| | test accuracy, mean | with each seed | difference to the recipe, each seed | training time, ratio |"
    yield "| --- | --- | --- | --- | --- |"
    found = [
        [json.loads(result_file(keep, number, seed).read_text()) for seed in range(seeds)]
        for number in range(len(ROWS))
    ]
    for name, row in zip(ROWS, found, strict=True):
        accuracies = [each["test"] for each in row]
        gains = [f"{each['test'] - base['test']:+.2f}" for each, base in zip(row, found[0], strict=True)]
        ratio = sum(each["seconds"] for each in row) / sum(each["seconds"] for each in found[0])
        each_seed = ", ".join(f"{accuracy:.2f}" for accuracy in accuracies)
        yield f"| {name} | {statistics.mean(accuracies):.2f} % | {each_seed} | {', '.join(gains)} | {ratio:.2f} |"


if __name__ == "__main__":
    main()
