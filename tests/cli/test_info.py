"""``cvkit info``: what a component is, takes and comes from."""

from __future__ import annotations

import pytest

from cvkit.plugins import discover


@pytest.mark.parametrize("name", ["cutout", "kornia/cutout"])
def test_info_tells_options_documentation_and_origin(cvkit, name):
    """By short name or full id: kind, summary, file, options with type and default, and the docstring."""
    answer = cvkit("info", name)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "kornia/cutout: augmentation, Fill a square in each image with the data set's mean"
    assert lines[1].startswith("from cvkit-core ")
    assert "cvkit_kornia/cutout.py:" in lines[1]
    assert lines[3:6] == [
        "options",
        "  size: a positive integer = 8",
        "  p: a number from 0 to 1 = 1.0",
    ]
    assert "Raises `ValueError` where it does not fit." in answer.out


def test_info_marks_what_a_recipe_must_give(cvkit):
    """An option without a default says that it is required."""
    assert "  max_lr: a positive number  (required)" in cvkit("info", "one_cycle").out.splitlines()


def test_info_of_a_part_without_options_says_so(cvkit):
    """Nothing to set is an answer."""
    assert "options\n  none\n" in cvkit("info", "constant").out


def test_info_of_a_family_member_shows_the_members_own_options(cvkit):
    """A class of another library is described by its own signature and docstring."""
    out = cvkit("info", "kornia/ColorJitter").out
    assert out.startswith("kornia/ColorJitter: augmentation, ")
    for option in ("brightness", "contrast", "saturation", "hue", "p: a number = 1.0"):
        assert f"\n  {option}" in out
    assert "Apply a random transformation to the brightness" in out


def test_info_of_a_family_tells_what_it_is(cvkit):
    """The name that `cvkit list` shows is known here too."""
    out = cvkit("info", "kornia/*").out
    assert out.startswith("kornia/*: augmentation, Any geometric or intensity augmentation of Kornia")


@pytest.mark.parametrize("entry", list(discover().entries()), ids=lambda entry: entry.id)
def test_info_describes_every_installed_component(cvkit, entry):
    """Each has its documentation, and shows every option it has."""
    out = cvkit("info", entry.id).out
    assert out.startswith(f"{entry.id}: {entry.kind.singular}, {entry.component.summary}\n")
    assert "(no documentation)" not in out
    assert all(f"\n  {option}" in out for option in entry.signature().options)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("custom_resnt", "Did you mean 'custom_resnet'?"),
        ("kornia/cutuot", "Did you mean 'kornia/cutout'?"),
        ("kornia/ColorJiter", "Did you mean 'kornia/ColorJitter'?"),
        ("timm/resnet81", "Did you mean 'timm/resnet18'?"),
        ("xyzzy", "See: cvkit list"),
    ],
)
def test_info_of_an_unknown_name_suggests_the_nearest(cvkit, name, hint):
    """Families' members are suggested like any other name."""
    answer = cvkit("info", name)
    assert answer.code == 2
    assert answer.err == f"error: no component is called '{name}'. {hint}\n"
    assert answer.out == ""


def test_info_without_a_name_shows_how_to_call_it(cvkit):
    """A missing argument is named, with where help is."""
    answer = cvkit("info")
    assert answer.code == 2
    assert "Missing argument 'ID'" in answer.err
    assert "Traceback" not in answer.err


def test_info_warns_of_a_broken_plugin(cvkit, broken_plugin):
    """The name looked for may be one that the broken plugin has."""
    answer = cvkit("info", "acme_net")
    assert answer.err.splitlines()[0] == f"warning: {broken_plugin}"
