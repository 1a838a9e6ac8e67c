"""A JSON Schema of recipes, judged by an independent validator."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from schema_errors import CATALOG, GAPS, SCHEMA, errors

from cvkit import RecipeError
from cvkit.recipe import dump, read, read_text, resolve
from cvkit.recipe.nodes import plain
from cvkit.recipe.resolver import KEYS
from cvkit.recipe.yaml_reader import read_tree

HOUSE = Path(__file__).parents[2]
RECIPES = sorted((HOUSE / "recipes").glob("*.yaml"))
BLOCKS = re.findall(r"```yaml\n(.*?)```", (HOUSE / "docs" / "recipes.md").read_text(), re.DOTALL)
WHOLE = """\
dataset: shapes
model:
  name: custom_resnet
  width: 8
optimizer: sgd
"""


def test_schema_is_a_json_schema():
    """The validator's own judgement; nothing that is installed here is left out of it."""
    Draft7Validator.check_schema(SCHEMA)
    assert GAPS == []


def test_schema_knows_every_key_of_a_recipe_and_describes_it(wording):
    """Keys that a recipe may have, settings of its sections included, each say what they are for."""
    assert SCHEMA["properties"].keys() == {*KEYS, "extends"}
    assert all(described["description"] for described in SCHEMA["properties"].values())
    epochs = {**SCHEMA["properties"]["train"]["properties"]["epochs"]}
    assert epochs.pop("description") == wording
    assert epochs == {"type": "integer", "minimum": 1, "maximum": 1000000, "default": 10}


def test_schema_describes_every_component_and_option(wording):
    """Each component says what it is and where from, each option its type and what it does."""
    for entry in CATALOG.entries():
        if entry.component.is_family:
            continue
        defined = SCHEMA["definitions"][f"{entry.kind.name}:{entry.id}"]
        assert entry.component.summary in defined["description"]
        assert str(entry.origin) in defined["description"]
        assert defined["properties"].keys() - {"set"} == {"name", *entry.signature().options}
        assert all(option["description"] for name, option in defined["properties"].items() if name != "name")
    width = SCHEMA["definitions"]["models:resnet/custom_resnet"]["properties"]["width"]
    assert width["default"] == 64
    assert width["description"] == wording


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_shipped_recipe_is_valid(path):
    """As written, and as resolved with every default."""
    assert errors(path.read_text()) == []
    assert errors(dump(resolve(read(path), CATALOG))) == []


@pytest.mark.parametrize("block", [block for block in BLOCKS if "dataset:" in block and "model:" in block])
def test_documented_recipe_is_judged_as_cvkit_does(block):
    """What the page on recipes shows, its example of mistakes included."""
    assert bool(errors(block)) == rejected(block)


def rejected(text: str) -> bool:
    """Whether cvkit finds a mistake in the recipe."""
    try:
        resolve(read_text(text), CATALOG)
    except RecipeError:
        return True
    return False


