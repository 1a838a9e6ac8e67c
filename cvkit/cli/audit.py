"""``cvkit audit``: check the images and labels of a recipe's data set without training."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import RunError
from ..files.output_folder import OutputFolder
from ..runs.data_folder import data_folder
from ..tasks import SINGLE_LABEL
from .loading import load_recipe
from .options import PluginChoice, data_option, output_option, plugin_options, set_option
from .terminal import bar, echo

NAMES = frozenset(("audit.html", "duplicates.csv", "damaged.csv", "classes.csv"))


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@output_option(
    "audits", "Folder for the results, which go into a subfolder named after the recipe; earlier ones are replaced."
)
@click.option(
    "--run",
    "run",
    type=click.Path(file_okay=False, path_type=Path),
    help="Print the accuracy of this finished run with and without the images that have a duplicate in training.",
)
@click.option(
    "--similarity",
    type=click.FloatRange(0.5, 1),
    default=0.65,
    show_default=True,
    help="Correlation from which two images are near duplicates.",
)
@data_option
@plugin_options
def audit(
    recipe: Path,
    overrides: tuple[str, ...],
    output: Path,
    run: Path | None,
    similarity: float,
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Find damaged images, duplicates, conflicting labels and unbalanced classes in the data of RECIPE.

    Trains nothing and changes no image. The exit code is 0 whatever is found.
    """
    from ..runs.folder import RunFolder

    checked, _ = load_recipe(recipe, overrides, choice)
    place = OutputFolder(output / f"audit-{checked.name}", "cvkit audit", NAMES)
    place.require_safe_to_replace()
    outcomes = None if run is None else RunFolder.open(run).outcomes()

    from ..audit.audit import audit as audited  # imports torch, so only after the recipe is checked
    from ..audit.findings import findings
    from ..audit.page import audit_page
    from ..audit.tables import csv_files
    from ..audit.without_duplicates import Accuracies
    from ..data.repetitions import without_repetitions
    from ..engine.building import open_dataset
    from ..figures.page import render

    errors = {path: part.options.get("on_error") for path, part in checked.parts() if path.startswith("dataset")}
    stops = "fail" in errors.values()
    for path, value in errors.items():  # a damaged file is a finding here, and not an error
        if value is not None:
            checked = checked.with_value(f"{path}.on_error", "skip")
    splits = without_repetitions(open_dataset(checked, data_folder(data)))
    with bar(sum(len(splits.half(name)) for name in splits.halves) + len(splits.train), "reading") as advance:
        found = audited(splits, similarity, advance, stops=stops)
        notes = []
        if outcomes is not None:
            if not outcomes.are_of(found.labels(splits.final)):
                raise RunError(
                    f"the predictions in '{run}' are not for the {splits.final} images of this recipe, because their "
                    "number or their classes differ; pass a run of this recipe"
                )
            name = "accuracy" if splits.info.task == SINGLE_LABEL.name else "share of exact matches"
            notes = [Accuracies.of(outcomes.correct, found.leaked(splits.final)).sentence(splits.final, name)]
        sentences = [*map(str, findings(found))] or ["No problems were found."]
        page = audit_page(found, splits, checked.name, notes)
        paths = place.write({"audit.html": render(page).encode(), **csv_files(found)})
    for line in [*(f"- {sentence}" for sentence in sentences), *notes, *paths]:
        echo(line)
