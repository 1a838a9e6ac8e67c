"""The pages on recipes and runs say what the code does; the pieces of recipes that pages show are good."""

from __future__ import annotations

import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest

import cvkit.runs.folder
from cvkit import RecipeError
from cvkit.recipe import describe, read_text, resolve
from cvkit.recipe.part_resolver import DEFAULT_PARTS
from cvkit.recipe.resolver import KEYS
from cvkit.recipe.settings import SECTIONS, GeneralSettings, Settings
from cvkit.recipe.yaml_scalars import read_scalar

ROOT = Path(__file__).parents[2]
SHOWING = [ROOT / "docs" / "recipes.md", ROOT / "docs" / "tuning.md", *sorted((ROOT / "plugins").glob("*/README.md"))]
SETTINGS = {"Top level": GeneralSettings, **{f"`{key}`": kind for key, kind in SECTIONS.items()}}
LEAST = {"dataset": "shapes", "model": "custom_resnet", "optimizer": "sgd"}


@pytest.fixture
def recipes(page):
    return page("recipes.md")


@pytest.mark.parametrize(("title", "kind"), SETTINGS.items(), ids=[kind.__name__ for kind in SETTINGS.values()])
def test_settings_table_equals_the_schema(recipes, title: str, kind: type[Settings], wording):
    """Every setting is listed with its type in words, its default and its meaning."""
    (table,) = recipes.tables(title)
    options = kind.options()
    documented = {name: (words, default, meaning) for name, words, default, meaning in table[1:]}
    assert list(documented) == list(options)
    for name, (words, default, meaning) in documented.items():
        assert words == describe(options[name].type)
        assert meaning == kind.model_fields[name].description
        expected = options[name].default
        if kind is GeneralSettings and name == "name":
            assert default == wording
        else:
            assert {"[]": (), "{}": {}}.get(default, default and read_scalar(default)) == expected


def test_keys_table_lists_every_key(recipes):
    """The keys of a recipe are those the code knows, with the parts that have a default named."""
    rows = {key: required for key, _, required in recipes.tables("Keys")[0][1:]}
    assert rows.keys() == {"extends", *KEYS}
    assert {key for key, required in rows.items() if required == "yes"} == LEAST.keys()
    assert {key: rows[key] for key in DEFAULT_PARTS} == {key: f"no, {id_}" for key, id_ in DEFAULT_PARTS.items()}


def test_run_folder_table_lists_every_file(page):
    """What a run folder holds is what its own module says."""
    rows = page("runs.md").tables("The run folder")[0][1:]
    assert [row[0] for row in rows] == re.findall(r"^([\w./]+)  ", inspect.getdoc(cvkit.runs.folder) or "", re.M)


def test_example_of_mistakes_is_what_check_says(recipes, catalog):
    """The bad recipe gives the error shown below it, to the letter."""
    bad, shown = next((one, other) for one, other in pairwise(recipes.blocks()) if one.name == "bad.yaml")
    with pytest.raises(RecipeError) as error:
        resolve(read_text(bad.text, file=bad.name), catalog)
    assert f"{error.value}\n" == shown.text


@pytest.mark.parametrize("path", SHOWING, ids=lambda path: path.parent.name)
def test_recipe_snippets_resolve(path: Path, page, catalog, tmp_path):
    """Every piece of a recipe that a page shows is good, once what it leaves out is added; no package is required.

    There is one at least, but for a plugin that offers no component.
    """
    snippets = [block.text for block in page(path).blocks() if block.language == "yaml" and not block.name]
    offered = {entry.origin.plugin for entry in catalog.entries()}
    assert snippets or path.parent.name.removeprefix("cvkit_") not in {"docs", *offered}
    for snippet in snippets:
        missing = [f"{key}={name}" for key, name in LEAST.items() if not re.search(rf"^{key}:", snippet, re.M)]
        place = ROOT / "recipes" / "snippet.yaml" if "extends:" in snippet else tmp_path / "snippet.yaml"
        overrides = [*([] if "extends:" in snippet else missing), "requires=[]"]
        resolve(read_text(snippet, overrides, file=str(place)), catalog)
