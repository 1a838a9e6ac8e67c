"""Text from outside is safe to print, and a command shown is the command meant."""

from __future__ import annotations

import os
import subprocess

import pytest

from cvkit.printable import on_one_line, printable, shell_words

HOSTILE = {
    "\x1b]52;c;aGk=\x07": r"\x1b]52;c;aGk=\x07",  # writes to the clipboard
    "\x1b]0;owned\x07": r"\x1b]0;owned\x07",  # sets the window's title
    "\x9b2J": r"\x9b2J",  # clears the screen, as a C1 control
    "cat\u202egpj.exe": r"cat\u202egpj.exe",  # reads backwards
    "a\u2066b": r"a\u2066b",
    "a\rb": r"a\rb",
    "a\u2028b": r"a\u2028b",
    "\udcff": r"\udcff",  # an undecodable byte of a file name
}


@pytest.mark.parametrize(("text", "shown"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_what_steers_a_terminal_is_escaped(text, shown):
    """Whether lines are kept or not."""
    assert printable(text) == printable(text, lines=True) == shown


@pytest.mark.parametrize("text", ["plain", "Füße", "猫", "क्षि", "👩‍👩‍👧", "a [b] 'c' \\d", "\u00a0"])
def test_letters_of_every_script_stay(text):
    """Emoji with their joiners too."""
    assert printable(text) == text


def test_line_breaks_stay_only_where_asked():
    """A name is one line; a message may be several."""
    assert printable("a\nb", lines=True) == "a\nb"
    assert printable("a\nb") == r"a\nb"


def test_one_line_folds_breaks_and_escapes_the_rest():
    """As a summary in a table is shown."""
    assert on_one_line("one\n   two\tthree\x1b[2J") == r"one two three\x1b[2J"


@pytest.mark.parametrize(
    "word", ["x; rm -rf ~ #", "a'b", "a b", "", "\x1b]0;x\x07'\\", "\udcff é", "$(id)", "line\nbreak"]
)
def test_a_quoted_command_reaches_the_program_as_it_was_meant(word):
    """A shell that knows $'...' gives the program the word's very bytes; nothing in the text steers a terminal."""
    command = shell_words("printf", "%s", word)
    assert printable(command) == command
    assert subprocess.run(["bash", "-c", command], capture_output=True).stdout == os.fsencode(word)
