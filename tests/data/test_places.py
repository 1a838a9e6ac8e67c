"""Where the data of a recipe is searched for, and what is said if it is not there."""

from __future__ import annotations

import pytest

from cvkit import DataError
from cvkit.data.places import DataRoot, located


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A recipe's folder, a current folder and a data folder."""
    for name in ("recipes", "here", "data"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_path_at_the_recipe_is_used_before_that_in_the_data_folder(here):
    """And if there are two, the choice is said."""
    own, root = here / "recipes" / "pets", DataRoot(here / "data")
    (here / "data" / "pets").mkdir()
    assert located(own, root, "pets") == (here / "data" / "pets", [])
    own.mkdir()
    place, notes = located(own, root, "pets")
    assert place == own
    assert len(notes) == 1
    assert str(own) in notes[0]
    assert located(own, DataRoot(here / "recipes"), "pets") == (own, [])


def test_nested_path_keeps_its_folders_in_the_data_folder(here):
    """Not only its name."""
    (here / "data" / "a" / "pets").mkdir(parents=True)
    (here / "data" / "pets").mkdir()
    assert located(here / "recipes" / "a" / "pets", DataRoot(here / "data"), "a/pets")[0] == here / "data/a/pets"


@pytest.mark.parametrize("data", ["data", "data/pets"])
def test_data_that_moved_is_found_in_the_data_folder(here, data, wording):
    """`--data` is the new place: the folder itself, or the folder that contains it."""
    (here / "data" / "pets").mkdir()
    place, notes = located(here / "old" / "pets", DataRoot(here / data))
    assert place == here / "data" / "pets"
    assert notes == [wording]


def test_new_place_of_a_run_may_have_another_name(here):
    """The user names it; without a name, the folder that the run used earlier is tried too."""
    new, old = here / "data" / "animals", here / "old" / "pets"
    new.mkdir()
    for root in (DataRoot(new, reopened=True, given=True), DataRoot(new, reopened=True)):
        place, notes = located(old, root)
        assert place == new
        assert notes == [f"the data is read from '{new}' instead of '{old}'"]
    with pytest.raises(DataError):
        located(old, DataRoot(new))


def test_given_place_is_searched_before_the_old_one(here):
    """And if the data is not there, the old place is used and that is said."""
    old = here / "recipes" / "pets"
    old.mkdir()
    root = DataRoot(here / "data", reopened=True, given=True)
    place, notes = located(old, root)
    assert place == old
    assert notes == [f"'{here / 'data'}' contains no 'pets'; the data is read from '{old}'"]
    (here / "data" / "pets").mkdir()
    assert located(old, root)[0] == here / "data" / "pets"


def test_given_file_is_the_new_place_of_a_table(here):
    """Whatever is at the old place."""
    old, new = here / "recipes" / "pets.csv", here / "data" / "animals.csv"
    old.touch()
    new.touch()
    root = DataRoot(new, reopened=True, given=True)
    assert located(old, root)[0] == new
    assert root.folder == here / "data"


def test_data_folder_is_searched_though_the_current_folder_was_deleted(here):
    """As in a terminal that was left open."""
    (here / "data" / "pets").mkdir()
    (here / "here").rmdir()
    assert located(here / "recipes" / "pets", DataRoot(here / "data"), "pets") == (here / "data" / "pets", [])


def test_every_place_that_was_searched_is_said(here, wording):
    """With what to do; a name too long for the system is not found either."""
    root = DataRoot(here / "data")
    said = {}
    for name, path, written in (
        ("relative", here / "recipes" / "pets", "pets"),
        ("absolute", here / "old" / "pets", ""),
    ):
        with pytest.raises(DataError) as caught:
            located(path, root, written)
        said[name] = str(caught.value)
    (here / "here" / "pets").mkdir()
    with pytest.raises(DataError) as caught:
        located(here / "recipes" / "pets", root, "pets")
    said["in the current folder"] = str(caught.value)
    assert said == wording
    with pytest.raises(DataError, match="was not found"):
        located(here / ("x" * 5000), root)


def test_nothing_is_kept_in_the_data_itself(here):
    """Whether --data named it, a file, or a folder within it."""
    photos, table = here / "data" / "pets", here / "data" / "pets.csv"
    (photos / "cats").mkdir(parents=True)
    table.touch()
    assert DataRoot(here / "data").storage([photos]) == here / "data"
    for place in (photos, photos / "cats", table):
        assert DataRoot(place).storage([photos]) is None
