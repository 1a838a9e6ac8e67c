"""What a comparison found, in sentences."""

from __future__ import annotations

from ..engine.paired import POWER
from ..formatting import counted, in_words, percent, score_percent
from .measures import Measure
from .pair import Pair
from .repeated import MOST_RUNS

_SMALLEST = 1e-300  # smaller p-values may be 0 in floating point


def result(pair: Pair) -> str:
    """Return the result of a pair of groups in one or two sentences, the verdict first."""
    main, n = pair.main, counted(pair.n, "image")
    score = in_words(main.name)
    scores = f"{score_percent(main.second)} instead of {score_percent(main.first)}"
    both = f"{score_percent(main.second)} and {score_percent(main.first)}"
    margin = f"{100 * pair.margin:g} points"
    sure = f"95 % interval {interval(main.interval)}{_p(pair, main.p_value)}"
    match pair.verdict:
        case "better" | "worse" as verdict:
            small = f" The difference is smaller than the margin of {margin}." if pair.is_equivalent else ""
            found = f"its {score} is {scores}, {points(main)} ({sure}, {n})"
            return f"{pair.second} is {verdict} than {pair.first}: {found}.{small}"
        case "equivalent":
            narrow = f"90 % interval {interval(main.narrow)}"
            if pair.comparisons > 1 and main.equivalence_p_value is not None:
                narrow += _p(pair, main.equivalence_p_value)
            return (
                f"{pair.second} and {pair.first} are equivalent within {margin}: {score} {both}, "
                f"{points(main)} ({narrow}, {n})."
            )
        case _:
            return (
                f"{pair.second} and {pair.first} cannot be distinguished with {n}: {score} {both}, "
                f"{points(main)} ({sure}). {needed(pair)}"
            )


def _p(pair: Pair, p_value: float) -> str:
    """Return a p-value as it follows an interval; of several comparisons, only the p-values are corrected."""
    if pair.comparisons == 1:
        return f", {_equals(p_value)}"
    return f" without correction, {_equals(p_value)} corrected for {counted(pair.comparisons, 'comparison')}"


def _equals(p_value: float) -> str:
    return f"p {p_text(p_value)}" if p_value < _SMALLEST else f"p = {p_text(p_value)}"


def needed(pair: Pair) -> str:
    """Return how many images or runs would show a difference of the observed size."""
    main = pair.main
    if not main.difference:
        return "No difference was observed, so no number of images would show one."
    ways = []
    if main.images_needed is not None:
        ways.append(f"about {counted(_rounded(main.images_needed), 'image')}")
    if main.runs_needed is not None:
        ways.append(f"{main.runs_needed:,} runs of each recipe on these images")
    if ways:
        corrected = f" after correction for {counted(pair.comparisons, 'comparison')}" if pair.comparisons > 1 else ""
        found = f"A difference of this size would be found with {' or '.join(ways)}"
        return f"{found}, with a power of {percent(POWER)}{corrected}."
    if min(len(pair.first.runs), len(pair.second.runs)) == 1:
        return (
            "More images alone would not show a difference of this size, because the score varies too much with the "
            "seed; train each recipe more often."
        )
    return (
        f"Neither more images alone nor up to {MOST_RUNS:,} runs of each recipe on these images would show a "
        "difference of this size; train each recipe more often and use more images."
    )


def _rounded(number: int) -> int:
    """Round up to two digits, because the number follows from an uncertain difference."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step


def points(measure: Measure) -> str:
    """Return a difference of fractions in percentage points, such as ``+0.42 points``."""
    return f"{100 * measure.difference:+.2f} points"


def interval(ends: tuple[float, float]) -> str:
    """Return an interval of fractions in percentage points, such as ``-0.10 to +0.94``."""
    return " to ".join(f"{100 * end:+.2f}" for end in ends)


def p_text(p_value: float) -> str:
    """Return a p-value with two digits; small ones as a power of ten."""
    if p_value < _SMALLEST:
        return f"< {_SMALLEST:g}"
    return "1" if p_value > 0.995 else f"{p_value:.2g}"


def score_text(measure: Measure, value: float) -> str:
    """Return a score: a percentage, or a loss in nats."""
    return f"{value:.4f}" if measure.lower_is_better else score_percent(value)


def difference_text(measure: Measure) -> str:
    """Return a difference: in percentage points, or of a loss in nats."""
    return f"{measure.difference:+.4f}" if measure.lower_is_better else points(measure)


def interval_text(measure: Measure, ends: tuple[float, float]) -> str:
    """Return an interval of a difference in the same unit."""
    return " to ".join(f"{end:+.4f}" for end in ends) if measure.lower_is_better else interval(ends)


def counts(pair: Pair) -> str:
    """Return how many images were fixed and broken, as a sentence."""
    what = (
        "are predicted correctly by most runs of"
        if len(pair.second.runs) + len(pair.first.runs) > 2
        else ("are predicted correctly by")
    )
    return (
        f"{counted(len(pair.images.fixed), 'image')} {what} {pair.second.letter} and not {pair.first.letter} "
        f"(fixed), {len(pair.images.broken):,} the opposite (broken)."
    )
