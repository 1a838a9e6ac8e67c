"""Train the speedrun of CIFAR-10 with several seeds, and variants that lack one of its parts.

    python benchmarks/speedrun.py KEEP                      # five runs of the recipe; continues where it stopped
    python benchmarks/speedrun.py KEEP --ablate --seeds 3   # also without each part, and with Muon
    python benchmarks/speedrun.py KEEP --precision bf16 --write   # also writes the tables to docs/results.md
    python benchmarks/speedrun.py KEEP --recipe recipes/cifar10_quick.yaml   # another recipe with these parts

KEEP holds the runs. The results are kept in results/speedrun.json beside this script, by recipe, precision, device,
variant and seed, and a run with a result is not repeated. Each row changes the recipe in one place and keeps its
rates.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import statistics
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import torch
import yaml
from section import write_section

import cvkit
from cvkit.formatting import counted
from cvkit.runs.folder import RunFolder

RESULTS = Path(__file__).with_name("results") / "speedrun.json"
RECIPE = Path(__file__).parents[1] / "recipes" / "cifar10_speedrun.yaml"
_CROP: dict[str, Any] = {"name": "random_crop", "padding": 2, "padding_mode": "reflect"}
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "recipe": ("the recipe", {}),
    "first-layer": ("the first layer trained instead of whitening", {"model.whitening": False}),
    "usual-init": ("usual instead of identity initialisation", {"model.identity_init": False}),
    "norm-scale": ("scales of batch normalisation trained", {"model.norm_scale": True}),
    "norm-momentum": ("usual momentum of batch normalisation, 0.1", {"model.norm_momentum": 0.1}),
    "bias-rate": ("biases at the rate of the other weights", {"optimizer.bias_factor": 1.0}),
    "no-lookahead": ("without look-ahead", {"optimizer.lookahead": None}),
    "random-flip": ("random instead of alternating flip", {"augmentations": ["horizontal_flip", _CROP]}),
    "no-crop": ("without the crop", {"augmentations": ["alternating_flip"]}),
    "no-smoothing": ("without label smoothing", {"loss.label_smoothing": 0.0}),
    "muon": (
        "Muon, 8 epochs of batches of 2000, falling rate",
        {
            "optimizer": {"name": "muon_sgd"},
            "scheduler": {"name": "triangle", "peak": 0.0, "end": 0.0},
            "train.epochs": 8,
            "train.batch_size": 2000,
        },
    ),
}
"""The name of each variant in the table, and its changes of the recipe."""

Results = dict[str, dict[str, float]]
"""The test accuracy in percent, without and with TTA, and the seconds of training, by the key of a run."""


def main() -> None:
    """Train what has no result yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keep", type=Path, help="folder for the runs")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ablate", action="store_true", help="also train the variants")
    parser.add_argument("--recipe", type=Path, default=RECIPE, help="a recipe with the same parts")
    parser.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="for trials of this script")
    parser.add_argument("--write", action="store_true", help="write the table to docs/results.md")
    given = parser.parse_args()
    if given.set and given.write:
        parser.error("--set changes the recipe, so its results are not written")
    keep: Path = given.keep.resolve()
    kept = keep / "trials.json" if given.set else RESULTS
    results: Results = json.loads(kept.read_text()) if kept.exists() else {}
    common = {"train.precision": given.precision, "train.device": given.device}
    common |= {path: yaml.safe_load(value) for path, _, value in (each.partition("=") for each in given.set)}
    variants = list(ROWS) if given.ablate else ["recipe"]
    place = " ".join([given.recipe.stem, given.precision, given.device, *given.set])
    for seed, variant in product(range(given.seeds), variants):
        if (key := f"{place} {variant} {seed}") not in results:
            changes = common | ROWS[variant][1] | {"seed": seed}
            results[key] = measured(run_of(given.recipe, keep / given.recipe.stem / digest(key), changes))
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(results, indent=1) + "\n")
        print(key, results[key], flush=True)
    rows = {name: [results[f"{place} {name} {seed}"] for seed in range(given.seeds)] for name in variants}
    table = "\n".join(table_of(rows))
    print(table)
    if given.write:
        cpu = f"{platform.machine()}, {counted(torch.get_num_threads(), 'thread')}"
        machine = cpu if given.device == "cpu" else torch.cuda.get_device_name()
        how = f"`{given.recipe.name}` in {given.precision}, {date.today()}, {machine}, torch {torch.__version__}."
        write_section(given.recipe.stem, f"{how}\n\n{table}")


def digest(key: str) -> str:
    """Return the name of the folder for the runs with a key, which may contain any text."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def run_of(recipe: Path, place: Path, changes: dict[str, Any]) -> Path:
    """Return the folder of the finished run in `place`; train it if there is none."""
    cvkit.keep_freed_memory()
    for folder in sorted(place.glob("*")):
        if (info := folder / "run.json").is_file() and json.loads(info.read_text()).get("status") == "finished":
            return folder
    return cvkit.train(recipe, set=changes, output=place).folder


def measured(folder: Path) -> dict[str, float]:
    """Return the accuracies after the last epoch of a run, in percent, and the seconds of its training."""
    records = RunFolder(folder).records()
    tta = records[-1].score_of("tta")
    seconds = sum(record.seconds for record in records)
    return {"test": 100 * records[-1].score, "tta": float("nan") if tta is None else 100 * tta, "seconds": seconds}


def table_of(rows: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    """Yield the lines of the table: for each variant, its measurements by seed."""
    yield "| | without TTA, mean | each seed | with TTA, mean | each seed | TTA, difference | minutes of training |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    base = rows["recipe"]
    for variant, row in rows.items():
        shown = [ROWS[variant][0]]
        for which in ("test", "tta"):
            values = [each[which] for each in row]
            shown += [f"{statistics.mean(values):.2f} %", ", ".join(f"{value:.2f}" for value in values)]
        gains = [each["tta"] - usual["tta"] for each, usual in zip(row, base, strict=True)]
        shown.append("" if variant == "recipe" else f"{statistics.mean(gains):+.2f}")
        shown.append(f"{statistics.mean(each['seconds'] for each in row) / 60:.1f}")
        yield f"| {' | '.join(shown)} |"


if __name__ == "__main__":
    main()
