"""Measure what `cvkit new` leads to: accuracy on photos that were kept apart, recall of the rarest class, and time.

    python benchmarks/own_photos.py WORK                      make the photos, write the recipe, run it once
    python benchmarks/own_photos.py WORK --seeds 3            with three seeds
    python benchmarks/own_photos.py WORK --row scratch        another way, to compare
    python benchmarks/own_photos.py WORK --row linear_probe   logistic regression on the features of the network

The 940 readable photos are made from CIFAR-10, which must be in the data folder (photos.py). The weights are those of
EfficientNet-Lite0 for ImageNet (lite0.py). Results are printed and added to WORK/results.jsonl.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lite0 import save_lite0
from photos import APART, COUNTS, files, make
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression

import cvkit
from cvkit.runs.data_folder import data_folder

ROWS: dict[str, list[str]] = {
    "written": [],
    "wrong_normalisation": ["dataset.mean=[0.5, 0.5, 0.5]", "dataset.std=[0.1, 0.1, 0.1]"],
    "model_head": ["finetune.head=model"],
    "frozen": ["finetune.freeze={epochs: 8, batch_norm: always}", "train.epochs=8", "scheduler.max_lr=0.01"],
    "moving_statistics": ["finetune.freeze={epochs: 1, batch_norm: never}"],
    "no_class_weights": ["loss.class_weights=null"],
    "crop": ["dataset.framing=crop"],
    "scratch": ["dataset.size=112"],  # a quarter of the time: 224 px would take four hours on one core
}
"""The ways, each with its changes to the recipe that `cvkit new` writes; `scratch` has a recipe of its own."""

RAREST = min(COUNTS, key=lambda name: COUNTS[name])


def main() -> None:
    """Make what is missing, run a row with each seed, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--row", choices=[*ROWS, "linear_probe"], default="written")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    if not (work / "photos").is_dir():
        make(work, data_folder(None), COUNTS, APART)
    if not (work / "lite0.safetensors").is_file():
        save_lite0(work / "lite0.safetensors")
    if arguments.row == "linear_probe":
        keep(work, linear_probe(work))
        return
    recipe = written(work, scratch=arguments.row == "scratch")
    for seed in range(arguments.seeds):
        keep(work, run(work, recipe, arguments.row, seed))


def written(work: Path, *, scratch: bool) -> Path:
    """Return the recipe that `cvkit new` writes for the photos."""
    recipe = work / ("scratch.yaml" if scratch else "recipe.yaml")
    if not recipe.is_file():
        start = ["--scratch"] if scratch else ["--weights", "lite0.safetensors"]
        call(work, "new", "photos", "--output", recipe.name, *start)
    return recipe


def run(work: Path, recipe: Path, row: str, seed: int) -> dict[str, Any]:
    """Train the recipe as a user does, and measure the result."""
    name = f"{row}-{seed}"
    changes = [f"seed={seed}", f"name={name}", *ROWS[row]]
    start = time.perf_counter()
    call(work, "run", recipe.name, *(word for change in changes for word in ("--set", change)))
    seconds = time.perf_counter() - start
    folder = max((work / "runs").glob(f"{name}-*"), key=lambda path: path.name)
    apart = [*files(work / "apart")]
    predicted = [each.label for each in cvkit.load(folder).predict([path for path, _ in apart])]
    return {"row": row, "seed": seed, "minutes": round(seconds / 60, 1)} | scores(
        predicted, [name for _, name in apart]
    )


def linear_probe(work: Path) -> dict[str, Any]:
    """Measure a logistic regression with class weights on the ImageNet features of the training photos of seed 0."""
    found = [*work.glob("runs/written-0-*")]
    if not found:
        raise SystemExit("run the row written first; the probe uses its split and its framing")
    model = cvkit.load(found[-1])
    first = {name: value for name, value in load_file(work / "lite0.safetensors").items() if "classifier" not in name}
    model.module.load_state_dict(first, strict=False)
    with (found[-1] / "data.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    apart = [*files(work / "apart")]
    start = time.perf_counter()
    train = features(model, [work / "photos" / row["file"] for row in rows])
    probe = LogisticRegression(max_iter=2000, class_weight="balanced").fit(train, [row["class"] for row in rows])
    predicted = list(probe.predict(features(model, [path for path, _ in apart])))
    minutes = round((time.perf_counter() - start) / 60, 1)
    return {"row": "linear_probe", "minutes": minutes} | scores(predicted, [name for _, name in apart])


def features(model: cvkit.Model, paths: list[Path]) -> np.ndarray:
    """Return the input of the model's head for each image."""
    taken: list[torch.Tensor] = []
    head = model.module.get_submodule("classifier")
    hook = head.register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0].detach()))
    model.predict(paths)
    hook.remove()
    return torch.cat(taken).numpy()


def scores(predicted: list[str], true: list[str]) -> dict[str, float]:
    """Return the accuracy in percent and the recall of the rarest class."""
    pairs = [*zip(predicted, true, strict=True)]
    rare = [one == other for one, other in pairs if other == RAREST]
    return {
        "accuracy": round(100 * sum(one == other for one, other in pairs) / len(pairs), 1),
        "rarest_recall": round(sum(rare) / len(rare), 2),
    }


def call(work: Path, *words: str) -> None:
    """Run a command of cvkit in the folder of the trial."""
    subprocess.run([sys.executable, "-m", "cvkit", *words], cwd=work, check=True)


def keep(work: Path, result: dict[str, Any]) -> None:
    """Print a result and add it to the file."""
    print(json.dumps(result))
    with (work / "results.jsonl").open("a") as file:
        file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
