"""The seeds that a user writes."""

from __future__ import annotations

import pytest

from cvkit.repeats.seeds import parse_seeds, seeds_of


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (0, 1, 2)), ("3,7,9", (3, 7, 9)), ("7,", (7,)), (" 4 , 4 ", (4,)), ("1", (0,))]
)
def test_text_is_a_number_of_seeds_or_the_seeds(text, seeds):
    """A comma makes the difference; a seed that is written twice counts once."""
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", ",", "0", "-1", "five", "1.5", "1;2", "1001", "9223372036854775808,", "²"])
def test_other_text_is_refused(text):
    """No seed, a negative one, words, and numbers that are too large."""
    with pytest.raises(ValueError, match="seed"):
        parse_seeds(text)


@pytest.mark.parametrize("seeds", [0, True, 2.0, None, [], [1, "2"], [True], [-1], [2**63]])
def test_python_values_of_other_types_are_refused(seeds):
    """A boolean is an int for Python, but no seed."""
    with pytest.raises(ValueError, match="seed"):
        seeds_of(seeds)


def test_generator_gives_the_seeds():
    """Any iterable of integers is accepted."""
    assert seeds_of(2 * n for n in range(3)) == (0, 2, 4)
