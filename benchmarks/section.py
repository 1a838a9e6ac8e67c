"""Replace a section of docs/results.md between two markers with the results of a benchmark."""

from __future__ import annotations

from pathlib import Path

RESULTS = Path(__file__).parents[1] / "docs" / "results.md"


def write_section(name: str, markdown: str) -> None:
    """Replace the text between ``<!-- name:begin -->`` and ``<!-- name:end -->`` in docs/results.md.

    Raises `SystemExit` unless each marker occurs exactly once and in this order.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    text = RESULTS.read_text()
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise SystemExit(f"{RESULTS} must contain one line '{begin}' and after it one line '{end}'")
    before, after = text.split(begin)[0], text.split(end)[1]
    RESULTS.write_text(f"{before}{begin}\n\n{markdown.strip()}\n\n{end}{after}")
