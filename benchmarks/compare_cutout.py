"""Compare the small ResNet of CIFAR-10 with the same recipe without cutout, three seeds each.

    python benchmarks/compare_cutout.py KEEP            # 6 runs of 3 to 12 minutes; continues where it stopped
    python benchmarks/compare_cutout.py KEEP --write    # also writes the result to docs/results.md

The page of the comparison is in KEEP/comparisons.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import torch
from section import write_section
from small_resnet import small_run

import cvkit


def main() -> None:
    """Train each recipe with each seed that has no finished run yet, and compare the recipes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keep", type=Path, help="folder for the runs and the comparison")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write the result to docs/results.md")
    arguments = parser.parse_args()
    keep = arguments.keep.resolve()
    seeds = range(arguments.seeds)
    first, second = (
        [small_run(keep, variant, seed) for seed in seeds] for variant in ("without-cutout", "with-cutout")
    )
    compared = cvkit.compare(*first, against=second)
    print("\n".join([*compared.sentences, *compared.notes]))
    command = [sys.executable, "-m", "cvkit", "compare", *first, "--against", *second, "--explain"]
    subprocess.run([*map(str, command), "--output", str(keep / "comparisons")], check=True)
    if arguments.write:
        how = f"`python benchmarks/compare_cutout.py KEEP --write`, {date.today()}, {platform.machine()}, CPU"
        rows = "\n".join(table_of(compared))
        sentences = "\n\n".join(compared.sentences)
        write_section("compare_cutout", f"{how}, torch {torch.__version__}.\n\n{sentences}\n\n{rows}")


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
