"""What a run would do, drawn without training: its schedule at every planned step, and its augmented images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ..engine.parts import STAND_IN_RATE
from ..engine.run import Run
from ..engine.schedule import early_steps, momentum_of
from ..engine.seeding import preserved_randomness
from ..errors import RunError
from ..recipe.schema import TrainSettings
from .artifacts import Figure, Gallery
from .curves import marker
from .diagnose import augmented_sheet
from .style import BLUE, GREEN, draw, label_ends

MOST_STEPS = 2_000_000
"""Steps of a schedule that are computed for a figure or a comparison: that takes half a minute, one after another."""
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


def course(run: Run, settings: TrainSettings | None = None) -> Course:
    """Return the course of a run: its schedule stepped once a planned step, beside an optimizer that never steps.

    `settings`, in place of the recipe's, say what other epochs would make of it. The weights and every global
    generator stay as they are. Raises `RunError` for more than `MOST_STEPS` steps.
    """
    steps = (settings or run.recipe.train).steps(run.batching.steps)
    if steps > MOST_STEPS:
        raise RunError(
            f"the schedule has {steps:,} steps, and at most {MOST_STEPS:,} are computed one after another; to see "
            "how it begins: --set train.max_steps=10000"
        )
    rates, momenta = [], []
    with preserved_randomness(), early_steps():
        schedule = run.new_schedule(settings=settings)
        for _ in range(steps):
            groups = schedule.optimizer.param_groups
            rates.append([float(group["lr"]) for group in groups])
            momenta.append([momentum_of(group) for group in groups])
            schedule.step()
    complete = all(momentum is not None for momentum in momenta[0])
    return Course(np.array(rates), np.array(momenta, dtype=np.float64) if complete else None, run.recipe.autos())


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
