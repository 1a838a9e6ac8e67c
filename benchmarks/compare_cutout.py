"""Compare the quick recipe of CIFAR-10 with the same recipe without cutout, three seeds each.

    python benchmarks/compare_cutout.py KEEP            # 6 runs of about 5 minutes; continues where it stopped
    python benchmarks/compare_cutout.py KEEP --write    # also writes the result to docs/results.md

The page of the comparison is in KEEP/comparisons.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import torch
from section import write_section

import cvkit

RECIPE = Path(__file__).parents[1] / "recipes" / "cifar10_quick.yaml"
_WITHOUT: list[Any] = [{"name": "random_crop", "padding": 4}, "horizontal_flip"]
RECIPES: dict[str, dict[str, Any]] = {"without-cutout": {"augmentations": _WITHOUT}, "with-cutout": {}}


def main() -> None:
    """Train each recipe with each seed that has no finished run yet, and compare the recipes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keep", type=Path, help="folder for the runs and the comparison")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write the result to docs/results.md")
    arguments = parser.parse_args()
    keep = arguments.keep.resolve()
    folders: dict[str, list[Path]] = {name: [] for name in RECIPES}
    for seed in range(arguments.seeds):
        for name, changes in RECIPES.items():
            folders[name].append(trained(keep, f"{name}-{seed}", {"seed": seed} | changes))
    first, second = folders.values()
    compared = cvkit.compare(*first, against=second)
    print("\n".join([*compared.sentences, *compared.notes]))
    command = [sys.executable, "-m", "cvkit", "compare", *first, "--against", *second, "--explain"]
    subprocess.run([*map(str, command), "--output", str(keep / "comparisons")], check=True)
    if arguments.write:
        how = f"`python benchmarks/compare_cutout.py KEEP --write`, {date.today()}, {platform.machine()}, CPU"
        rows = "\n".join(table_of(compared))
        sentences = "\n\n".join(compared.sentences)
        write_section("compare_cutout", f"{how}, torch {torch.__version__}.\n\n{sentences}\n\n{rows}")


def trained(keep: Path, name: str, changes: dict[str, Any]) -> Path:
    """Return the folder of a finished run; train it first if there is none."""
    for folder in sorted((keep / name).glob("*")):
        if (info := folder / "run.json").is_file() and json.loads(info.read_text()).get("status") == "finished":
            return folder
    return cvkit.train(RECIPE, set={"name": name.rpartition("-")[0]} | changes, output=keep / name).folder


def table_of(compared: cvkit.Comparison) -> Iterator[str]:
    """Yield the lines of a table of the measures."""
    yield "| | without cutout | with cutout | difference | 95 % interval | p |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for measure in compared.pairs[0].measures:
        low, high = measure.interval
        cells = (measure.first, measure.second, measure.difference)
        numbers = " | ".join(f"{value:.4f}" for value in cells)
        yield f"| {measure.name} | {numbers} | {low:+.4f} to {high:+.4f} | {measure.p_value:.2g} |"


if __name__ == "__main__":
    main()
