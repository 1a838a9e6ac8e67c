"""A JSON Schema of searches, judged by an independent validator and compared with what cvkit itself says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from schema_errors import CATALOG, errors
from searching import RECIPE

from cvkit import RecipeError
from cvkit.searches.json_schema import search_schema
from cvkit.searches.reading import KEYS, SearchFile, source_of

ROOT = Path(__file__).parents[2]
SCHEMA, GAPS = search_schema(CATALOG)
SHOWN = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "repeat-and-search.md").read_text(), re.DOTALL)
GOOD = """\
recipe: base.yaml
space:
  optimizer.lr: {low: 1e-3, high: 1, log: true}
  train.batch_size: {choices: [5, 10]}
max_trials: 12
"""


@pytest.fixture
def rejected(tmp_path, monkeypatch):
    """Return a function that says whether cvkit finds a mistake in a search."""
    (tmp_path / "base.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)

    def judge(text: str) -> bool:
        try:
            SearchFile(source_of(text)).resolve(CATALOG)
        except RecipeError:
            return True
        return False

    return judge


def test_schema_is_a_json_schema_that_describes_every_key():
    """The validator's own judgement; nothing that is installed here is left out of it."""
    Draft7Validator.check_schema(SCHEMA)
    assert GAPS == []
    assert SCHEMA["properties"].keys() == {*KEYS}
    assert all(described["description"] for described in SCHEMA["properties"].values())


@pytest.mark.parametrize("text", SHOWN)
def test_documented_search_is_valid(text, monkeypatch):
    """Every example of the page, for the schema and for cvkit; its recipe has validation images."""
    monkeypatch.chdir(ROOT / "recipes")
    assert errors(text, SCHEMA) == []
    search = SearchFile(source_of(text)).resolve(CATALOG)
    assert search.recipe.dataset.options["validation_size"] > 0


def test_page_shows_searches():
    """Otherwise the test before would test nothing."""
    assert len(SHOWN) >= 2


@pytest.mark.parametrize(
    "change",
    [
        ("max_trials: 12", "max_minutes: 30\nsampler: random\npruner: none\nseed: 3\nname: mine\nmetric: loss"),
        ("max_trials: 12", "max_trials: 12\nmax_minutes: null\ncheckpoints: all"),
        ("{choices: [5, 10]}", "{low: 5, high: 20, step: 5}"),
        ("train.batch_size: {choices: [5, 10]}", "optimizer: {choices: [sgd, {name: adamw, lr: 0.001}]}"),
        ("train.batch_size", "model.width"),
        ("recipe: base.yaml", "recipe: {extends: base.yaml, train: {epochs: 1}}"),
    ],
)
def test_good_search_is_valid(change, rejected):
    """Each key, each form of a space, and a recipe that is written in the search."""
    text = GOOD.replace(*change)
    assert not rejected(text)
    assert errors(text, SCHEMA) == []


MISTAKES = {
    "misspelt key": ("max_trials", "max_trial", "'max_trial' was unexpected"),
    "no recipe": ("recipe: base.yaml\n", "", "'recipe' is a required property"),
    "no end": ("max_trials: 12\n", "", "'max_trials' is a required property"),
    "no end but null": ("max_trials: 12", "max_trials: null", "None is not of type 'number'"),
    "no trials": ("max_trials: 12", "max_trials: 0", "0 is less than or equal to the minimum of 0"),
    "unknown sampler": ("max_trials: 12", "max_trials: 12\nsampler: bayes", "'bayes' is not one of"),
    "unknown pruner": ("max_trials: 12", "max_trials: 12\npruner: medain", "'medain' is not one of"),
    "text for a number": ("low: 1e-3", "low: small", "'small' is not of type 'number'"),
    "true for a number": ("low: 1e-3", "low: true", "True is not of type 'number'"),
    "number for true": ("log: true", "log: 1", "1 is not of type 'boolean'"),
    "no end of the range": ("high: 1, ", "", "'high' is a required property"),
    "misspelt key of a range": ("log: true", "lg: true", "'lg' was unexpected"),
    "no choices": ("[5, 10]", "[]", "[] should be non-empty"),
    "a choice for a list": ("[5, 10]", "5", "5 is not of type 'array'"),
    "choices and a range": ("{choices: [5, 10]}", "{choices: [5, 10], low: 1}", "'low' was unexpected"),
    "a value for a space": ("{choices: [5, 10]}", "5", "5 is not of type 'object'"),
    "misspelt section": ("train.batch_size", "trian.batch_size", "does not match"),
    "misspelt setting": ("train.batch_size", "train.batchsize", "does not match"),
    "the seed": ("train.batch_size", "seed", "does not match"),
    "the test images": ("train.batch_size", "evaluation.test", "does not match"),
    "misspelt option of an own recipe": (
        "recipe: base.yaml",
        "recipe: {extends: base.yaml, train: {epoch: 1}}",
        "'epoch' was unexpected",
    ),
    "unfinished own recipe": ("recipe: base.yaml", "recipe: {dataset: shapes}", "'model' is a required property"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_caught_by_the_schema_as_by_cvkit(mistake, rejected):
    """The search is good without the mistake, and with it neither the schema nor cvkit accepts it."""
    right, wrong, message = MISTAKES[mistake]
    assert errors(GOOD, SCHEMA) == []
    assert not rejected(GOOD)
    text = GOOD.replace(right, wrong)
    assert rejected(text)
    assert any(message in line for line in errors(text, SCHEMA))


def test_schema_says_that_it_is_laxer_than_check(rejected):
    """The description names the command that checks the rest."""
    assert "`cvkit search --check`" in SCHEMA["description"]
    for right, wrong in (("high: 1,", "high: 1e-4,"), ("optimizer.lr", "optimizer.lrr")):
        assert errors(GOOD.replace(right, wrong), SCHEMA) == []
        assert rejected(GOOD.replace(right, wrong))
