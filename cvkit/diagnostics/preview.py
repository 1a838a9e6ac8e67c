"""What a run would do, drawn without training: its schedule at every planned step, and its augmented images."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from torch.optim import Optimizer

from ..engine.parts import built
from ..engine.run import STAND_IN_RATE, Run, momentum_of, with_stand_ins
from ..engine.seeding import preserved_randomness
from .artifacts import Figure, Gallery
from .curves import marker
from .diagnose import augmented_sheet
from .style import BLUE, GREEN, draw, label_ends

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """The learning rate and momentum that a run would use at each planned step, of each parameter group.

    `rates`: float64 (steps, groups). `momenta`: float64 (steps, groups), or None where the optimizer has neither
    momentum nor beta. `stand_ins`: the recipe's places that are still ``auto``, each drawn as `STAND_IN_RATE`.
    """

    rates: Series
    momenta: Series | None
    stand_ins: tuple[str, ...]


def course(run: Run) -> Course:
    """Return the course of a run: its schedule stepped once a planned step, beside an optimizer that never steps.

    The weights and every global generator stay as they are.
    """
    recipe = run.recipe
    with preserved_randomness(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Detected call of `lr_scheduler.step\(\)` before")
        weights = [parameter for parameter in run.model.parameters() if parameter.requires_grad]
        optimizer: Optimizer = built(with_stand_ins(recipe.optimizer), weights)
        scheduler = built(with_stand_ins(recipe.scheduler), optimizer, run.plan)
        rates, momenta = [], []
        for step in range(run.planned_steps):
            if step:
                scheduler.step()
            rates.append([float(group["lr"]) for group in optimizer.param_groups])
            momenta.append([momentum_of(group) for group in optimizer.param_groups])
    complete = all(momentum is not None for momentum in momenta[0])
    return Course(np.array(rates), np.array(momenta, dtype=np.float64) if complete else None, recipe.autos())


def planned_schedule(course: Course) -> Figure:
    """Draw the learning rate at every planned step, and the momentum (or beta) where the optimizer has one.

    Parameter groups that share a curve share a line.
    """
    standing_in = f" ({STAND_IN_RATE:g} stands in for auto)" if course.stand_ins else ""
    panels = [(f"learning rate{standing_in}", course.rates, BLUE)]
    panels += [] if course.momenta is None else [("momentum", course.momenta, GREEN)]

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

    rates = course.rates.max(axis=1)
    peak = int(rates.argmax())
    caption = (
        f"At each of {len(rates):,} planned optimizer steps. The learning rate is highest, {rates[peak]:.3g}, "
        f"at step {peak + 1:,}."
    )
    title = "Planned learning rate" + " and momentum" * (len(panels) == 2)
    return draw("schedule", title, caption, paint, height=2.35 * len(panels))


def stand_in_notes(run: Run, course: Course) -> list[str]:
    """Return a sentence for each place whose value is not known before a tuner has run."""
    tuners = {tuner.sets: tuner.entry.id for tuner in run.recipe.tuners}
    return [
        f"{place} is auto: {tuners[place]} fills it when the run starts, and {STAND_IN_RATE:g} stands in for it here "
        f"(--set {place}=VALUE draws another)."
        for place in course.stand_ins
    ]


def planned_images(run: Run) -> Gallery | None:
    """Return the report's sheet of augmented training images, or None where the recipe leaves it out."""
    return augmented_sheet(run) if run.recipe.report.augmented and run.recipe.augmentations else None


def _distinct(values: Series) -> dict[str, Series]:
    """The curves of (steps, groups) that differ, each named by the groups that follow it."""
    curves, owners = np.unique(values, axis=1, return_inverse=True)
    named = {}
    for curve in dict.fromkeys(owners.flatten().tolist()):
        groups = [str(group + 1) for group in np.flatnonzero(owners.flatten() == curve)]
        named[f"group{'s' * (len(groups) > 1)} {', '.join(groups)}"] = curves[:, curve]
    return named
