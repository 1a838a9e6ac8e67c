"""Where the data of a run is looked for: run.json may come from a stranger, so nothing is put where it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cvkit import Component, Origin, RunFolder, discover, resolve
from cvkit.cli.run_data import data_root_of
from cvkit.host.markers import hookimpl
from cvkit.recipe import Recipe, read_text

RECIPE = """\
dataset: {{name: {dataset}}}
model: {{name: custom_resnet, width: 2}}
optimizer: sgd
train: {{epochs: 1, batch_size: 8}}
"""


def fetched(root: Path) -> None:
    """Fetch, and do not say how to tell whether that is needed."""


def _fetch(root: Path, *, force: bool = False) -> Path:
    return root


fetched.fetch = _fetch


class Fetching:
    """A plugin whose data set can be fetched and does not say whether a folder holds it."""

    @hookimpl
    def cvkit_datasets(self):
        yield Component("fetched", f"{__name__}:fetched", "a data set that is fetched")


def recipe_of(dataset: str) -> Recipe:
    catalog = discover(distributions=["cvkit-core"])
    catalog.admit(Origin("fetching", "in-process", ""), Fetching())
    return resolve(read_text(RECIPE.format(dataset=dataset), file="recipe.yaml"), catalog)


@pytest.fixture
def default(tmp_path, monkeypatch) -> Path:
    """The data folder where none is named; it is not there yet."""
    monkeypatch.setenv("CVKIT_DATA", str(tmp_path / "default"))
    return tmp_path / "default"


def run_of(tmp_path: Path, data: object) -> RunFolder:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"data": str(data), "environment": {}}))
    return RunFolder(folder)


def test_folder_that_holds_the_data_is_used(tmp_path, default, capsys):
    """Without a word, as it is where the run had it."""
    for name, dataset in (("cifar", "cifar10"), ("images", "shapes")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cifar10.safetensors").touch()
        place = tmp_path / f"of-{name}"
        place.mkdir()
        assert data_root_of(run_of(place, tmp_path / name), recipe_of(dataset), None).path == tmp_path / name
    assert capsys.readouterr().err == ""


def test_recorded_folder_is_the_data_itself_only_if_it_was_before(tmp_path, default):
    """A data folder may contain folders that look like the classes of data that was deleted."""
    for number, (values, itself) in enumerate([({}, False), ({"data_is_dataset": True}, True)]):
        (tmp_path / str(number)).mkdir()
        folder = run_of(tmp_path / str(number), tmp_path)
        folder.write_info(folder.info() | values)
        root = data_root_of(folder, recipe_of("shapes"), None)
        assert (root.path, root.reopened) == (tmp_path, itself)


@pytest.mark.parametrize(
    ("data", "dataset"),
    [
        ("new/data", "shapes"),
        ("file", "shapes"),
        ("somebody's", "cifar10"),
        ("somebody's", "fetching/fetched"),
    ],
)
def test_where_it_does_not_the_default_is_used_and_that_is_said(tmp_path, default, capsys, wording, data, dataset):
    """A data set would be fetched, locked or made in the folder that a stranger has named."""
    (tmp_path / "file").touch()
    (tmp_path / "somebody's").mkdir()
    named = tmp_path / data
    assert data_root_of(run_of(tmp_path, named), recipe_of(dataset), None).path == default
    said = capsys.readouterr().err
    assert str(named) in said
    assert str(default) in said
    assert "--data" in said
    assert said == wording
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "somebody's").iterdir()) == []


def test_folder_given_is_used_whatever_run_json_says(tmp_path, default, capsys):
    """The user's word counts."""
    assert data_root_of(run_of(tmp_path, tmp_path), recipe_of("cifar10"), tmp_path / "mine").path == tmp_path / "mine"
    place = tmp_path / "more"
    place.mkdir()
    assert data_root_of(run_of(place, default), recipe_of("cifar10"), None).path == default
    assert capsys.readouterr().err == ""
