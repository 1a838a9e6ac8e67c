"""Write tables as CSV that is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from types import SimpleNamespace

_LINE_END = "\r\n"
_LINES = 10_000  # of a piece
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # OWASP, "CSV Injection"


def csv_text(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a header and rows as CSV.

    A spreadsheet evaluates a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return as a
    formula, and class names often come from the folder names of someone else's data set. Such a cell gets a leading
    apostrophe unless it is a number. Programs that read the file have to remove it.
    """
    return csv_lines(chain((header,), rows))


def csv_chunks(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the text of `csv_text` in pieces of some lines, so that a million rows are never in memory together."""
    lines = chain((header,), rows)
    while piece := [*islice(lines, _LINES)]:
        yield csv_lines(piece)


def csv_lines(rows: Iterable[Sequence[object]], end: str = "\r\n") -> str:
    """Return rows as the lines of a CSV file, each with `end`; formulas are made harmless as in `csv_text`."""
    lines: list[str] = []
    # Python 3.11 and 3.12 quote a carriage return or a line feed in a cell only if the end of the lines contains it.
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator=_LINE_END)
    writer.writerows(map(_harmless, row) for row in rows)
    return "".join(line.removesuffix(_LINE_END) + end for line in lines)


def cell_of(text: str) -> str:
    """Return the text of a cell that `csv_lines` wrote, without the apostrophe before a formula."""
    return text[1:] if text.startswith("'") and _harmless(text[1:]) == text else text


def without_apostrophe(cell: str) -> str:
    """Return a cell as it was before `csv_text` gave it an apostrophe; other cells stay as they are."""
    rest = cell.removeprefix("'")
    return rest if cell != rest and _harmless(rest) != rest else cell


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
