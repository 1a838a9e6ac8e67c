"""Compare what a calibration promises with what it keeps, for many random halves of the predictions of a run.

    python benchmarks/coverage.py KEEP                # trains shapes if KEEP has no predictions of it, 20 s to 3 min
    python benchmarks/coverage.py KEEP --run RUN      # also the test images of another run, such as CIFAR-10's
    python benchmarks/coverage.py KEEP --write        # also writes the table to docs/results.md

The test images of a run stand for all images. Each draw takes validation images from them with replacement, half of
them to fit the temperature and half to choose the rule, and the rule is measured on all of them. So a measured share
has no error of its own, and a promise is kept or broken for certain.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from section import write_section
from torch import Tensor

import cvkit
from cvkit.calibrating.halves import only
from cvkit.calibrating.promises import Promise
from cvkit.calibrating.temperature import fit_temperature
from cvkit.cli.loading import reopen
from cvkit.cli.options import PluginChoice
from cvkit.engine.intervals import Share
from cvkit.engine.predictions import Predictions
from cvkit.runs.load import load_trained
from cvkit.runs.run_data import open_data_of

RECIPE = Path(__file__).parents[1] / "recipes" / "shapes.yaml"
PROMISES = (
    *(Promise("accuracy", value) for value in (0.9, 0.95, 0.99)),
    *(Promise("coverage", value) for value in (0.5, 0.8)),
    *(Promise("error_rate", value) for value in (0.1, 0.05)),
)
SIZES = (200, 1000)  # validation images, of which one half chooses the rule


@dataclass(frozen=True)
class Tried:
    """What many draws of a promise kept.

    `measured` is the promised share of each draw that found a rule, and `coverages` the share of images kept.
    """

    measured: Tensor
    coverages: Tensor
    refused: int


def main() -> None:
    """Predict the test images of each run once, try the promises, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("keep", type=Path, help="folder for the run on shapes and for predictions")
    parser.add_argument("--run", type=Path, action="append", default=[], help="another run; its data must be here")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--write", action="store_true", help="write the table to docs/results.md")
    arguments = parser.parse_args()
    keep = arguments.keep.resolve()
    keep.mkdir(parents=True, exist_ok=True)
    if not [*keep.glob("shapes-*")]:
        sets = {"dataset.test_size": 10_000, "report.misclassified": 0, "report.augmented": 0}
        cvkit.train(RECIPE, set=sets, output=keep, progress=False)
    lines = ["| data | validation images | promise | kept in | share, mean | lowest 5 % | coverage, mean | refused |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for run in [*keep.glob("shapes-*"), *arguments.run]:
        lines += rows_of(run.name, predictions_of(run), arguments.draws)
    table = "\n".join(lines)
    print(table)
    if arguments.write:
        how = f"`python benchmarks/coverage.py KEEP --write`, {date.today()}, {platform.machine()}, CPU, "
        write_section("coverage", f"{how}torch {torch.__version__}, {arguments.draws:,} draws.\n\n{table}")


def predictions_of(run: Path) -> Predictions:
    """Return the predictions of a run for its test images."""
    folder = cvkit.RunFolder.open(run)
    recipe, _ = reopen(folder, PluginChoice())
    info = folder.data_info()
    assert info is not None
    loaded = load_trained(folder, recipe, info, calibrated=False)
    test = open_data_of(folder, recipe, None, loaded.digest, print).half("test")
    parts = [test[index] for index in range(len(test))]
    images, labels = torch.stack([image for image, _ in parts]), torch.tensor([label for _, label in parts])
    return Predictions(loaded.trained.logits(images), labels, 0.0)


def rows_of(name: str, everything: Predictions, draws: int) -> Iterator[str]:
    """Yield a row for each number of validation images and each promise."""
    for size in SIZES:
        for promise in PROMISES:
            tried = attempts(everything, promise, size, draws)
            wanted = f"{promise.wanted.replace('_', ' ')} {promise.value:g}"
            row = [f"{name}, accuracy {100 * everything.accuracy:.1f} %", f"{size:,}", wanted]
            if not len(tried.measured):
                yield f"| {' | '.join([*row, '-', '-', '-', '-', '100.0 %'])} |"
                continue
            kept = Share.where(tried.measured >= promise.share)
            lowest = float(tried.measured.quantile(0.05))
            shown = (tried.measured.mean(), lowest, tried.coverages.mean(), tried.refused / draws)
            row += [f"{kept.text} ({kept.interval})", *(f"{100 * float(value):.1f} %" for value in shown)]
            yield f"| {' | '.join(row)} |"


def attempts(everything: Predictions, promise: Promise, size: int, draws: int) -> Tried:
    """Try a promise with `draws` draws of `size` validation images."""
    generator = torch.Generator().manual_seed(cvkit.derive("coverage benchmark", size))
    measured, coverages, refused = [], [], 0
    for _ in range(draws):
        drawn = torch.randint(len(everything.labels), (size,), generator=generator)
        fitting, choosing = only(everything, drawn[: size // 2]), only(everything, drawn[size // 2 :])
        try:
            found, _ = promise.choose(fit_temperature(fitting.logits, fitting.labels), choosing, fitting)
        except cvkit.RunError:
            refused += 1
            continue
        chances, declined = found.apply(everything.logits)
        inside = found.prediction_sets(chances).gather(1, everything.labels[:, None])[:, 0]
        counted = {
            "accuracy": (chances.argmax(dim=1) == everything.labels)[~declined],
            "coverage": ~declined,
            "error_rate": inside,
        }[promise.wanted]
        measured.append(float(counted.double().mean()))
        coverages.append(float((~declined).double().mean()))
    return Tried(torch.tensor(measured, dtype=torch.float64), torch.tensor(coverages, dtype=torch.float64), refused)


if __name__ == "__main__":
    main()
