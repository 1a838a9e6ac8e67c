"""Errors: one family, and words that say where, what and what next."""

from __future__ import annotations

import pytest

from cvkit import errors
from cvkit.errors import CvkitError, DeviceError, FolderError, Problem, RecipeError, RunError, did_you_mean

FAMILY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CvkitError)]


def test_error_tree_in_the_docstring_names_every_error():
    """The drawing at the top of the module shows the family as it is, one name a line."""
    drawn = {line.strip(" |`-").split()[0] for line in errors.__doc__.split("\n\n")[1].splitlines()}
    assert drawn == {kind.__name__ for kind in FAMILY}


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_class_of_an_error_does_not_say_that_a_run_failed(kind):
    """Each may come before a run starts, so the exit code is 2 until a command says that its work had started."""
    assert kind.exit_code == 2


@pytest.mark.parametrize("kind", [DeviceError, FolderError])
def test_error_with_a_cause_of_its_own_is_caught_as_a_run_error(kind):
    """As by the plugins that were written before it had its own class."""
    assert issubclass(kind, RunError)


def test_problem_shows_place_line_caret_and_hint():
    """The words of the design, to the column."""
    problem = Problem(
        "unknown option 'paddding' for augmentation 'kornia/random_crop'",
        "it accepts: size, padding, padding_mode.  Did you mean 'padding'?",
        "recipes/cifar10_resnet.yaml",
        14,
        5,
        "    paddding: 4",
    )
    assert str(problem) == (
        "recipes/cifar10_resnet.yaml:14:5: unknown option 'paddding' for augmentation 'kornia/random_crop'\n"
        "   14 |     paddding: 4\n"
        "            ^\n"
        "  it accepts: size, padding, padding_mode.  Did you mean 'padding'?"
    )


@pytest.mark.parametrize("line", [1, 14, 12345, 1234567])
def test_problem_caret_stands_under_its_column(line):
    """Whatever the line's number is, the caret points at the character."""
    _, source, caret = str(Problem("wrong", file="x.yaml", line=line, column=7, source="epoch: many")).splitlines()
    assert source[caret.index("^")] == " "
    assert caret.index("^") == source.index("epoch") + 6


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("wrong"), "wrong"),
        (Problem("wrong", "do this"), "wrong\n  do this"),
        (Problem("wrong", file="--set train.epochs=0"), "--set train.epochs=0: wrong"),
    ],
)
def test_problem_says_only_what_it_knows(problem, text):
    """A mistake without a line shows no line, and one without a hint no hint."""
    assert str(problem) == text


def test_recipe_error_tells_every_problem_in_order():
    """All mistakes are reported together, each with its place."""
    first, second = Problem("one", file="a", line=1, column=2), Problem("two", file="a", line=3, column=4)
    error = RecipeError([first, second])
    assert error.problems == (first, second)
    assert str(error) == "a:1:2: one\na:3:4: two"


@pytest.mark.parametrize(
    ("name", "nearest"), [("paddding", "padding"), ("colorjitter", "ColorJitter"), ("PADDING", "padding")]
)
def test_did_you_mean_names_the_nearest(name, nearest, wording):
    """Slips of spelling and case are recognised."""
    names = ["size", "padding", "ColorJitter"]
    hint = did_you_mean(name, names)
    assert [known for known in names if f"'{known}'" in hint] == [nearest]
    assert hint == wording


@pytest.mark.parametrize("name", ["lr", ""])
def test_did_you_mean_says_nothing_where_nothing_is_near(name):
    """A guess that is far off is not made."""
    assert did_you_mean(name, ["size", "padding", "ColorJitter"]) == ""


def test_did_you_mean_says_nothing_where_nothing_is_known():
    """No names, no guess."""
    assert did_you_mean("anything", []) == ""
