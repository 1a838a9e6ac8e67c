"""Numbers and durations as people read them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cvkit
from cvkit.formatting import counted, legible

AT_LEAST_TWO = (
    "shown):,} of {len(pairs):,} pairs",  # the page names the pairs that it leaves out
    "{LIMIT:,} most similar pairs",
    "{self.n:,} scored images",
    "{self.explained:,} images; explanations.csv",  # more than the page shows
    "{HEAD_ALONE:,} photos or fewer",
    "{len(present):,} classes. The",  # more than the figure shows
    "{len(batch.images)} images",
    "{len(source)} training images remain",
)
"""What is always more than one, or said of a number that no user reads alone."""


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(1, "epoch", "1 epoch"), (0, "image", "0 images"), (2000, "class", "2,000 classes"), (1, "class", "1 class")],
)
def test_noun_follows_its_number(number, noun, text):
    """One is singular; nouns in -s get -es."""
    assert counted(number, noun) == text


def test_no_sentence_writes_a_plural_after_any_number():
    """ "1 epochs" is wrong: numbers of these things are written by `counted`."""
    plural = re.compile(r"(?::,|len\([^{}]*\)|epochs|count|number|total)\} (?:[a-z]+ )?(?:images|classes|epochs|photos|errors|pairs)\b")  # fmt: skip  # noqa: E501
    found = [
        f"{path.name}: {line.strip()}"
        for path in Path(cvkit.__file__).parent.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if plural.search(line) and not any(known in line for known in AT_LEAST_TWO)
    ]
    assert not found


@pytest.mark.parametrize("name", ["\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL} family", "क्\u200dष", "لب\u200cتاب"])  # noqa: RUF001  # Persian
def test_joiners_of_emoji_and_letters_stay(name):
    """Without them, names in Persian and Hindi and families of emoji become other characters."""
    assert legible(name) == name


def test_control_characters_are_replaced_and_long_names_end():
    """Also marks that turn the direction of a line."""
    assert legible("a\x1b[2J\u202eb\n c") == "a\ufffd[2J\ufffdb c"
    assert legible("n" * 61) == "n" * 59 + "…"
