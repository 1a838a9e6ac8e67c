"""The table and the sentences that describe a repeat, for the terminal, the page and notebooks."""

from __future__ import annotations

from ..formatting import counted, duration, in_words, percent, score_percent
from .summary import Spread, Summary


def header(summary: Summary) -> tuple[str, ...]:
    """Return the heads of the columns of `rows`."""
    score = in_words(summary.score_name)
    return ("seed", f"{summary.half} {score}", f"{summary.half} loss", *summary.metrics, "epochs", "training time")


def rows(summary: Summary) -> list[tuple[str, ...]]:
    """Return a row of the table for each seed."""
    return [
        (
            str(result.seed),
            score_percent(result.score),
            f"{result.loss:.4f}",
            *(f"{result.metrics[name]:.4f}" for name in summary.metrics),
            f"{len(result.curve):,}" + (f" (best: {result.chosen:,})" if result.chosen else ""),
            duration(result.seconds),
        )
        for result in summary.results
    ]


def spread_rows(summary: Summary) -> list[tuple[str, ...]]:
    """Return the rows of the mean and the standard deviation, with as many cells as `rows`."""
    spreads = [summary.loss, *summary.metrics.values()]
    mean = ("mean", score_percent(summary.score.mean), *(f"{spread.mean:.4f}" for spread in spreads), "", "")
    if summary.score.deviation is None:
        return [mean]
    deviations = [f"{spread.deviation:.4f}" for spread in spreads]
    return [mean, ("standard deviation", points(summary.score.deviation), *deviations, "", "")]


def points(fraction: float) -> str:
    """Return the difference of two percentages: ``0.42 points``."""
    return f"{100 * fraction:.2f} points"


def interval_text(spread: Spread) -> str:
    """Return the interval of a mean in percent, or why there is none."""
    if spread.interval is None:
        return "none: one seed shows no spread"
    low, high = spread.interval
    cut = f" (cut at {' and '.join(f'{100 * end:.0f}' for end in spread.cut)} %)" if spread.cut else ""
    return f"{100 * low:.2f} to {100 * high:.2f} %{cut}"


def sentences(summary: Summary) -> list[str]:
    """Return the mean with its interval, and the agreement of the seeds."""
    spread, score = summary.score, f"{summary.half} {in_words(summary.score_name)}"
    seeds = counted(len(summary.results), "seed")
    if spread.deviation is None:
        return [f"{score} of one seed: {score_percent(spread.mean)}; add seeds to find out how much it varies"]
    images = counted(summary.images, f"{summary.half} image")
    return [
        f"mean {score} of {seeds}: {score_percent(spread.mean)}, standard deviation {points(spread.deviation)}, "
        f"95 % interval of the mean {interval_text(spread)}",
        f"all seeds predict the same for {percent(summary.agreement, 1)} of {images}; two seeds do for "
        f"{percent(summary.mean_of_pairs or 0.0, 1)} on average",
    ]
