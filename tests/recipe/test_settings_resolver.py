"""The general keys and the settings of a recipe are checked against what is installed."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from recipe_problems import BASE, place, written

from cvkit.recipe import read, read_text, resolve
from cvkit.recipe.settings import SECTIONS, GeneralSettings


def test_recipe_may_require_distributions(check):
    """What is there in a right version is accepted, and stays written."""
    recipe = check(BASE + "requires: [torch, 'cvkit-core>=0.1']")
    assert recipe.requires == ("torch", "cvkit-core>=0.1")


def test_missing_distribution_is_told_at_its_place_with_the_command(refused, wording):
    """Absent, too old, and not a requirement at all, each in its line."""
    problems = refused(BASE + "requires:\n  - cvkit-acme>=1.2\n  - torch>=99\n  - two words\n")
    assert [place(problem) for problem in problems] == [("recipes/x.yaml", line, 5) for line in (5, 6, 7)]
    assert "pip install 'cvkit-acme>=1.2'" in written(problems[:1])
    assert version("torch") in written(problems[1:2])
    assert written(problems).replace(version("torch"), "<version>") == wording(name="not there")
    problems = refused(BASE + "requires: ['cvkit>=1', other, 'python>=3']")
    assert "'cvkit-core'" in written(problems[:1])
    assert "'other'" in written(problems[1:2])
    assert written(problems) == wording(name="no distribution")


def test_misspelt_disabled_plugin_is_reported(refused, check, wording):
    """A plugin to disable that is nearly an installed one is a mistake; one not installed is fine."""
    problems = refused(BASE, "plugins.disable=[othr]")
    assert "'other'" in written(problems)
    assert written(problems) == wording
    assert check(BASE, "plugins.disable=[acme_vision]").plugins.disable == ("acme_vision",)


@pytest.mark.parametrize("stem", ["my recipe", "_x", "..", "ü"])
def test_file_name_becomes_a_folder_name(catalog, stem):
    """Whatever the file is called, the default name can be a folder's."""
    name = resolve(read_text(BASE, file=f"{stem}.yaml"), catalog).name
    assert name
    assert name[0].isalnum()
    assert " " not in name


def test_every_setting_is_documented():
    """The reference page and the schema are made from these sentences."""
    for kind in (GeneralSettings, *SECTIONS.values()):
        for name, field in kind.model_fields.items():
            assert field.description, f"{kind.__name__}.{name}"
            assert field.description.endswith(".")


def test_shorter_recipe_is_seen_from_the_file_that_names_it(catalog, tmp_path):
    """Also where a recipe in another folder extends that file."""
    (tmp_path / "base.yaml").write_text(BASE + "\nshorter: quick.yaml\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "child.yaml").write_text("extends: ../base.yaml\nseed: 3\n")
    recipe = resolve(read(tmp_path / "sub" / "child.yaml"), catalog)
    assert Path(recipe.shorter).resolve() == tmp_path / "quick.yaml"
