"""Formats percentages, durations and names for people."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from .printable import shows

SCORE_DECIMALS = 2
"""Digits of an accuracy or another score of a run as a percentage, the same on pages, in tables and in lines."""


def percent(fraction: float, decimals: int = 0) -> str:
    """Return a fraction as a percentage; only 0 and 1 are shown as 0 % and 100 %: ``0.999 -> ">99 %"``."""
    step = 10.0**-decimals
    value = 100 * fraction
    if 0 < value <= step / 2:  # half a step would round to even, which is 0
        return f"<{step:.{decimals}f} %"
    if 100 - step / 2 <= value < 100:
        return f">{100 - step:.{decimals}f} %"
    return f"{rounded(value, decimals)} %"


def score_percent(fraction: float) -> str:
    """Return a score of a run as a percentage. All pages, tables and lines use it, so a score has one text."""
    return percent(fraction, SCORE_DECIMALS)


def rounded(value: float, decimals: int) -> str:
    """Return a number with this many decimals, halves rounded away from 0: 60.25 with one decimal is ``60.3``.

    Python rounds halves to even, and a share of images such as 723 of 1,200 may be a little below its half in binary.
    """
    exact = Decimal(f"{value:.9f}")
    return str(exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def duration(seconds: float) -> str:
    """Return a duration in suitable units: ``30.2 s``, ``4 min 32 s``, ``4 h 48 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1: ``1 epoch``, ``2,000 classes``."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return the plural of an English noun that follows the rule: ``epochs``, ``classes``."""
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def legible(name: str, limit: int = 60) -> str:
    """Return a class name on one line of at most `limit` characters; unprintable characters are replaced."""
    line = "".join(c if shows(c) else "\N{REPLACEMENT CHARACTER}" for c in " ".join(name.split()))
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def shortened(name: str, limit: int) -> str:
    """Return a name of at most `limit` characters without its middle: names often differ at one of their ends."""
    line = legible(name, 10**6)
    if len(line) <= limit:
        return line
    tail = (limit - 1) // 2
    return f"{line[: limit - 1 - tail].rstrip()}…{line[-tail:].lstrip()}"


def in_words(name: str) -> str:
    """Return the name of a score as words: ``mean_average_precision`` as "mean average precision"."""
    return name.replace("_", " ")
