"""Build the page of a search: the best recipe, the history, what matters, and all trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from ..figures.artifacts import Figure, Table
from ..figures.page import Fact, Page, Section
from ..figures.style import BLUE, FAINT, INK, ORANGE, render_figure
from ..formatting import counted, duration, in_words, legible, percent
from .definition import SearchDefinition
from .lines import header, rows, states_text
from .space import Range
from .trials import Trial, best_of, saved_epochs

_LONGEST = 14  # letters of a choice on an axis, or of a key below it
_LABEL: dict[str, Any] = {
    "fontsize": 7,
    "color": INK,
    "ha": "center",
    "va": "center",
    "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
}
"""How values are written on an axis, above the lines."""


def search_page(
    search: SearchDefinition,
    trials: Sequence[Trial],
    metric: str,
    goal: str,
    importance: Mapping[str, float],
    best_recipe: str,
    warnings: Sequence[str] = (),
) -> Page:
    """Return the page. `importance` has the share of each place of the recipe, or nothing if it is unknown."""
    complete = [trial for trial in trials if trial.state == "complete"]
    figures = [_history(complete, metric, goal)] if complete else []
    figures += [_importance(importance)] if importance else []
    figures += [_parallel(search, complete, metric)] if len(complete) > 1 else []
    caption = "The best first. The value of a pruned trial is that of its last epoch."
    table = Table("trials", "All trials", caption, header(search, metric), tuple(rows(search, trials, goal)))
    return Page(
        title=f"{search.settings.name}: {counted(len(trials), 'trial')}",
        subtitle="Values of a recipe, chosen on the validation images. No trial evaluated the test images.",
        facts=_facts(search, trials, metric, goal),
        warnings=tuple(warnings),
        notes=(
            "The value of the best trial is too optimistic, because it was chosen among many. Train the best recipe, "
            "with several seeds, and compare its result on the test images with that of the first recipe.",
        ),
        sections=(Section("Trials", tuple(figures)), Section("Table of trials", (table,), broad=True)),
        recipe=best_recipe,
        recipe_title="The best recipe",
    )


def _facts(search: SearchDefinition, trials: Sequence[Trial], metric: str, goal: str) -> tuple[Fact, ...]:
    best, steps = best_of(trials, goal), sum(trial.steps for trial in trials)
    saved, epochs = saved_epochs(trials)
    facts = [
        Fact("Trials", f"{len(trials):,}", states_text(trials)),
        Fact("Optimizer steps", f"{steps:,}", f"{duration(sum(trial.seconds for trial in trials))} of training"),
    ]
    if search.settings.pruner != "none" and epochs:
        facts.append(Fact("Saved by pruning", percent(saved / epochs), f"{saved:,} of {counted(epochs, 'epoch')}"))
    if best is not None:
        word = "Lowest" if goal == "min" else "Highest"
        note = f"trial {best.number}, with {search.shown(best.params)}"
        facts.insert(0, Fact(f"{word} validation {in_words(metric)}", f"{best.value:.4f}", note))
    return tuple(facts)


def _history(complete: Sequence[Trial], metric: str, goal: str) -> Figure:
    """Return a figure of the value of each complete trial, and of the best so far."""
    numbers, values = [trial.number for trial in complete], [trial.value or 0.0 for trial in complete]
    choose = min if goal == "min" else max
    so_far = [choose(values[: place + 1]) for place in range(len(values))]

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots()
        axes.plot(numbers, values, "o", color=BLUE, label="trial")
        axes.step(numbers, so_far, where="post", color=ORANGE, label="best so far")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("trial")
        axes.set_ylabel(f"validation {in_words(metric)}")
        axes.legend(frameon=False)

    return render_figure("history", "History", "The value of each complete trial, and the best so far.", paint)


def _importance(importance: Mapping[str, float]) -> Figure:
    """Return a figure of how much each place matters."""
    names = [*importance][::-1]

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots()
        axes.barh(range(len(names)), [100 * importance[name] for name in names], color=BLUE)
        axes.set_yticks(range(len(names)), [legible(name, 40) for name in names])
        axes.set_xlabel("importance in %")

    shares = ", ".join(f"{name} {percent(share)}" for name, share in importance.items())
    caption = (
        "How much each value decides whether a trial is among the best, by PED-ANOVA (Watanabe et al. 2023): "
        f"{shares}. With few trials these numbers are rough."
    )
    return render_figure("importance", "Importance", caption, paint, height=1.2 + 0.3 * len(names))


def _parallel(search: SearchDefinition, complete: Sequence[Trial], metric: str) -> Figure:
    """Return a figure with an axis for each place and a line for each complete trial, coloured by its value."""
    places, values = [*search.space], [trial.value or 0.0 for trial in complete]
    columns = [[_height(search, path, trial) for trial in complete] for path in places]

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots()
        scale, colours = Normalize(min(values), max(values) + 1e-12), colormaps["viridis"]
        for number in sorted(range(len(complete)), key=values.__getitem__):
            heights = [*(column[number] for column in columns), float(scale(values[number]))]
            axes.plot(range(len(heights)), heights, color=colours(scale(values[number])), linewidth=1.2)
        for place, path in enumerate(places):
            axes.axvline(place, color=FAINT)
            for height, text in _ticks(search, path):
                axes.text(place, height, text, **_LABEL)
        for height, value in ((0.0, min(values)), (1.0, max(values))):
            axes.text(len(places), height, f"{value:.4g}", **_LABEL)
        labels = ["\n".join(legible(key, _LONGEST) for key in path.split(".")) for path in places]
        axes.set_xticks(range(len(places) + 1), [*labels, f"validation\n{in_words(metric)}"], fontsize=7)
        axes.set_xlim(-0.4, len(places) + 0.4)
        axes.set_yticks([])
        axes.grid(visible=False)

    caption = f"A line for each of {counted(len(complete), 'complete trial')}; bright lines have high values."
    return render_figure("parallel", "Values and results", caption, paint, height=3.4)


def _height(search: SearchDefinition, path: str, trial: Trial) -> float:
    """Return the height in [0, 1] of a trial's value on the axis of a place."""
    space, value = search.space[path], trial.params[path]
    if not isinstance(space, Range):
        return space.texts.index(value) / max(1, len(space.texts) - 1)
    low, high, at = (math.log(end) if space.log else end for end in (space.low, space.high, value))
    return float((at - low) / (high - low))


def _ticks(search: SearchDefinition, path: str) -> list[tuple[float, str]]:
    space = search.space[path]
    if isinstance(space, Range):
        return [(0.0, f"{space.low:g}"), (1.0, f"{space.high:g}")]
    most = max(1, len(space.texts) - 1)
    return [(number / most, space.short(text, _LONGEST)) for number, text in enumerate(space.texts)]
