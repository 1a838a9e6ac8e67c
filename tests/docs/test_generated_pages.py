"""The generated pages are as the code would write them now."""

from __future__ import annotations

import re
import runpy
from dataclasses import fields
from pathlib import Path

import pytest

from cvkit import KINDS, Component, testing
from cvkit.host.validation import hooks

HOME = Path(__file__).parents[2] / "docs"
PAGES = runpy.run_path(str(HOME / "generate.py"))["PAGES"]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_up_to_date(name, page):
    """`make docs` would change nothing, but for the members' counts, which follow the libraries installed."""

    def text(whole):
        return re.sub(r"^[\d,]+ ", "", whole, flags=re.M).splitlines()

    assert text(page(name).text) == text(PAGES[name]())


def test_reference_leaves_nothing_out(page):
    """It has every kind, every hook with its arguments, every field of a component, and every check."""
    text = page("reference.md").text
    assert all(f"### `{kind}`\n" in text for kind in KINDS)
    assert all(f"### `{name}({', '.join(arguments)})`" in text for name, arguments in hooks().items())
    assert all(f"- `{field.name}` (" in text for field in fields(Component))
    suites = [getattr(testing, name) for name in testing.__all__ if name.endswith("Suite")]
    assert all(f"| `{check}` | " in text for suite in suites for check in suite.checks())
