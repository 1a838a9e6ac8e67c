"""Where the data of a recipe is searched for, and what is said if it is not there."""

from __future__ import annotations

import pytest

from cvkit import DataError
from cvkit_datasets.places import located


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder and a data folder."""
    for name in ("here", "data"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_relative_path_is_in_the_current_folder_or_the_data_folder(here):
    """The current folder is first, and a choice is said."""
    (here / "data" / "pets").mkdir()
    assert located(here / "data", "pets") == (here / "data" / "pets", [])
    (here / "here" / "pets").mkdir()
    place, notes = located(here / "data", "pets")
    assert place == here / "here" / "pets"
    assert len(notes) == 1
    assert str(place) in notes[0]
    assert located(here / "here", "pets") == (here / "here" / "pets", [])


def test_absolute_path_is_used_as_it_is(here):
    """Whatever the data folder holds."""
    for name in ("here/pets", "data/pets"):
        (here / name).mkdir()
    assert located(here / "data", str(here / "here" / "pets")) == (here / "here" / "pets", [])


@pytest.mark.parametrize("data", ["data", "data/pets"])
def test_data_that_moved_is_found_in_the_data_folder(here, data, wording):
    """``--data`` gives the new place: the folder itself, or the one that contains it."""
    (here / "data" / "pets").mkdir()
    place, notes = located(here / data, str(here / "old" / "pets"))
    assert place == here / "data" / "pets"
    assert notes == [wording]


def test_every_place_that_was_searched_is_said(here, wording):
    """With what to do; a name too long for the system is not found either."""
    with pytest.raises(DataError) as caught:
        located(here / "data", "pets")
    assert str(caught.value) == wording(name="relative")
    with pytest.raises(DataError) as caught:
        located(here / "data", str(here / "old" / "pets"))
    assert str(caught.value) == wording(name="absolute")
    with pytest.raises(DataError, match="was not found"):
        located(here / "data", "x" * 5000)


def test_home_folder_that_is_not_known_is_told(tmp_path, monkeypatch, wording):
    """As in a container that runs as a user without a name."""
    monkeypatch.delenv("HOME", raising=False)
    with pytest.raises(DataError, match="'~nobody-here/photos'") as caught:
        located(tmp_path, "~nobody-here/photos")
    assert str(caught.value) == wording
