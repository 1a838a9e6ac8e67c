"""Numbers and names as people read them: percentages, durations, names on one line."""

from __future__ import annotations


def percent(fraction: float, decimals: int = 0) -> str:
    """Return a fraction as a percentage, never rounding to 0 or 100 what is not: ``0.999 -> ">99 %"``."""
    step = 10.0**-decimals
    value = 100 * fraction
    if 0 < value <= step / 2:  # the half itself would be rounded to even
        return f"<{step:.{decimals}f} %"
    if 100 - step / 2 <= value < 100:
        return f">{100 - step:.{decimals}f} %"
    return f"{value:.{decimals}f} %"


def duration(seconds: float) -> str:
    """Return a duration in the units a person would use: ``30.2 s``, ``4 min 32 s``, ``4 h 48 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"


def legible(name: str, limit: int = 60) -> str:
    """Return a class's name on one line, at most `limit` characters, without what cannot be printed or encoded."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(name.split()))
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
