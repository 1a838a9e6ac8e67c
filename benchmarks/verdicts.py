"""Measure how often each verdict of a report changes with the seed, in small runs of `shapes`.

    python benchmarks/verdicts.py --keep FOLDER           # 10 seeds; continues where it stopped
    python benchmarks/verdicts.py --keep FOLDER --write   # also writes the tables to docs/results.md

If about half of the runs have a verdict, its threshold is in the middle of the values that it should separate.
"""

from __future__ import annotations

import argparse
import html
import json
import platform
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch
from scores import METHODS, opened
from section import write_section

from cvkit.data.splits import TensorSplit
from cvkit.explain.explainers import Explainers
from cvkit.explain.scores import BASELINES, score
from cvkit.testing import Host

RECIPE = Path(__file__).parents[1] / "recipes" / "shapes.yaml"
SMALLER = (
    "model.width=4",
    "train.epochs=3",
    "dataset.train_size=4000",
    "dataset.test_size=500",
    "tuners=[{name: lr_range_test, set: scheduler.max_lr, start_lr: 0.01, steps: 150, orders: 3}]",
)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,.]*\d|(?<![\w.])[-+]?\d")


def main() -> None:
    """Train, report and score one run for each seed, and print how many runs have each verdict."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds")
    parser.add_argument("--images", type=int, default=100, help="number of test images to score")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the results, one file per seed")
    parser.add_argument("--write", action="store_true", help="write the tables to docs/results.md")
    arguments = parser.parse_args()
    found = [kept(arguments.keep, seed, arguments.images) for seed in range(arguments.seeds)]
    section = "\n\n".join([*tables(found)])
    print(section)
    if arguments.write:
        command = f"python benchmarks/verdicts.py --keep FOLDER --write`, {date.today()}, {platform.machine()}"
        write_section("verdicts", f"`{command}, torch {torch.__version__}.\n\n{section}")


def kept(folder: Path, seed: int, images: int) -> dict[str, Any]:
    """Return the results for `seed` from its file in `folder`, and compute them first if the file is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{seed}.json"
    if not file.is_file():
        file.write_text(json.dumps(of_seed(folder, seed, images), indent=1))
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def of_seed(folder: Path, seed: int, images: int) -> dict[str, Any]:
    """Run the recipe with this seed, and return the lines of its report, its tuning and its scores."""
    done = Host(folder / str(seed)).run(RECIPE, *SMALLER, f"seed={seed}", f"explainers={METHODS}")
    page = done.report.read_text()
    said = re.findall(r'<p class="warning">(.*?)</p>', page) + re.findall(r"<li>(.*?)</li>", page.split("<main>")[0])
    tuning = json.loads((done.folder / "tuning.json").read_text())
    recipe, test, trained = opened(done.folder, METHODS)
    assert isinstance(test, TensorSplit)
    scores = score(Explainers(trained, recipe.explainers, []), test.images, test.labels, test.masks, at_most=images)
    return {
        "accuracy": done.predictions.accuracy,
        "said": [html.unescape(line) for line in said],
        "tuning": tuning,
        "scores": scores.to_json(),
    }


def tables(found: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Yield a description of the runs and the tables as Markdown."""
    accuracies = [one["accuracy"] for one in found]
    yield (
        f"{len(found)} runs of `recipes/shapes.yaml` with different seeds and smaller sizes: {', '.join(SMALLER)}. "
        f"Test accuracy {min(accuracies):.1%} to {max(accuracies):.1%}; {found[0]['scores']['images']} images scored."
    )
    yield rows(("new weights", "rank correlation", "follows", "between", "ignores"), of_weights(found))
    yield rows(("runs with a star, by baseline", *measures(found)), of_leads(found))
    yield rows(("range test", "lowest", "highest"), of_range_test(found))
    lines = Counter(line for one in found for line in {NUMBER.sub("N", line) for line in one["said"]})
    yield rows(("line of the report", f"of {len(found)} runs"), lines.most_common())


def of_weights(found: Sequence[dict[str, Any]]) -> Iterable[tuple[object, ...]]:
    """Yield, for each method, its range of rank correlations and the number of runs with each verdict."""
    weights = [one["scores"]["measures"]["new weights"] for one in found]
    for name in weights[0]["verdicts"]:
        means = [one["maps"][name]["mean"] for one in weights]
        counts = Counter(one["verdicts"][name] for one in weights)
        yield name, f"{min(means):.2f} to {max(means):.2f}", *(counts[v] for v in ("follows", "between", "ignores"))


def measures(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return the measures that compare methods with baselines."""
    return [name for name, measure in found[0]["scores"]["measures"].items() if measure["leads"]]


def of_leads(found: Sequence[dict[str, Any]]) -> Iterable[tuple[object, ...]]:
    """Yield, for each method and measure, the number of runs in which it is not clearly better than each baseline."""
    for name in found[0]["scores"]["measures"][measures(found)[0]]["leads"]:
        cells = []
        for measure in measures(found):
            leads = [one["scores"]["measures"][measure]["leads"][name] for one in found]
            unsure = {base: sum(lead[base]["low"] <= 0 for lead in leads) for base in BASELINES}
            cells.append("; ".join(f"{base}: {count}" for base, count in unsure.items() if count) or "none")
        yield name, *cells


def of_range_test(found: Sequence[dict[str, Any]]) -> Iterable[tuple[object, ...]]:
    """Yield the ranges of the results of the range tests, and the number of refusals."""
    data = [one["tuning"][0]["data"] for one in found]
    rates = [one["proposal"] for one in data if one["proposal"] is not None]
    spreads = [iqr for one in data if (iqr := one["rules"]["cvkit"]["iqr"]) is not None]
    yield "proposed rate", f"{min(rates):.3g}", f"{max(rates):.3g}"
    yield "distance between the quartiles in decades", f"{min(spreads):.2f}", f"{max(spreads):.2f}"
    yield "refusals", len(data) - len(rates), ""


def rows(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Return a table as Markdown."""
    cells = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in cells)


if __name__ == "__main__":
    main()
