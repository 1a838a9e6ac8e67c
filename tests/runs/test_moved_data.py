"""What is said if the data of a run cannot be opened again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvkit import Component, DataError, Origin, discover, hookimpl, resolve
from cvkit.data.places import DataRoot
from cvkit.recipe import read_any
from cvkit.runs.moved_data import open_run_data


def damaged(root: Path, *, path: Path, masks: Path | None = None) -> None:
    """Find a damaged file in every folder."""
    raise DataError(f"{path} is damaged")


class Damaged:
    """A plugin whose data set has a folder that may be missing."""

    @hookimpl
    def cvkit_datasets(self):
        yield Component("damaged", f"{__name__}:damaged", "a data set that is damaged")


@pytest.fixture
def said_of(tmp_path):
    """Return the error for the data in the folder `pets`, whose optional folder is missing."""
    catalog = discover(distributions=["cvkit-core"])
    catalog.admit(Origin("damaging", "in-process", ""), Damaged())
    dataset = {"name": "damaged", "path": str(tmp_path / "pets"), "masks": str(tmp_path / "gone")}
    recipe = resolve(read_any({"dataset": dataset, "model": "custom_resnet", "optimizer": "sgd"}), catalog)

    def said(root: DataRoot) -> str:
        with pytest.raises(DataError) as caught:
            open_run_data(recipe, root, lambda: None)
        return str(caught.value)

    return said


def test_damaged_data_in_its_place_is_not_called_missing(said_of, tmp_path):
    """Although an optional folder is. `--data` would mend nothing, whether it is given or not."""
    (tmp_path / "pets").mkdir()
    for root in (DataRoot(tmp_path / "data"), DataRoot(tmp_path, reopened=True, given=True)):
        assert said_of(root) == f"{tmp_path / 'pets'} is damaged"


def test_damaged_data_at_a_new_place_is_named_there(said_of, tmp_path):
    """And if the user named the place, what it was to replace."""
    old, new = tmp_path / "pets", tmp_path / "data" / "pets"
    new.mkdir(parents=True)
    assert said_of(DataRoot(new.parent)) == f"{new} is damaged"
    replaced = f"{new} is damaged. It was to replace '{old}', where the run read its data"
    assert said_of(DataRoot(new.parent, reopened=True, given=True)) == replaced


def test_missing_data_is_said_with_every_place(said_of, tmp_path):
    """Of the required folder; the optional one is not the cause."""
    old, data = tmp_path / "pets", tmp_path / "data"
    assert said_of(DataRoot(data)).startswith(f"the data of this run was not found at '{old}' or in the data folder")
    given = said_of(DataRoot(data, reopened=True, given=True))
    assert given.startswith(f"the data '{old}' was not found: there is no '{data / 'pets'}' or '{old}' or '{data}'")
