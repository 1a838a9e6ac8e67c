"""Compare cutout, mixing, TrivialAugment and SAM with the small ResNet of CIFAR-10, which has cutout only.

    python benchmarks/regularisers.py KEEP            # 15 runs of 3 to 12 minutes; continues where it stopped
    python benchmarks/regularisers.py KEEP --write    # also writes the table to docs/results.md

KEEP holds the runs; compare_cutout.py shares them. The results are also kept in results/regularisers.json beside this
script, and a run with a result is not repeated. Each row changes the recipe in one place and keeps its rates, which
were chosen for the recipe without the change. Times are not compared: the runs are hours apart. SAM computes each
gradient twice.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import torch
from section import write_section
from small_resnet import small_run

from cvkit.engine.student_t import half_width_of_mean

RESULTS = Path(__file__).with_name("results") / "regularisers.json"
ROWS = {
    "with-cutout": "the recipe",
    "without-cutout": "without cutout",
    "mixing": "mixup or cutmix, not in the last epoch",
    "trivial-augment": "TrivialAugment before crop and flip",
    "sam": "SAM instead of SGD",
}


Results = dict[str, float]
"""The test accuracy in percent, by variant and seed."""


def main() -> None:
    """Run each row with each seed that has no result yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keep", type=Path, help="folder for the runs and their results")
    parser.add_argument("--seeds", type=int, default=3, help="at least two")
    parser.add_argument("--write", action="store_true", help="write the table to docs/results.md")
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("--seeds must be at least 2, because the intervals are over the seeds")
    keep = arguments.keep.resolve()
    results: Results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for seed in range(arguments.seeds):
        for variant in ROWS:
            if (key := f"{variant} {seed}") not in results:
                results[key] = measured(small_run(keep, variant, seed))
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
                print(key, results[key], flush=True)
    table = "\n".join(table_of(results, arguments.seeds))
    print(table)
    if arguments.write:
        how = f"`python benchmarks/regularisers.py KEEP --write`, {date.today()}, {platform.machine()}, CPU, "
        write_section("regularisers", f"{how}torch {torch.__version__}.\n\n{table}")


def measured(folder: Path) -> float:
    """Return the test accuracy of a run in percent."""
    score: float = json.loads((folder / "run.json").read_text())["result"]["score"]
    return 100 * score


def table_of(results: Results, seeds: int) -> Iterator[str]:
    """Yield the lines of the table. Runs of one seed are compared, and the interval is over the seeds."""
    yield "| | test accuracy, mean | with each seed | difference to the recipe, mean with 95 % interval |"
    yield "| --- | --- | --- | --- |"
    base = [results[f"with-cutout {seed}"] for seed in range(seeds)]
    for variant, name in ROWS.items():
        row = [results[f"{variant} {seed}"] for seed in range(seeds)]
        gains = [own - usual for own, usual in zip(row, base, strict=True)]
        each_seed = ", ".join(f"{accuracy:.2f}" for accuracy in row)
        mean = statistics.mean(row)
        difference = (
            f"{statistics.mean(gains):+.2f} \N{PLUS-MINUS SIGN} {half_width_of_mean(gains):.2f}" if any(gains) else ""
        )
        yield f"| {name} | {mean:.2f} % | {each_seed} | {difference} |"


if __name__ == "__main__":
    main()
