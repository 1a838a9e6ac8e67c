"""Paths as links, for the terminals that show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvkit.cli import links


@pytest.mark.parametrize(
    ("environment", "supported"),
    [
        ({}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM_PROGRAM": "vscode"}, True),
        ({"VTE_VERSION": "6800"}, True),
        ({"VTE_VERSION": "4205"}, False),
        ({"VTE_VERSION": "old"}, False),
        ({"KITTY_WINDOW_ID": "1"}, True),
    ],
)
def test_links_are_written_to_terminals_that_are_known_to_show_them(environment, supported):
    """Others might show the codes."""
    assert links.supports_links(environment) is supported


def test_a_link_names_the_file_and_its_host(monkeypatch):
    """Characters of the path that could end the link are encoded."""
    monkeypatch.setattr(links, "supports_links", lambda: True)
    text = links.linked("a report", Path("/runs/a b\x1b/report.html"))
    assert text.startswith("\x1b]8;;file://")
    assert "/runs/a%20b%1B/report.html\x1b\\a report\x1b]8;;\x1b\\" in text


def test_other_terminals_get_the_text(monkeypatch):
    """Nothing is added."""
    monkeypatch.setattr(links, "supports_links", lambda: False)
    assert links.linked("report.html", Path("report.html")) == "report.html"
