"""``cvkit lr-find``: the learning-rate range test of a recipe alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import RunError
from ..output import Output
from .loading import load_recipe, resolve_asked, warn
from .options import PluginChoice, data_folder, data_option, plugin_options, set_option
from .tables import print_table
from .terminal import echo

if TYPE_CHECKING:
    from ..catalog import Catalog
    from ..engine.trial import Proposal
    from ..recipe import Recipe, TunerPart

TUNER = "lr_range_test"
"""The name of the component that does it, whichever plugin offers it."""

NAMES = frozenset(f"{TUNER}.{kind}" for kind in ("svg", "png", "json"))


@click.command("lr-find")
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("lr-find"),
    show_default=True,
    help="Folder in which the test's own folder is made, or made anew.",
)
@click.option("--pick", metavar="RULE", help="The rule whose rate is proposed, as in --pick valley.")
@click.option("--verify", is_flag=True, help="Train the rate and its neighbours briefly, and propose the best.")
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
    """Find a learning rate for RECIPE, without a run.

    Sweeps the rate and shows what each rule says of the losses. The recipe's own range test counts, where it has one.
    Exits with 1 where no rate can be told.
    """
    overrides = (*overrides, *tuner_for_what_waits(recipe, overrides))
    checked, catalog = load_recipe(recipe, overrides, choice)
    options = ([f"pick={json.dumps(pick)}"] if pick else []) + ["verify=true"] * verify
    checked, tuner = with_range_test(recipe, overrides, checked, catalog, options)
    place = Output(output / checked.name, "cvkit lr-find", NAMES)
    place.require_own()
    from ..diagnostics.style import draw  # torch loads here, after the recipe is known to be good
    from ..engine.parts import built, open_dataset
    from ..engine.run import Run

    proposal: Proposal = built(tuner, Run(checked, open_dataset(checked, data_folder(data))))
    show(proposal)
    assert proposal.draw is not None  # noqa: S101  # the range test always draws
    figure = draw(TUNER, proposal.title, proposal.caption, proposal.draw)
    found = {"value": proposal.value, "reason": proposal.reason, **proposal.data}
    kept = (json.dumps(found, indent=1, allow_nan=False) + "\n").encode()
    for path in place.put({**figure.files(), f"{TUNER}.json": kept}):
        echo(path)
    if proposal.value is None:
        raise RunError(f"no learning rate can be told for {tuner.sets}: {proposal.reason}")
    echo(f"{tuner.sets}: {proposal.value} ({proposal.reason})")


def tuner_for_what_waits(path: Path, overrides: Sequence[str]) -> list[str]:
    """Return the override that gives a recipe without tuners a range test for its first value that is ``auto``.

    Such a recipe would not pass its check, and asks for nothing else.
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
    """Return the recipe with the range test as its only tuner, and that tuner, with `options` in place of its own.

    They are written as overrides, ``name=value``. Where the recipe has no range test, it is given one, which sets the
    schedule's peak, or else the optimizer's rate.
    """
    from ..recipe import read

    asked = {text: f"--set {text}" for text in overrides}
    if not any(tuner.entry.component.name == TUNER for tuner in recipe.tuners):
        sets = "scheduler.max_lr" if "max_lr" in recipe.scheduler.names() else "optimizer.lr"
        added = f"tuners=[{{name: {TUNER}, set: {sets}}}]"
        asked |= {f"{sets}=auto": TUNER, added: TUNER}
        recipe = resolve_asked(partial(read, path), asked, catalog)
        warn(f"the recipe has no {TUNER}: one with its defaults looks for {sets}")
    (index, *_) = [i for i, tuner in enumerate(recipe.tuners) if tuner.entry.component.name == TUNER]
    asked |= {f"tuners.{index}.{text}": f"--{text.partition('=')[0]}" for text in options}
    tuner = resolve_asked(partial(read, path), asked, catalog).tuners[index]
    return replace(recipe, tuners=(tuner,)), tuner


def show(proposal: Proposal) -> None:
    """Print what each rule tells: its rate, and the decades between the quartiles of several orders of the data."""
    rules = proposal.data["rules"]
    rows = [
        (
            f"{name} *" if name == proposal.data["pick"] else name,
            "none" if rule["rate"] is None else f"{rule['rate']:g}",
            "" if rule["iqr"] is None else f"{rule['iqr']:.2f}",
        )
        for name, rule in rules.items()
    ]
    print_table(("rule (* picked)", "rate", "IQR in decades"), rows)
