"""Preview a run without training: the planned schedule and augmented images."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from ..engine.building import PLACEHOLDER_LR
from ..engine.lr_curve import LrCurve, Series
from ..engine.parts import RunParts
from ..figures.artifacts import Figure, Gallery, Table
from ..figures.style import BLUE, GREEN, label_ends, render_figure
from ..recipe import Recipe
from ..recipe.dump import in_one_line
from .augmented_views import AugmentedViews
from .series import marker


def planned_schedule(curve: LrCurve) -> Figure:
    """Return a figure of the learning rate at every planned step, and of the momentum (or beta) if there is one.

    Parameter groups with the same values share a line.
    """
    note = f" (auto is shown as {PLACEHOLDER_LR:g})" if curve.placeholders else ""
    panels = [(f"learning rate{note}", curve.rates, BLUE)]
    panels += [] if curve.momenta is None else [("momentum", curve.momenta, GREEN)]

    def paint(canvas: Canvas) -> None:
        column = canvas.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        column[-1].set_xlabel("optimizer step")
        column[-1].xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        column[-1].xaxis.set_major_formatter("{x:,.0f}")
        for axes, (title, values, colour) in zip(column, panels, strict=True):
            axes.set_title(title)
            axes.margins(x=0.015, y=0.08)
            lines = _distinct(values)
            for line in lines.values():
                axes.plot(np.arange(1, len(line) + 1), line, color=colour, marker=marker(line))
            if len(lines) > 1:
                label_ends(axes, [(line[-1], name, colour) for name, line in lines.items()])

    rates = curve.rates.max(axis=1)
    peak = int(rates.argmax())
    caption = (
        f"The learning rate at each of {len(rates):,} planned optimizer steps. It is highest, {rates[peak]:.3g}, "
        f"at step {peak + 1:,}."
    )
    title = "Planned learning rate" + " and momentum" * (len(panels) == 2)
    described = " ".join(
        f"The {name} begins at {values[0].max():.3g} and ends at {values[-1].max():.3g}; it is between "
        f"{values.min():.3g} and {values.max():.3g}."
        for name, values in zip(("learning rate", "momentum"), (values for _, values, _ in panels), strict=False)
    )
    return render_figure("schedule", title, caption, paint, height=2.35 * len(panels), description=described)


def placeholder_notes(parts: RunParts, curve: LrCurve) -> list[str]:
    """Return a sentence for each value that is unknown before a tuner has run."""
    tuners = {tuner.target: tuner.entry.id for tuner in parts.recipe.tuners}
    return [
        f"{place} is auto: {tuners[place]} sets it when the run starts; this page uses {PLACEHOLDER_LR:g} "
        f"(--set {place}=VALUE uses another)."
        for place in curve.placeholders
    ]


def planned_images(parts: RunParts) -> tuple[Gallery, Table] | None:
    """Return the gallery of augmented training images and a table of their pixels; None if the recipe shows none."""
    if not (parts.recipe.report.augmented and parts.recipe.augmentations):
        return None
    drawn = AugmentedViews.of(parts)
    return drawn.sheet(parts), drawn.pixels(parts)


def augmentation_table(recipe: Recipe) -> Table:
    """Return a table of the augmentations in their order, with every option."""
    rows = tuple(
        (
            f"{number}",
            part.entry.id,
            ", ".join(f"{name}: {in_one_line(value)}" for name, value in part.options.items()) or "none",
        )
        for number, part in enumerate(recipe.augmentations, start=1)
    )
    caption = "Training images pass through them in this order, with new random values in each epoch."
    return Table("augmentations", "Augmentations", caption, ("order", "augmentation", "options"), rows)


def _distinct(values: Series) -> dict[str, Series]:
    """Return the distinct curves of (steps, groups), each named after its parameter groups."""
    curves, owners = np.unique(values, axis=1, return_inverse=True)
    named = {}
    for curve in dict.fromkeys(owners.flatten().tolist()):
        groups = [str(group + 1) for group in np.flatnonzero(owners.flatten() == curve)]
        named[f"group{'s' * (len(groups) > 1)} {', '.join(groups)}"] = curves[:, curve]
    return named
