"""How a recipe is put together: its file, what it extends, and overrides."""

from __future__ import annotations

import re

import pytest

from cvkit.errors import Problem, RecipeError
from cvkit.recipe import read, read_text
from cvkit.recipe.nodes import plain


@pytest.fixture
def write(tmp_path):
    """Write files into a folder and return the first one's path."""

    def write(**texts: str):
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return tmp_path / f"{next(iter(texts))}.yaml"

    return write


def data(document):
    """Return what a document says as plain data."""
    return plain(document.root)


def refused(call, *arguments) -> Problem:
    """Return the only problem of the error that a call must end in."""
    with pytest.raises(RecipeError) as caught:
        call(*arguments)
    (problem,) = caught.value.problems
    assert str(caught.value) == str(problem)
    return problem


def test_extended_recipe_is_merged_deeply(write):
    """Mappings merge key by key, lists and scalars replace, and `extends` itself is gone."""
    path = write(
        child="extends: base.yaml\ntrain: {epochs: 2}\naugmentations: [flip]\nseed: 1",
        base="train: {epochs: 9, batch_size: 4}\naugmentations: [crop, cutout]\nseed: 0\ndataset: shapes",
    )
    assert data(read(path)) == {
        "train": {"epochs": 2, "batch_size": 4},
        "augmentations": ["flip"],
        "seed": 1,
        "dataset": "shapes",
    }


def test_chain_of_extended_recipes_is_followed_from_each_file(write, tmp_path):
    """A path in `extends` starts from the folder of the file that says it."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "middle.yaml").write_text("extends: ../base.yaml\nb: 2")
    path = write(child="extends: deep/middle.yaml\nc: 3", base="a: 1\nb: 1\nc: 1")
    assert data(read(path)) == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize(
    ("below", "above", "merged"),
    [
        ("{name: net, width: 3}", "{width: 5}", {"name": "net", "width": 5}),
        ("{name: net, width: 3}", "{name: net, depth: 5}", {"name": "net", "width": 3, "depth": 5}),
        ("{name: net, width: 3}", "{name: vit, depth: 5}", {"name": "vit", "depth": 5}),
        ("{name: net, width: 3}", "vit", "vit"),
        ("net", "{width: 5}", {"name": "net", "width": 5}),
    ],
)
def test_part_merges_while_its_name_stays(write, below, above, merged):
    """Options merge for one component, and go with it when another takes its place."""
    path = write(child=f"extends: base.yaml\nmodel: {above}", base=f"model: {below}")
    assert data(read(path))["model"] == merged


def test_merged_values_keep_their_places(write):
    """After a merge each value still points into the file that wrote it."""
    path = write(child="extends: base.yaml\n\ntrain: {epochs: 2}", base="\ntrain: {batch_size: 4}")
    train = read(path).root.items["train"]
    assert (train.items["epochs"].mark.file, train.items["epochs"].mark.line) == (str(path), 3)
    assert (train.items["batch_size"].mark.file, train.keys["batch_size"].line) == (str(path.with_stem("base")), 2)


def test_circle_of_extended_recipes_is_shown(write, wording):
    """The error names every file of the circle, at the line that closes it."""
    path = write(a="extends: b.yaml", b="extends: c.yaml", c="extends: a.yaml")
    problem = refused(read, path)
    assert (problem.file, problem.line, problem.column) == (str(path.with_stem("c")), 1, 10)
    assert re.findall(r"(\w)\.yaml", problem.message) == ["a", "b", "c", "a"]
    assert str(problem) == wording


def test_endless_chain_is_refused(tmp_path, wording):
    """A chain of more recipes than anyone writes is refused."""
    for index in range(30):
        (tmp_path / f"r{index}.yaml").write_text(f"extends: r{index + 1}.yaml")
    problem = refused(read, tmp_path / "r0.yaml")
    assert problem.file == str(tmp_path / "r15.yaml")
    assert str(problem) == wording


def test_missing_extended_recipe_is_reported_where_it_is_named(write, wording):
    """Place, missing file and the nearest name are all there."""
    path = write(child="seed: 1\nextends: bsae.yaml", base="seed: 0")
    problem = refused(read, path)
    assert (problem.file, problem.line, problem.column) == (str(path), 2, 10)
    assert "'base.yaml'" in problem.hint
    assert str(problem) == wording


@pytest.mark.parametrize("value", ["[a.yaml]", "3", "''", "null"])
def test_extends_takes_one_path(write, value, wording):
    """Anything but text is refused."""
    problem = refused(read, write(child=f"extends: {value}"))
    assert (problem.line, problem.column) == (1, 10)
    assert str(problem) == wording


@pytest.mark.parametrize("asked", ["qiuck.yaml", "quick"])
def test_missing_recipe_names_the_nearest_file(write, tmp_path, asked, wording):
    """A misspelt or extensionless file name is answered with the one that was meant."""
    write(quick="a: 1", other="a: 1")
    problem = refused(read, tmp_path / asked)
    assert "'quick.yaml'" in problem.hint
    assert "other" not in problem.hint
    assert str(problem) == wording


def test_folder_is_not_a_recipe(write, tmp_path, wording):
    """A folder is refused with the recipes it holds."""
    write(quick="a: 1")
    problem = refused(read, tmp_path)
    assert "quick.yaml" in problem.hint
    assert str(problem) == wording


@pytest.mark.parametrize("name", ["no/such/folder/x.yaml", "x" * 5000, "a\0b"])
def test_impossible_paths_are_recipe_errors(tmp_path, name):
    """Whatever the path, the error is one a user can read."""
    assert refused(read, tmp_path / name).message


@pytest.mark.parametrize("text", ["", "# x", "- a", "net"])
def test_text_that_is_no_recipe_is_refused(text, wording):
    """An empty file, a list and a word are not recipes."""
    assert str(refused(read_text, text)) == wording


BASE = "model: {name: net, width: 3}\naugmentations: [{name: kit/crop, padding: 4}, flip]\ntrain: {epochs: 9}"


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("model.width=32", "model", {"name": "net", "width": 32}),
        ("model=timm/vit", "model", "timm/vit"),
        ("model={name: vit, lr: 1e-3}", "model", {"name": "vit", "lr": 0.001}),
        ("model={width: 1}", "model", {"name": "net", "width": 1}),
        ("model.name=vit", "model", {"name": "vit"}),
        ("augmentations.0.padding=2", "augmentations", [{"name": "kit/crop", "padding": 2}, "flip"]),
        ("augmentations.crop.padding=2", "augmentations", [{"name": "kit/crop", "padding": 2}, "flip"]),
        ("augmentations.kit/crop.padding=2", "augmentations", [{"name": "kit/crop", "padding": 2}, "flip"]),
        (
            "augmentations.flip.p=0.1",
            "augmentations",
            [{"name": "kit/crop", "padding": 4}, {"name": "flip", "p": 0.1}],
        ),
        ("augmentations=[]", "augmentations", []),
        ("train.epochs=2", "train", {"epochs": 2}),
        ("train.new=null", "train", {"epochs": 9, "new": None}),
        ("report.augmented=0", "report", {"augmented": 0}),
        ("shorter='a=b'", "shorter", "a=b"),
    ],
)
def test_override_is_laid_over_the_recipe(override, key, value):
    """A path reaches into mappings and lists; the value is YAML and merges as an extending recipe's would."""
    assert data(read_text(BASE, [override]))[key] == value


