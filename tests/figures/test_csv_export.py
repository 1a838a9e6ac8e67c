"""CSV that a spreadsheet does not take for formulas."""

from __future__ import annotations

import csv
import io

import pytest

from cvkit.figures.csv_export import csv_text


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+cmd", "-x", "@SUM(A1)", "\tx", "\r=1"])
def test_names_that_would_run_are_made_text(name):
    """An apostrophe in front, as a row's name and in the header."""
    header, row = csv.reader(io.StringIO(csv_text([name, "n"], [[name, 1]]), newline=""))
    assert header == [f"'{name}", "n"]
    assert row == [f"'{name}", "1"]


@pytest.mark.parametrize("cell", ["-0.930000", "+3", "-12", "a-b", "cat", "", "'x", -0.5, 3])
def test_numbers_and_other_names_stay_as_they_are(cell):
    """A negative number is a number."""
    assert list(csv.reader(io.StringIO(csv_text([], [["row", cell]])))) == [[], ["row", str(cell)]]
