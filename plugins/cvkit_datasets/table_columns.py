"""Find the columns of a table, and name rows in messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cvkit import DataError

from .finding import listed


def column_of(
    table: Path, header: Sequence[str], option: str, named: str | None, usual: tuple[str, ...], notes: list[str]
) -> str:
    """Return the column that an option names, else the only one with a usual name."""
    if named is not None:
        if named not in header:
            raise DataError(f"{table} has no column '{named}' ({option}); it has {listed(header, 20)}")
        return named
    there = [column for column in header if column.lower() in usual]
    if len(there) != 1:
        several = f"several columns that may be the {option}: {listed(there)}" if there else f"no {option} column"
        raise DataError(f"{table} has {several}; set {option} to one of {listed(header, 20)}")
    note = f"the column '{there[0]}' is read as the {option}"
    if note not in notes:
        notes.append(note)
    return there[0]


def first_rows(rows: Sequence[str]) -> str:
    """Return the first five rows as text, and how many more there are."""
    return ", ".join(rows[:5]) + (f" and {len(rows) - 5:,} more" if len(rows) > 5 else "")