def test_overrides_apply_in_order():
    """A later override sees what an earlier one did."""
    document = read_text(BASE, ["model=vit", "model.depth=1", "model.depth=2"])
    assert data(document)["model"] == {"name": "vit", "depth": 2}


@pytest.mark.parametrize(
    "override",
    [
        "model.width",
        "=3",
        "model..width=3",
        "model.width=",
        "model=[1",
        "extends=other.yaml",
        "augmentations.2.p=1",
        "augmentations.cut.p=1",
        "tuners.0.steps=1",
        "model.width=!!int 3",
    ],
)
def test_override_that_cannot_be_applied_names_itself(override, wording):
    """The error starts with the override as it was typed."""
    problem = refused(read_text, BASE, [override])
    assert problem.file == f"--set {override}"
    assert str(problem) == wording


def test_path_of_an_override_has_a_limit():
    """No recipe is that deep."""
    override = ".".join("a" * 1000) + "=1"
    assert refused(read_text, BASE, [override]).file == f"--set {override}"


def test_ambiguous_entry_is_asked_for_by_index(wording):
    """A name that two entries share does not identify one of them."""
    problem = refused(read_text, "augmentations: [flip, flip]", ["augmentations.flip.p=1"])
    assert problem.hint.count("flip") == 2
    assert str(problem) == wording


def test_all_bad_overrides_are_reported_together():
    """One bad override does not hide another."""
    with pytest.raises(RecipeError) as caught:
        read_text(BASE, ["a", "model.width=1", "b"])
    assert [problem.file for problem in caught.value.problems] == ["--set a", "--set b"]


def test_disabled_plugins_can_be_asked_before_the_check():
    """Discovery needs the names before anything is checked, whatever else the recipe says."""
    assert read_text("plugins: {disable: [timm, 3, acme]}").disabled == ("timm", "acme")
    assert read_text("plugins: 3").disabled == ()
