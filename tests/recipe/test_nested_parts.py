"""A data set in the options of another: checked like every part, at its place, and kept by the resolved recipe."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from cvkit import RecipeError, discover, resolve
from cvkit.recipe import changes, dump, read_text
from cvkit.recipe.json_schema import recipe_schema

CATALOG = discover(distributions=["cvkit-core"])
RECIPE = """\
dataset:
  name: subset
  count: 20
  of:
    name: relabel
    classes: {circle: round}
    of: {name: shapes, train_size: 50}
model: custom_resnet
optimizer: sgd
"""
TWO = """\
dataset: {name: concatenate, of: [shapes, {name: shapes, seed: 4}]}
model: custom_resnet
optimizer: sgd
"""


def checked(text=RECIPE, *overrides):
    return resolve(read_text(text, overrides, file="nested.yaml"), CATALOG)


def test_parts_have_their_paths_and_their_defaults():
    """The resolved recipe contains them and reads the same again."""
    recipe = checked()
    places = {place: part.entry.id for place, part in recipe.parts() if place.startswith("dataset")}
    assert places == {
        "dataset": "datasets/subset",
        "dataset.of": "datasets/relabel",
        "dataset.of.of": "datasets/shapes",
    }
    values = recipe.values()
    assert (values["dataset.of.of.train_size"], values["dataset.of.of.seed"]) == (50, 0)
    assert "dataset.of" not in values
    for text in (RECIPE, TWO):
        assert resolve(read_text(dump(checked(text))), CATALOG) == checked(text)


@pytest.mark.parametrize(
    ("text", "override", "path", "value"),
    [
        (RECIPE, "dataset.of.of.train_size=60", "dataset.of.of.train_size", 60),
        (RECIPE.replace("{name: shapes, train_size: 50}", "shapes"), "dataset.of.of.seed=3", "dataset.of.of.seed", 3),
        (TWO, "dataset.of.0.seed=5", "dataset.of.0.seed", 5),
        (RECIPE, "dataset.of={name: shapes, seed: 2}", "dataset.of.seed", 2),
    ],
)
def test_overrides_reach_nested_parts(text, override, path, value):
    """As the options of every part; another name replaces the part with its options."""
    assert checked(text, override).values()[path] == value
    if "{name" not in override:
        assert checked(text).with_value(path, value) == checked(text, override)


@pytest.mark.parametrize(
    ("text", "override", "message"),
    [
        (
            RECIPE,
            "dataset.of.of.train_sise=5",
            "unknown option 'train_sise' for data set 'datasets/shapes' (dataset.of.of)",
        ),
        (RECIPE, "dataset.of.of.train_size=0", "(dataset.of.of): expected an integer from 1 to 1000000, got 0"),
        (TWO, "dataset.of.1.seed=-1", "(dataset.of.1): expected an integer of at least 0, got -1"),
        (RECIPE, "dataset.of=5", "expected the name of a data set, or `name` with options, got 5"),
        (RECIPE, "dataset.of=[shapes]", "expected the name of a data set, or `name` with options, got ['shapes']"),
        (RECIPE, "dataset.of.of.name=shaps", "unknown data set 'shaps'. Did you mean 'shapes'?"),
        (TWO, "dataset.of=shapes", "option 'of' for data set 'datasets/concatenate': expected a list of data sets"),
        (
            TWO,
            "dataset.of=[]",
            "option 'of' for data set 'datasets/concatenate': expected a list of data sets, got []",
        ),
        (TWO, "dataset={name: repeat}", "option 'of' for data set 'datasets/repeat' is missing"),
    ],
)
def test_mistakes_name_their_place(text, override, message):
    """With the same words as in other parts."""
    with pytest.raises(RecipeError) as raised:
        checked(text, override)
    (problem,) = raised.value.problems
    assert message in str(problem)
    assert problem.file == f"--set {override}" or "is missing" in message


def test_mistake_in_a_file_has_its_line():
    """That of the nested option."""
    with pytest.raises(RecipeError) as raised:
        checked(RECIPE.replace("train_size: 50", "train_size: many"))
    (problem,) = raised.value.problems
    assert (problem.file, problem.line) == ("nested.yaml", 7)


def test_changes_are_those_of_nested_options():
    """A run says what was changed in its recipe."""
    before = checked()
    (change,) = changes(dump(before), before.with_value("dataset.of.of.train_size", 60))
    assert str(change) == "dataset.of.of.train_size was 50 and is 60"


def test_path_starts_in_the_folder_of_the_recipe(tmp_path):
    """In a nested part, too."""
    file = tmp_path / "mine.yaml"
    file.write_text(
        "dataset: {name: subset, of: {name: image_folder, path: photos}}\nmodel: custom_resnet\noptimizer: sgd\n"
    )
    from cvkit.recipe import read

    recipe = resolve(read(file), CATALOG)
    assert recipe.values()["dataset.of.path"] == tmp_path / "photos"


def test_schema_completes_nested_parts():
    """An editor finds the same mistakes."""
    schema, gaps = recipe_schema(CATALOG)
    assert gaps == []
    for text in (RECIPE, TWO):
        jsonschema.validate(yaml.safe_load(text), schema)
    for text in (RECIPE.replace("train_size: 50", "train_size: 0"), TWO.replace("[shapes, ", "[shaps, ")):
        with pytest.raises(jsonschema.ValidationError) as raised:
            jsonschema.validate(yaml.safe_load(text), schema)
        assert [*raised.value.absolute_path][:2] == ["dataset", "of"]
