"""Docstrings are read in the forms that plugins write them in."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from cvkit.signatures.docstring import parse_docstring

GOOGLE = """Return a
    thing.

    It has a second paragraph
    with a colon: here.

    Args:
        width: How wide
            it is.
        height, depth: The other sides.
        depth_too (int): Typed.

    Returns:
        A module: from images to logits.

    Raises:
        ValueError: `width` is not positive.
        KeyError: There is none.
    """


def test_google_form_is_read_in_parts():
    """Each section ends up in its own field, on one line."""
    found = parse_docstring(inspect.cleandoc(GOOGLE))
    assert found.summary == "Return a thing."
    assert found.description == "It has a second paragraph\nwith a colon: here."
    assert found.parameters == {
        "width": "How wide it is.",
        "height": "The other sides.",
        "depth": "The other sides.",
        "depth_too": "Typed.",
    }
    assert found.returns == "A module: from images to logits."
    assert found.raises == (("ValueError", "`width` is not positive."), ("KeyError", "There is none."))
    assert found.has_sections


def test_text_without_parameters_keeps_everything_else():
    """`cvkit info` shows the parameters beside the options, and the rest of the docstring unchanged."""
    text = inspect.cleandoc(GOOGLE)
    before, _, rest = text.partition("Args:")
    assert parse_docstring(text).without_parameters() == f"{before}Returns:{rest.partition('Returns:')[2]}"


def test_attributes_of_a_dataclass_are_parameters():
    """The reference page lists the fields of `Component` from them."""
    found = parse_docstring("A thing.\n\nAttributes:\n    name: Its name.")
    assert (found.parameters, found.description) == ({"name": "Its name."}, "")


@pytest.mark.parametrize("text", ["", "One line.", "Two.\n\nParagraphs with `width`.", "Args:\n    broken"])
def test_docstring_without_parameters_has_none(text):
    """A docstring in no known form is text alone, and never an error."""
    found = parse_docstring(text)
    assert (found.parameters, found.has_sections) == ({}, False)
    assert found.without_parameters() == text


def test_paragraphs_in_prose_are_read_but_are_no_sections():
    """Plugins may describe options in the text; there `cvkit info` shows the docstring as written."""
    found = parse_docstring("Do it.\n\n`width`: how wide. `a`, `b`: the rest. Raises `ValueError` for none.")
    assert found.parameters == {"width": "how wide.", "a": "the rest.", "b": "the rest."}
    assert not found.has_sections
    assert found.about("ValueError") == "Raises `ValueError` for none."


@pytest.mark.parametrize("command", [["list"], ["plugins"]])
def test_commands_without_documentation_do_not_load_the_parser(command):
    """It takes 110 ms to import."""
    call = f"import sys; from cvkit.cli import cli; cli({command!r}, standalone_mode=False)"
    code = f"{call}; print('griffe' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "False"
