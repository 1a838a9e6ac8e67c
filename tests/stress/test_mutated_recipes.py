"""Recipes of this repository, mutated a hundred thousand times: each reads and checks, or ends in a `RecipeError`."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from cvkit.errors import RecipeError
from cvkit.host.catalog import Catalog
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve

RECIPES = [path.read_text() for path in sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))]
FRAGMENTS = [*"[]{}:,-?&*!|>'\"%@`#\n\t ~", "<<: ", "auto", "name: ", "set: ", "null", "1e999", "- ", "\0", "\x1b[2J"]
NUMBERS = ["0", "-1", "1e308", "1e-308", "9223372036854775807", "99999999999999999999", ".nan", "0x10", "1_000"]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover(distributions=["cvkit-core"])


def mutated(draw: random.Random) -> str:
    """Return a recipe with up to five edits: fragments put in, text taken out, numbers replaced, lines moved."""
    text = draw.choice(RECIPES)
    for _ in range(draw.randrange(1, 6)):
        at = draw.randrange(len(text) + 1)
        match draw.randrange(4):
            case 0:
                text = text[:at] + draw.choice(FRAGMENTS) + text[at + draw.randrange(4) :]
            case 1:
                text = text[:at] + text[at + draw.randrange(40) :]
            case 2:
                digits = [i for i, character in enumerate(text) if character.isdigit()] or [0]
                place = draw.choice(digits)
                text = text[:place] + draw.choice(NUMBERS) + text[place + 1 :]
            case 3:
                lines = text.splitlines(keepends=True) or [""]
                lines.insert(draw.randrange(len(lines) + 1), lines.pop(draw.randrange(len(lines))))
                text = "".join(lines)
    return text


def settle(catalog: Catalog, seed: int, count: int) -> tuple[int, float]:
    """Read and check so many mutations; return how many were refused, and the longest time one took, in seconds."""
    draw, refused, longest = random.Random(seed), 0, 0.0
    for _ in range(count):
        text = mutated(draw)
        started = time.process_time()
        try:
            resolve(read_text(text), catalog)
        except RecipeError as error:
            refused += bool(str(error).encode("utf-8"))  # what is shown can be written out
        longest = max(longest, time.process_time() - started)
    return refused, longest


def test_a_few_hundred_mutations_settle(catalog):
    """A sample of what `make stress` does; anything but a `RecipeError` fails it."""
    refused, _ = settle(catalog, seed=1, count=300)
    assert 100 < refused < 300


@pytest.mark.stress
def test_a_hundred_thousand_mutations_settle(catalog, capsys):
    """The longest time is printed, as machines differ."""
    refused, longest = settle(catalog, seed=2026, count=100_000)
    with capsys.disabled():
        print(f"\n100,000 recipes: {refused:,} refused by RecipeError, the longest took {longest:.3f} s")
