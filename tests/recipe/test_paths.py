"""A relative path in a recipe starts in the folder of the file that contains it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvkit import RecipeError, discover
from cvkit.recipe import dump, read, read_any, read_text, resolve
from cvkit.recipe.paths import anchored

PHOTOS = """\
dataset: {name: image_folder, path: photos}
model: {name: timm/resnet18, pretrained: weights/w.pth}
optimizer: sgd
finetune: {from: runs/other}
"""


@pytest.fixture(scope="module")
def catalog():
    """The built-in plugins."""
    return discover()


def paths(recipe) -> tuple[Path, Path, Path]:
    return recipe.dataset.options["path"], recipe.model.options["pretrained"], recipe.finetune.source


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    """A recipe that another one extends, read from a folder of its own."""
    for name in ("base", "child", "here"):
        (tmp_path / name).mkdir()
    (tmp_path / "base" / "photos.yaml").write_text(PHOTOS)
    (tmp_path / "child" / "child.yaml").write_text("extends: ../base/photos.yaml\nfinetune: {from: mine}\n")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def test_paths_start_in_the_folder_of_the_file_that_contains_them(catalog, elsewhere):
    """Every kind of path, also if the recipe is extended from another folder and read from a third."""
    base, child = elsewhere / "base", elsewhere / "child"
    assert paths(resolve(read(Path("../base/photos.yaml")), catalog)) == (
        base / "photos",
        base / "weights" / "w.pth",
        base / "runs" / "other",
    )
    assert paths(resolve(read(child / "child.yaml"), catalog)) == (
        base / "photos",
        base / "weights" / "w.pth",
        child / "mine",
    )


def test_paths_on_the_command_line_and_in_text_start_in_the_current_folder(catalog, elsewhere):
    """The user types them there. A mapping from Python is text, too."""
    here, base = elsewhere / "here", elsewhere / "base"
    changed = resolve(read(base / "photos.yaml", ["dataset.path=mine/photos", "finetune={from: a}"]), catalog)
    assert paths(changed) == (here / "mine" / "photos", base / "weights" / "w.pth", here / "a")
    for recipe in (PHOTOS, {"dataset": {"name": "image_folder", "path": Path("photos")}, "model": "timm/resnet18"}):
        given = {"optimizer": "sgd", **recipe} if isinstance(recipe, dict) else recipe
        assert resolve(read_any(given), catalog).dataset.options["path"] == here / "photos"


def test_absolute_paths_and_other_values_stay(catalog, elsewhere):
    """`pretrained: true` is no path."""
    text = PHOTOS.replace("path: photos", "path: /photos").replace("weights/w.pth", "true").replace("runs/", "~/")
    assert paths(resolve(read_text(text), catalog)) == (Path("/photos"), True, Path.home() / "other")


def test_resolved_recipe_has_absolute_paths_and_reads_the_same_anywhere(catalog, elsewhere, monkeypatch):
    """As the recipe of a run folder, whose own paths are kept as they are."""
    recipe = resolve(read(elsewhere / "base" / "photos.yaml"), catalog)
    monkeypatch.chdir(elsewhere)
    assert paths(resolve(read_text(dump(recipe), extends=False), catalog)) == paths(recipe)
    assert paths(resolve(read_text(PHOTOS, extends=False), catalog))[0] == Path("photos")


def test_path_through_a_link_names_the_folder_that_the_system_opens(tmp_path):
    """`link/../x` is beside the folder that the link leads to."""
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "far" / "x").mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    assert anchored(Path("../x"), tmp_path / "link").samefile(tmp_path / "far" / "x")
    assert anchored(Path("sub/../x"), tmp_path) != tmp_path / "x"  # there is no sub
    (tmp_path / "sub").mkdir()
    assert anchored([Path("sub/../x")], tmp_path) == [tmp_path / "x"]


def test_unknown_home_folder_is_a_mistake_in_the_recipe(catalog, monkeypatch, wording):
    """As in a container that runs as a user without a name."""
    monkeypatch.delenv("HOME", raising=False)
    with pytest.raises(RecipeError) as caught:
        resolve(read_text(PHOTOS.replace("photos", "~nobody-here/photos"), file="recipe.yaml"), catalog)
    assert str(caught.value) == wording
