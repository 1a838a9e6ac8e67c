"""Build the page of a repeat: each seed, the mean and its interval, and the images that the seeds disagree about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from ..figures.artifacts import Figure, Table
from ..figures.page import Fact, Page, Section
from ..figures.style import BLUE, MUTED, ORANGE, label_ends, render_figure
from ..formatting import counted, in_words, legible, percent, score_percent
from .lines import header, interval_text, points, rows, spread_rows
from .summary import Summary

_MOST_IMAGES = 200  # in the table of images that the seeds disagree about
_MOST_LABELLED = 8  # curves with the name of their seed


def repeat_page(name: str, summary: Summary, recipe: str, warnings: Sequence[str] = ()) -> Page:
    """Return the page. `recipe` is the YAML text of the recipe, and `warnings` say which seeds are missing."""
    return Page(
        title=f"{name}: {counted(len(summary.results), 'seed')}",
        subtitle="The same recipe trained with several seeds. Each run has its own report in its folder.",
        facts=_facts(summary),
        warnings=tuple(warnings),
        notes=(
            "The interval of the mean shows how much the result depends on the seed. It does not contain the error "
            f"that comes from measuring on only {counted(summary.images, 'image')}.",
            "The seed sets the first weights, the order of the images and the augmentations. The division of the "
            "data into splits has a seed of its own and is the same in all runs.",
        ),
        sections=(
            Section("Results", (_dots(summary), _curves(summary), _results(summary))),
            Section("Agreement of the seeds", _agreement(summary), broad=True),
        ),
        recipe=recipe,
    )


def _facts(summary: Summary) -> tuple[Fact, ...]:
    spread, score = summary.score, in_words(summary.score_name)
    deviation = "unknown" if spread.deviation is None else points(spread.deviation)
    facts = [
        Fact(f"Mean {summary.half} {score}", score_percent(spread.mean), counted(len(summary.results), "seed")),
        Fact("Standard deviation", deviation, "between the seeds"),
        Fact("95 % interval of the mean", interval_text(spread), "by Student's t distribution"),
    ]
    if summary.pairs:
        images = counted(summary.images, f"{summary.half} image")
        facts.append(Fact("All seeds predict the same", percent(summary.agreement, 1), f"of {images}"))
        facts.append(
            Fact("Two seeds predict the same", percent(summary.mean_of_pairs or 0.0, 1), "mean of all pairs")
        )
    return tuple(facts)


def _dots(summary: Summary) -> Figure:
    """Return a figure of the score of each seed, and of the mean with its interval."""
    score = in_words(summary.score_name)
    values = [100 * result.score for result in summary.results]

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots()
        axes.plot(values, range(len(values)), "o", color=BLUE)
        axes.set_yticks(range(-1, len(values)), ["mean", *(f"seed {result.seed}" for result in summary.results)])
        axes.set_ylim(len(values) - 0.5, -1.5)
        mean = 100 * summary.score.mean
        if summary.score.interval is not None:
            low, high = summary.score.interval
            axes.plot([100 * low, 100 * high], [-1, -1], color=ORANGE)
        axes.plot([mean], [-1], "D", color=ORANGE)
        axes.axvline(mean, color=MUTED, linewidth=0.8, linestyle="--")
        axes.set_xlabel(f"{summary.half} {score} in %")

    caption = f"The {score} of each seed; the mean, with its 95 % interval as a line."
    return render_figure(
        "seeds", f"{score.capitalize()} of each seed", caption, paint, height=1.4 + 0.22 * len(values)
    )


def _curves(summary: Summary) -> Figure:
    """Return a figure of the score after each epoch, a line for each seed."""
    score, half = in_words(summary.score_name), summary.results[0].curve_half

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots()
        ends = []
        for result in summary.results:
            curve = [100 * value for value in result.curve]
            (line,) = axes.plot(range(1, len(curve) + 1), curve, marker="o" if len(curve) == 1 else "", linewidth=1.2)
            ends.append((curve[-1], f"seed {result.seed}", str(line.get_color())))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(0, 1.015 * max(len(result.curve) for result in summary.results))  # epoch n ends at n
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{half} {score} in %")
        if len(ends) <= _MOST_LABELLED:
            label_ends(axes, ends)

    caption = f"The {score} on the {half} images after each epoch, a line for each seed."
    return render_figure("curves", f"{score.capitalize()} by epoch", caption, paint)


def _results(summary: Summary) -> Table:
    body = (*rows(summary), *spread_rows(summary))
    return Table("results", "Each seed", "Training time is without evaluation.", header(summary), body)


def _agreement(summary: Summary) -> tuple[Table, ...]:
    if not summary.pairs:
        return ()
    seeds = [result.seed for result in summary.results]
    of = summary.pairs | {(other, one): value for (one, other), value in summary.pairs.items()}
    body = tuple(
        (str(one), *("" if one == other else percent(of[one, other], 1) for other in seeds)) for one in seeds
    )
    caption = f"The share of the {summary.half} images for which two seeds predict the same."
    pairs = Table("agreement", "Agreement of pairs", caption, ("seed", *(f"seed {seed}" for seed in seeds)), body)
    return (pairs, _disputed(summary)) if summary.disputed else (pairs,)


def _disputed(summary: Summary) -> Table:
    """Return the images that the seeds disagree about, those with the fewest right predictions first."""
    results, found = summary.results, []
    for index in summary.disputed:
        votes = Counter(result.predicted[index] for result in results)
        found.append((votes[results[0].true[index]], index, votes))
    found.sort(key=lambda entry: entry[:2])
    body = tuple(
        (
            legible(results[0].names[index]),
            legible(results[0].true[index]),
            f"{right:,} of {len(results):,}",
            ", ".join(f"{legible(name) or 'none'} ({count:,})" for name, count in votes.most_common()),
        )
        for right, index, votes in found[:_MOST_IMAGES]
    )
    caption = "Images that seeds predict differently, those with the fewest right predictions first."
    if len(found) > _MOST_IMAGES:
        caption += f" The first {_MOST_IMAGES:,} of {len(found):,}."
    return Table("disputed", "Disputed images", caption, ("image", "true", "right", "predictions (seeds)"), body)
