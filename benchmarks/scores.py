"""Score every explanation method and baseline on `shapes`, for a trained network and for shuffled weights.

    python benchmarks/scores.py                  # trains recipes/shapes.yaml first
    python benchmarks/scores.py runs/shapes-...  # uses a finished run

The tables are written to docs/results.md.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from datetime import date
from pathlib import Path

import torch
from section import write_section

from cvkit import discover
from cvkit.data.splits import Split, TensorSplit
from cvkit.engine.building import open_dataset
from cvkit.engine.trained_model import TrainedModel
from cvkit.explain.explainers import Explainers
from cvkit.explain.scores import Scores, redrawn, score
from cvkit.figures.artifacts import Table
from cvkit.recipe import Recipe, read, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.load import load_trained
from cvkit.testing import Host

RECIPE = Path(__file__).parents[1] / "recipes" / "shapes.yaml"
METHODS = (
    "[grad_cam, grad_cam_pp, hires_cam, layer_cam, eigen_cam, score_cam, "
    "{name: smoothed, method: grad_cam}, guided_backprop]"
)


def main() -> None:
    """Train or open the run, score its model and a copy with shuffled weights, and write both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", nargs="?", type=Path, help="folder of a finished run")
    parser.add_argument("--images", type=int, default=500, help="number of test images to score")
    parser.add_argument("--methods", default=METHODS, help="explainers, as in a recipe")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recipe, test, trained = opened(arguments.run or Host(Path(folder)).run(RECIPE).folder, arguments.methods)
    assert isinstance(test, TensorSplit)
    shuffled = redrawn(trained, test.images, share=1)
    warnings: list[str] = []
    parts = []
    for title, model in (("trained", trained), ("all weights shuffled", shuffled)):
        started = time.perf_counter()
        found = score(
            Explainers(model, recipe.explainers, warnings),
            test.images,
            test.labels,
            test.masks,
            at_most=arguments.images,
        )
        seconds = time.perf_counter() - started
        print(f"{title}: {seconds:.0f} s", *found.warnings, sep="\n")
        parts.append(described(title, found, seconds))
    print(*warnings, sep="\n")
    command = f"python benchmarks/scores.py{' RUN' if arguments.run else ''} --images {arguments.images}"
    measured = f"`{command}`, {date.today()}, {platform.machine()}, torch {torch.__version__}, threads: "
    write_section("scores", "\n\n".join([f"{measured}{torch.get_num_threads()}.", *parts]))


def opened(folder: Path, methods: str) -> tuple[Recipe, Split, TrainedModel]:
    """Return the recipe of a run with these explainers, its test images, and its trained model."""
    recipe = resolve(read(folder / "recipe.yaml", [f"explainers={methods}"]), discover())
    splits = open_dataset(recipe, folder)
    return recipe, splits.test, load_trained(RunFolder.open(folder), recipe, splits.info).trained


def described(title: str, found: Scores, seconds: float) -> str:
    """Return the tables and verdicts of one model as Markdown."""
    head = f"### Scores, {title}\n\n{found.n} test images, accuracy on them {found.accuracy:.1%}; {seconds:.0f} s."
    verdicts = "\n".join(f"- {line}" for line in found.warnings if "baseline" not in line)  # stars in the tables
    return "\n\n".join([head, *map(as_markdown, found.tables()), f"Verdicts:\n\n{verdicts}"])


def as_markdown(table: Table) -> str:
    """Return a table with its caption as Markdown."""
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    rows = "\n".join(f"| {' | '.join(cell.replace(' *', ' &ast;') for cell in line)} |" for line in lines)
    return f"{table.title}. {table.caption.replace(' * ', ' &ast; ')}\n\n{rows}"


if __name__ == "__main__":
    main()
