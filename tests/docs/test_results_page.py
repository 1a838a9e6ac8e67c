"""Benchmarks write their parts of docs/results.md between markers, and nothing else of it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def write_section(tmp_path):
    """Return the benchmarks' function, writing to a page of the test's own, and that page."""
    write = runpy.run_path(str(ROOT / "benchmarks" / "section.py"))["write_section"]
    write.__globals__["RESULTS"] = tmp_path / "results.md"
    return write, tmp_path / "results.md"


def test_section_replaces_what_stands_between_its_markers(write_section):
    """However often it is written."""
    write, page = write_section
    page.write_text("before\n<!-- one:begin -->\n<!-- one:end -->\nafter\n")
    for text in ("first", "second\n"):
        write("one", text)
    assert page.read_text() == "before\n<!-- one:begin -->\n\nsecond\n\n<!-- one:end -->\nafter\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- one:begin -->",
        "<!-- one:end -->\n<!-- one:begin -->",
        "<!-- one:begin -->\n" * 2 + "<!-- one:end -->",
    ],
)
def test_page_without_the_markers_is_left_alone(write_section, text):
    """None, one, the wrong way round, or twice."""
    write, page = write_section
    page.write_text(text)
    with pytest.raises(SystemExit, match="<!-- one:begin -->"):
        write("one", "text")
    assert page.read_text() == text


def test_markers_of_the_results_come_in_pairs():
    """One begin and one end of each name."""
    text = (ROOT / "docs" / "results.md").read_text()
    begun, ended = (re.findall(rf"<!-- (\w+):{side} -->", text) for side in ("begin", "end"))
    assert begun == ended
    assert len(set(begun)) == len(begun) > 0


def test_tests_that_the_parity_tables_name_exist():
    """What shows a library's fault is there to be looked at."""
    text = (ROOT / "docs" / "results.md").read_text()
    faults = (ROOT / "tests" / "plugins" / "test_cam_faults.py").read_text()
    assert (named := re.findall(r"`(test_\w+)`", text))
    assert [name for name in named if f"def {name}(" not in faults] == []
