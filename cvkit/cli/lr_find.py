"""``cvkit lr-find``: run only the learning-rate range test of a recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ComponentError, RunError
from ..files.output_folder import OutputFolder
from ..host.assumed import TUNER, require_assumed
from ..phases import phase
from ..runs.data_folder import data_folder
from .exit_code import work
from .loading import load_recipe, warn
from .options import PluginChoice, data_option, output_option, plugin_options, set_option
from .proposed import NAME, figure_of, json_of, print_rules
from .terminal import echo

if TYPE_CHECKING:
    from ..host.catalog import Catalog
    from ..recipe import Recipe, TunerPart

PAGE = "lr-find.html"
NAMES = frozenset((PAGE, *(f"{NAME}.{kind}" for kind in ("svg", "png", "json"))))
_REMEDY = "Give the recipe a tuner of another plugin; see: cvkit list tuners"


@click.command("lr-find")
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@output_option(
    "lr-find",
    "Folder for the results, which go into a subfolder named after the recipe; earlier results are replaced.",
)
@click.option("--pick", metavar="RULE", help="Rule that chooses the rate, as in --pick valley.")
@click.option("--verify", is_flag=True, help="Train briefly with the rate and its neighbours, and propose the best.")
@data_option
@plugin_options
def lr_find(
    recipe: Path,
    overrides: tuple[str, ...],
    output: Path,
    pick: str | None,
    verify: bool,
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Run only the learning-rate range test of RECIPE.

    Sweeps the learning rate and shows the rate that each rule chooses from the losses, on the terminal and on a page.
    Uses the recipe's own range test if it has one. Exits with 1 if no rule finds a rate.
    """
    waits = range_test_override(recipe, overrides)
    arguments = (recipe, *_repeated(overrides, data, choice))
    overrides = (*overrides, *waits)
    checked, catalog = load_recipe(recipe, overrides, choice, require_range_test if waits else None)
    given = checked.values()
    options = ([f"pick={json.dumps(pick)}"] if pick else []) + ["verify=true"] * verify
    checked, tuner = with_range_test(recipe, overrides, checked, catalog, options)
    place = OutputFolder(output / checked.name, "cvkit lr-find", NAMES)
    place.require_safe_to_replace()
    from ..diagnostics.range_test import RangeTest, rule_table
    from ..engine.assembly import build_parts
    from ..engine.building import open_dataset  # imports torch, so only after the recipe is checked
    from ..engine.tuning import forecast_of, propose
    from ..engine.usual_rate import unusual_rate
    from ..figures.page import render

    parts = build_parts(checked, open_dataset(checked, data_folder(data)))
    with work() as sweep:
        sweep.started = True
        try:
            if forecast := forecast_of(tuner, parts):
                echo(forecast)
            proposal = propose(tuner, parts)
        except ComponentError:  # the tuner refuses its options
            sweep.started = False
            raise
        print_rules(rule_table(proposal.data))
        unusual = unusual_rate(checked, tuner, proposal)
        with phase("drawing the page"):
            test = RangeTest(parts, tuner, proposal, given, arguments)
            figure = figure_of(proposal, tuner)
            page = test.page(figure, [f"{unusual}."] if unusual else [], version("cvkit-core"))
            files = {PAGE: render(page).encode()} | ({} if figure is None else figure.files())
            written = place.write(files | {f"{NAME}.json": json_of(proposal, tuner)})
        for path in written:
            echo(path)
        if proposal.value is None:
            raise RunError(f"found no learning rate for {tuner.target}: {proposal.reason}")
    echo(f"{tuner.target}: {proposal.value} ({proposal.reason})")
    if unusual:
        warn(unusual)


def _repeated(overrides: Sequence[str], data: Path | None, choice: PluginChoice) -> tuple[object, ...]:
    """Return the options of this command that other commands need for the same recipe and data."""
    words: list[object] = [word for text in overrides for word in ("--set", text)]
    words += [] if data is None else ["--data", data]
    words += [word for name in choice.disabled for word in ("--no-plugin", name)]
    return (*words, *(word for path in choice.paths if choice.named for word in ("--plugin-path", path)))


def require_range_test(catalog: Catalog) -> None:
    """Raise `ComponentError` if the range test that is added to recipes without one cannot be used."""
    require_assumed(catalog, "tuners", TUNER, _REMEDY)


def range_test_override(path: Path, overrides: Sequence[str]) -> list[str]:
    """Return an override that adds a range test for the first value that is ``auto``, if the recipe has no tuners.

    Without a tuner, the value ``auto`` would be an error.
    """
    from ..recipe import AUTO, read
    from ..recipe.nodes import plain

    said = plain(read(path, overrides).root)
    if said.get("tuners"):
        return []
    parts = {place: said.get(place) for place in ("scheduler", "optimizer")}
    waiting = [
        f"{place}.{option}"
        for place, part in parts.items()
        if isinstance(part, dict)
        for option, value in part.items()
        if value == AUTO
    ]
    return [f"tuners=[{{name: {TUNER}, set: {sets}}}]" for sets in waiting[:1]]


def with_range_test(
    path: Path, overrides: Sequence[str], recipe: Recipe, catalog: Catalog, options: Sequence[str]
) -> tuple[Recipe, TunerPart]:
    """Return the recipe with the range test as its only tuner, and that tuner with `options` applied.

    `options` are overrides, ``name=value``. A tuner named `NAME` counts as a range test, whichever plugin provides
    it. If the recipe has none, cvkit's is added; it sets the schedule's peak, or else the optimizer's learning rate.
    """
    from ..recipe import read, resolve_named

    asked = {text: f"--set {text}" for text in overrides}
    if not any(is_range_test(tuner) for tuner in recipe.tuners):
        require_range_test(catalog)
        sets = "scheduler.max_lr" if "max_lr" in recipe.scheduler.names() else "optimizer.lr"
        added = f"tuners=[{{name: {TUNER}, set: {sets}}}]"
        asked |= {f"{sets}=auto": TUNER, added: TUNER}
        recipe = resolve_named(partial(read, path), asked, catalog)
        warn(f"the recipe has no {NAME}; running one with default options for {sets}")
    (index, *_) = [i for i, tuner in enumerate(recipe.tuners) if is_range_test(tuner)]
    asked |= {f"tuners.{index}.{text}": f"--{text.partition('=')[0]}" for text in options}
    tuner = resolve_named(partial(read, path), asked, catalog).tuners[index]
    return replace(recipe, tuners=(tuner,)), tuner


def is_range_test(tuner: TunerPart) -> bool:
    """Whether a tuner is named as a learning-rate range test, whichever plugin provides it."""
    return (tuner.entry.member or tuner.entry.component.name) == NAME
