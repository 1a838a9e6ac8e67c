"""The names of a recipe's metrics in records."""

from __future__ import annotations

from collections.abc import Sequence

from .dump import in_one_line
from .recipe import Part


def metric_names(parts: Sequence[Part]) -> list[str]:
    """Return the name of each metric in records.

    It is the component's name with the options that differ from their defaults, as in ``top_k(k=3)``. If two metrics
    have the same name, the full id replaces it; equal metrics are numbered.
    """
    short = [_named(part, part.entry.member or part.entry.component.name) for part in parts]
    names: list[str] = []
    for name, part in zip(short, parts, strict=True):
        unique = name if short.count(name) == 1 else _named(part, part.entry.id)
        earlier = sum(other == unique or other.startswith(f"{unique} #") for other in names)
        names.append(f"{unique} #{earlier + 1}" if earlier else unique)
    return names


def _named(part: Part, name: str) -> str:
    chosen = {key: value for key, value in part.options.items() if value != part.option(key).default}
    options = ", ".join(f"{key}={in_one_line(value)}" for key, value in chosen.items())
    return f"{name}({options})" if options else name
