"""Count the findings of ordinary runs: how often each rule speaks, and how often it calls a run wrong.

    python benchmarks/false_alarms.py --keep FOLDER           # 20 runs of `shapes`; continues where it stopped
    python benchmarks/false_alarms.py --keep FOLDER --write   # also writes the table to docs/results.md

The recipes are sensible ones: they learn the shapes, and nothing is wrong with the data. Audit, explanations and
reproducibility are left out, because the images are drawn, and their rules have no chance in them.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch
from section import write_section

from cvkit import EpochRecord, Trainer, build_parts, discover, resolve
from cvkit.diagnostics.diagnose import Diagnosis
from cvkit.figures.finding import MARKS
from cvkit.findings.judge import judge
from cvkit.recipe import read_text
from cvkit.report.finished_run import FinishedRun
from cvkit.report.gathering import evidence_of

RECIPE = """\
dataset: {name: shapes, train_size: 2000, test_size: 500}
model: {name: custom_resnet, width: 4}
optimizer: {name: sgd, lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.0005}
scheduler: {name: one_cycle, max_lr: 0.2, peak_fraction: 0.3}
train: {epochs: 8, batch_size: 50, workers: 0, device: cpu}
"""
RECIPES: dict[str, tuple[str, ...]] = {
    "plain": (),
    "augmented": ("augmentations=[{name: random_crop, padding: 2}, {name: horizontal_flip}]",),
    "smoothed": ("loss={name: cross_entropy, label_smoothing: 0.1}",),
    "fewer images": ("dataset.train_size=1000", "train.epochs=12"),
}


def main() -> None:
    """Train the runs that are not in the folder yet, and print a table of what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds of each recipe")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the results, one file for each run")
    parser.add_argument("--write", action="store_true", help="write the table to docs/results.md")
    arguments = parser.parse_args()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    runs = [kept(arguments.keep, name, seed) for seed in range(arguments.seeds) for name in RECIPES]
    table = "\n".join(rows(runs))
    print(table)
    if arguments.write:
        command = f"python benchmarks/false_alarms.py --keep FOLDER --write`, {date.today()}, {platform.machine()}"
        write_section("false-alarms", f"`{command}, torch {torch.__version__}.\n\n{table}")


def kept(folder: Path, name: str, seed: int) -> dict[str, Any]:
    """Return the findings of a run from its file, and train it first if the file is missing."""
    path = folder / f"{name.replace(' ', '-')}-{seed}.json"
    if not path.exists():
        path.write_text(json.dumps(trained(name, seed), indent=1))
        print(f"{path.stem}: {path.read_text()}", flush=True)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def trained(name: str, seed: int) -> dict[str, Any]:
    """Train a run and return its accuracy and its findings."""
    recipe = resolve(read_text(RECIPE, (*RECIPES[name], f"seed={seed}")), discover())
    trainer = Trainer(build_parts(recipe, recipe.dataset.build(Path("unused"))))
    records = [event for event in trainer.fit() if isinstance(event, EpochRecord)]
    predictions = trainer.final_predictions()
    found = judge(evidence_of(FinishedRun(trainer, records, predictions, Diagnosis(), {})))
    return {
        "recipe": name,
        "seed": seed,
        "accuracy": predictions.accuracy,
        "trained": records[-1].train_accuracy,
        "findings": [finding.to_json() for finding in found if finding.rule != "reproducible"],
    }


def rows(runs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table: each rule that spoke, and in how many runs with which mark."""
    counts = Counter((finding["rule"], finding["mark"]) for run in runs for finding in run["findings"])
    accuracies = sorted(run["accuracy"] for run in runs)
    wrong = sum(any(finding["mark"] == "bad" for finding in run["findings"]) for run in runs)
    yield (
        f"{len(runs)} runs with accuracies from {accuracies[0]:.1%} to {accuracies[-1]:.1%}; in {wrong} of them "
        "something is called wrong."
    )
    yield ""
    yield "| rule | " + " | ".join(f"{word}, runs" for _, word in MARKS.values()) + " |"
    yield "| --- |" + " ---: |" * len(MARKS)
    for rule in sorted({rule for rule, _ in counts}):
        yield f"| `{rule}` | " + " | ".join(str(counts[rule, mark]) for mark in MARKS) + " |"


if __name__ == "__main__":
    main()
