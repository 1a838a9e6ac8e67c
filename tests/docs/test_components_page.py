"""The generated page is as the code would write it now."""

from __future__ import annotations

import runpy
from pathlib import Path

GENERATOR = Path(__file__).parents[2] / "docs" / "generate.py"


def test_components_page_is_up_to_date():
    """`make docs` would change nothing, but for the members' counts, which follow the installed timm and Kornia."""

    def text(page):
        return [line for line in page.splitlines() if "members, by name" not in line]

    generator = runpy.run_path(str(GENERATOR))
    assert text(generator["PAGE"].read_text(encoding="utf-8")) == text(generator["render"]())
