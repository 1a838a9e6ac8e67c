"""How a recipe is put together: its file, what it extends, and overrides."""

from __future__ import annotations

import pytest

from cvkit.errors import RecipeError
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


def refused(call, *arguments):
    """Return the text of the error that a call must end in."""
    with pytest.raises(RecipeError) as caught:
        call(*arguments)
    return str(caught.value)


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


def test_circle_of_extended_recipes_is_shown(write):
    """The error names every file of the circle, at the line that closes it."""
    path = write(a="extends: b.yaml", b="extends: c.yaml", c="extends: a.yaml")
    message = refused(read, path)
    assert "c.yaml:1:10: recipes extend one another in a circle" in message
    assert [message.index(f"{name}.yaml ->") for name in "abc"] == sorted(
        message.index(f"{name}.yaml ->") for name in "abc"
    )


def test_endless_chain_is_refused(tmp_path):
    """A chain of more recipes than anyone writes is refused."""
    for index in range(30):
        (tmp_path / f"r{index}.yaml").write_text(f"extends: r{index + 1}.yaml")
    assert "more than 16 recipes" in refused(read, tmp_path / "r0.yaml")


def test_missing_extended_recipe_is_reported_where_it_is_named(write):
    """Place, missing file and the nearest name are all there."""
    path = write(child="seed: 1\nextends: bsae.yaml", base="seed: 0")
    message = refused(read, path)
    assert f"{path}:2:10: there is no recipe" in message
    assert "Did you mean 'base.yaml'?" in message


@pytest.mark.parametrize("value", ["[a.yaml]", "3", "''", "null"])
def test_extends_takes_one_path(write, value):
    """Anything but text is refused."""
    assert "`extends` takes the path of one other recipe" in refused(read, write(child=f"extends: {value}"))


@pytest.mark.parametrize("asked", ["qiuck.yaml", "quick"])
def test_missing_recipe_names_the_nearest_file(write, tmp_path, asked):
    """A misspelt or extensionless file name is answered with the one that was meant."""
    write(quick="a: 1", other="a: 1")
    assert "Did you mean 'quick.yaml'?" in refused(read, tmp_path / asked)


def test_folder_is_not_a_recipe(write, tmp_path):
    """A folder is refused with the recipes it holds."""
    write(quick="a: 1")
    message = refused(read, tmp_path)
    assert "is a folder" in message
    assert "quick.yaml" in message


@pytest.mark.parametrize("name", ["no/such/folder/x.yaml", "x" * 5000, "a\0b"])
def test_impossible_paths_are_recipe_errors(tmp_path, name):
    """Whatever the path, the error is one a user can read."""
    assert refused(read, tmp_path / name)


@pytest.mark.parametrize(("text", "words"), [("", "empty"), ("# x", "empty"), ("- a", "mapping"), ("net", "mapping")])
def test_text_that_is_no_recipe_is_refused(text, words):
    """An empty file, a list and a word are not recipes."""
    assert words in refused(read_text, text)


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
    ("override", "words"),
    [
        ("model.width", "expected path=value"),
        ("=3", "'' is not a path"),
        ("model..width=3", "'model..width' is not a path"),
        ("model.width=", "no value after '='"),
        ("model=[1", "not valid YAML"),
        ("extends=other.yaml", "cannot be overridden"),
        ("augmentations.2.p=1", "'augmentations' has no entry '2'"),
        ("augmentations.cut.p=1", "it holds: 0 kit/crop, 1 flip"),
        ("tuners.0.steps=1", "it holds: nothing"),
        (".".join("a" * 1000) + "=1", "is not a path"),
        ("model.width=!!int 3", "tags"),
    ],
)
def test_override_that_cannot_be_applied_names_itself(override, words):
    """The error starts with the override as it was typed."""
    message = refused(read_text, BASE, [override])
    assert message.startswith(f"--set {override}: ")
    assert words in message


def test_ambiguous_entry_is_asked_for_by_index():
    """Two entries of one name cannot be told apart by it."""
    message = refused(read_text, "augmentations: [flip, flip]", ["augmentations.flip.p=1"])
    assert "several entries named 'flip'" in message
    assert "0 flip, 1 flip" in message


def test_all_bad_overrides_are_reported_together():
    """One bad override does not hide another."""
    with pytest.raises(RecipeError) as caught:
        read_text(BASE, ["a", "model.width=1", "b"])
    assert [problem.file for problem in caught.value.problems] == ["--set a", "--set b"]


def test_disabled_plugins_can_be_asked_before_the_check():
    """Discovery needs the names before anything is checked, whatever else the recipe says."""
    assert read_text("plugins: {disable: [timm, 3, acme]}").disabled == ("timm", "acme")
    assert read_text("plugins: 3").disabled == ()
