"""What the files of a plugin's parts are called, so that none is in another's place."""

from __future__ import annotations

import pytest

from cvkit.scaffold.kinds import KIND_TEMPLATES
from cvkit.scaffold.names import read_name
from cvkit.scaffold.parts import first_part, further_part
from cvkit.scaffold.rendering import render


@pytest.mark.parametrize(("text", "camel"), [("acme-net", "AcmeNet"), ("x", "X"), ("net2-3d", "Net23D")])
def test_classes_are_called_in_camel_case(text, camel):
    """The name of a test class is an identifier."""
    assert first_part(read_name(text), KIND_TEMPLATES["model"]).camel == camel


def test_further_part_is_called_by_its_kind_or_its_own_name():
    """Its files have the kind's name, or where it has one of its own, that."""
    name = read_name("acme-net")
    part = further_part(name, KIND_TEMPLATES["loss"])
    assert (part.component, part.module, part.recipe, part.tests, part.camel) == (
        *("acme_net", "loss", "recipe_loss.yaml", "test_loss", "AcmeNetLoss"),
    )
    part = further_part(name, KIND_TEMPLATES["loss"], "my_focal")
    assert (part.component, part.module, part.recipe, part.tests, part.camel) == (
        *("my_focal", "my_focal", "recipe_my_focal.yaml", "test_my_focal", "MyFocal"),
    )


@pytest.mark.parametrize("text", ["acme-net", "loss", "model", "test-loss"])
def test_no_two_files_of_a_package_have_one_name(text):
    """Whatever the plugin is called, every kind's module, recipe and tests are there."""
    files = render(read_name(text), *KIND_TEMPLATES.values())
    assert len([path for path in files if path.startswith("tests/")]) == 2 * len(KIND_TEMPLATES)
    assert len([path for path in files if path.startswith("recipe")]) == len(KIND_TEMPLATES)
    assert len([path for path in files if path.startswith("src/")]) == len(KIND_TEMPLATES) + 2
