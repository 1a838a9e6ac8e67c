"""Prints tables: with rich on a terminal, as aligned lines of text otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from ..printable import on_one_line
from .terminal import console, echo, on_terminal

_REMARK = r"\[[^][]+\]$"
_WANTED, _LEAST, _GAP = 16, 10, 3  # the width of a table's last column, and of the gap before a column


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], grouped: bool = False) -> None:
    """Print rows below a header; the last column wraps on a terminal, elsewhere each row is one line.

    On a terminal, `grouped` prints each value of the first column once, as a heading above its rows, and a remark in
    brackets at the end of a row is coloured. If the terminal is too narrow for the columns, each cell has a line.
    """
    rows = [[*map(on_one_line, row)] for row in rows]
    if on_terminal():
        draw = _draw if _fits([*header][grouped:-1], [row[grouped:-1] for row in rows]) else _stack
        draw(header, rows, grouped)
        return
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _fits(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the terminal has room for these columns and a last one that wraps."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(header, *rows, strict=True)]
    return sum(widths) + _GAP * len(widths) + _LEAST <= console().width


def _stack(header: Sequence[str], rows: Sequence[Sequence[str]], grouped: bool) -> None:
    """Print each row as lines, one for each cell with its heading, because the terminal is too narrow for columns."""
    from rich.text import Text

    lines = []
    group = ""
    for row in rows:
        if grouped and row[0] != group:
            group = row[0]
            lines.append(Text(f"\n{group}", "bold"))
        first, *others = row[grouped:]
        lines.append(Text(first, "bold" if not grouped else ""))
        lines += [
            Text(f"  {title}: {cell}") for title, cell in zip(header[grouped + 1 :], others, strict=True) if cell
        ]
    for line in lines:
        console().print(line, overflow="fold")


def _draw(header: Sequence[str], rows: Sequence[Sequence[str]], grouped: bool) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in header[grouped:-1]:
        table.add_column(title, no_wrap=True)
    table.add_column(header[-1], overflow="fold", min_width=_WANTED)
    group = ""
    for row in rows:
        if grouped and row[0] != group:
            group = row[0]
            table.add_section()
            table.add_row(Text(group, "bold"))
        last = Text(row[-1])
        last.highlight_regex(_REMARK, "yellow")
        table.add_row(*map(Text, row[grouped:-1]), last)
    console().print(table)
