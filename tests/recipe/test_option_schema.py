"""What the schema says of an option: the words of its factory's docstring."""

from __future__ import annotations

import pytest

from cvkit.recipe.option_schema import option_text


@pytest.mark.parametrize(
    ("doc", "text"),
    [
        ("Do it.\n\n`width`: how wide\nit is. `depth`: how deep.", "how wide it is."),
        ("`height`, `width`: the sides.\n\n`other`: no.", "the sides."),
        ("Do.\n\nArgs:\n    width: how wide\n        it is.\n    depth: how deep.", "how wide it is."),
        ("Do.\n\nArgs:\n    width (int): how wide.", "how wide."),
        ("Do.\n\n:param width: how wide.\n:param depth: deep.", "how wide."),
        ("Do it. Draw `width` lines. Then stop.", "Draw `width` lines."),
        ("Say nothing of it.", ""),
    ],
)
def test_option_is_described_by_its_docstring(doc, text):
    """In cvkit's own form, in Google's, in Sphinx's, or in a sentence."""
    assert option_text(doc, "width") == text