MISTAKES = {
    "misspelt key": ("optimizer: sgd", "optimizr: sgd", "'optimizr' was unexpected"),
    "misspelt option": ("width: 8", "widht: 8", "'widht' was unexpected"),
    "text for a number": ("width: 8", "width: big", "'big' is not of type 'integer'"),
    "out of bounds": ("width: 8", "width: 0", "0 is less than or equal to the minimum of 0"),
    "true for a number": ("width: 8", "width: true", "True is not of type 'integer'"),
    "unknown component": ("custom_resnet", "custom_resnt", "'custom_resnt' is not one of"),
    "unknown bare component": (
        "optimizer: sgd",
        "optimizer: sgd\nloss: cros_entropy",
        "'cros_entropy' is not one of",
    ),
    "unknown member": ("custom_resnet", "timm/resnet19", "'timm/resnet19' is not one of"),
    "option of another component": ("custom_resnet", "timm/resnet18", "'width' was unexpected"),
    "no name": ("  name: custom_resnet\n", "", "'name' is a required property"),
    "missing part": ("optimizer: sgd\n", "", "'optimizer' is a required property"),
    "missing required option": (
        "optimizer: sgd",
        "optimizer: sgd\nscheduler: one_cycle",
        "'one_cycle' is not one of",
    ),
    "missing required option, in a mapping": (
        "optimizer: sgd",
        "optimizer: sgd\nscheduler: {name: one_cycle, div: 3}",
        "'max_lr' is a required property",
    ),
    "unknown setting": ("optimizer: sgd", "optimizer: sgd\ntrain: {epoch: 3}", "'epoch' was unexpected"),
    "no choice": ("optimizer: sgd", "optimizer: sgd\ntrain: {precision: half}", "'half' is not one of"),
    "a name for a list": ("optimizer: sgd", "optimizer: sgd\naugmentations: cutout", "is not of type 'array'"),
    "nothing for a part": ("optimizer: sgd", "optimizer: sgd\nloss:", "None is not"),
    "auto in the model": ("width: 8", "width: auto", "'auto' is not of type 'integer'"),
    "tuner without set": (
        "optimizer: sgd",
        "optimizer: {name: sgd, lr: auto}\ntuners: [{name: lr_range_test}]",
        "'set' is a required property",
    ),
    "bare tuner": (
        "optimizer: sgd",
        "optimizer: {name: sgd, lr: auto}\ntuners: [lr_range_test]",
        "not of type 'object'",
    ),
    "tuner of the model": (
        "optimizer: sgd",
        "optimizer: sgd\ntuners: [{name: lr_range_test, set: model.width}]",
        "'model.width' does not match",
    ),
    "misspelt option of a member": (
        "optimizer: sgd",
        "optimizer: sgd\naugmentations: [{name: kornia/RandomGamma, gama: [1, 2]}]",
        "'gama' was unexpected",
    ),
    "too short a list": (
        "optimizer: sgd",
        "optimizer: sgd\naugmentations: [{name: kornia/RandomGamma, gamma: [1]}]",
        "[1] is too short",
    ),
}


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("width: 8", "widht: 8", "'widht' was unexpected"),
        ("optimizer: sgd", "optimizer: {name: sgd, lr: 0.1, momentun: 0.9}", "'momentun' was unexpected"),
        ("optimizer: sgd", "optimizer: sgd\nloss: cros_entropy", "'cros_entropy' is not one of"),
        ("optimizer: sgd", "optimizer: sgd\nloss: {name: cross_entropy, smoothin: 0.1}", "'smoothin' was unexpected"),
        ("optimizer: sgd", "optimizer: sgd\nexplainers: [{name: grad_cam, laier: x}]", "'laier' was unexpected"),
    ],
)
def test_mistake_is_named_by_a_plain_validator(right, wrong, message):
    """In its one message, not below one that says that neither of several forms fits."""
    recipe = plain(read_tree(WHOLE.replace(right, wrong), "recipe.yaml"))
    (error,) = Draft7Validator(SCHEMA).iter_errors(recipe)
    assert message in error.message


def test_schema_says_that_it_is_laxer_than_check(wording):
    """The description names the command that checks the rest."""
    assert "`cvkit check`" in SCHEMA["description"]
    assert SCHEMA["description"] == wording
    for lax in ("model: {name: custom_resnet, width: 2.0}", "optimizer: {name: sgd, lr: auto}"):
        text = "dataset: shapes\nmodel: custom_resnet\noptimizer: sgd\n".replace(f"{lax.split(':')[0]}: ", "#") + lax
        assert errors(text) == []
        assert rejected(text)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_caught_by_the_schema_as_by_cvkit(mistake):
    """The recipe is good without the mistake, and with it neither the schema nor cvkit takes it."""
    right, wrong, message = MISTAKES[mistake]
    assert errors(WHOLE) == []
    assert not rejected(WHOLE)
    text = WHOLE.replace(right, wrong)
    assert rejected(text)
    assert any(message in line for line in errors(text))


@pytest.mark.parametrize(
    "text",
    [
        "optimizer: {name: sgd, lr: auto}\ntuners: [{name: lr_range_test, set: optimizer.lr}]",
        "optimizer: sgd\nscheduler: {name: one_cycle, max_lr: 0.1, peak_epoch: 1}",
        "optimizer: torch/sgd\naugmentations: [kornia/ColorJitter, {name: kornia/RandomGamma, gamma: [1, 2]}]",
        "optimizer: adamw\nmodel: timm/resnet18",
        "optimizer: adamw\nmodel: {name: timm/resnet18, arguments: {act_layer: gelu}}",
        "optimizer: adamw\ntrain: {ema: null, resident: auto}\nplugins: {disable: [gradcam]}\nrequires: [timm>=0.1]",
    ],
)
def test_good_recipe_is_valid(text):
    """Families, required options, `auto` for a tuner, null and nested values."""
    text = "dataset: shapes\n" + ("" if "model" in text else "model: custom_resnet\n") + text
    assert not rejected(text)
    assert errors(text) == []


def test_recipe_that_extends_another_may_leave_things_out():
    """Parts, names and required options may come from below; names and options written here are checked still."""
    assert errors("extends: base.yaml\nmodel:\n  width: 3\n") == []
    assert errors("extends: base.yaml\nscheduler: {name: one_cycle, div: 3}") == []
    assert errors("extends: base.yaml\nscheduler: {name: one_cycle, dov: 3}")
    assert errors("extends: base.yaml\nmodel: custom_resnt")
    assert errors("extends: base.yaml\ntrian: {epochs: 3}")
    assert errors("extends: base.yaml\naugmentations: [{p: 0.5}]")  # lists are replaced, so each item is whole
