"""``cvkit schema``: a JSON Schema of recipes, judged by an independent validator."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from cvkit import Component, RecipeError, hookimpl
from cvkit.host.catalog import Catalog, catalog_of
from cvkit.host.discovery import CORE, discover
from cvkit.kinds import KINDS
from cvkit.recipe import dump, read, read_text, resolve
from cvkit.recipe.json_schema import recipe_schema
from cvkit.recipe.nodes import plain
from cvkit.recipe.option_schema import option_text
from cvkit.recipe.resolver import KEYS
from cvkit.recipe.yaml_reader import read_tree

HOUSE = Path(__file__).parents[2]
RECIPES = sorted((HOUSE / "recipes").glob("*.yaml"))
BLOCKS = re.findall(r"```yaml\n(.*?)```", (HOUSE / "docs" / "recipes.md").read_text(), re.DOTALL)
CATALOG = discover(distributions=[CORE])
SCHEMA, UNTOLD = recipe_schema(CATALOG)
WHOLE = """\
dataset: shapes
model:
  name: custom_resnet
  width: 8
optimizer: sgd
"""


def errors(text: str, schema: dict[str, object] = SCHEMA) -> list[str]:
    """What the validator says of a recipe, read as cvkit reads it: YAML 1.1 takes 5e-4 for text."""
    return [*_messages(Draft7Validator(schema).iter_errors(plain(read_tree(text, "recipe.yaml"))))]


def _messages(found: Iterable[ValidationError]) -> Iterator[str]:
    for error in found:
        yield error.message
        yield from _messages(error.context)


def test_schema_is_a_json_schema():
    """The validator's own judgement; nothing that is installed here is left out of it."""
    Draft7Validator.check_schema(SCHEMA)
    assert UNTOLD == []


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
    "unknown bare component": ("optimizer: sgd", "optimizer: sdg", "'sdg' is not one of"),
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
        ("optimizer: sgd", "optimizer: sdg", "'sdg' is not one of"),
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
    """Whoever relies on it is told what to run besides."""
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


FACTORIES = """
import dataclasses
import enum

class Mood(enum.Enum):
    CALM = "calm"
    WILD = "wild"

@dataclasses.dataclass
class Node:
    next: "Node | None" = None

def net(info, *, width: int, ratio: float = None, mood: Mood | None = None, node: Node = Node(), odd=len): ...
def any_net(info, *, depth: int = 3, **options): ...
def zoo(name, info, *, size: int = 3): ...
def cages(): return ["lion", "yak"]
def lost(): raise RuntimeError("the list is lost")
made = type("Made", (), {"__call__": lambda self, info, *, mood: 0, "__module__": __name__})()
made.__call__.__func__.__annotations__["mood"] = Mood
"""


@pytest.fixture
def farm(tmp_path, monkeypatch) -> Catalog:
    """A catalog with the stranger's plugin `farm` beside a second one that also has a `net`."""
    (tmp_path / "farm_factories.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "farm_factories", raising=False)
    importlib.invalidate_caches()
    target = "farm_factories:"
    return catalog_of(
        {
            "farm": plugin(
                models=[
                    Component("net", target + "net", "A net", deprecated="use farm/any_net"),
                    Component("any_net", target + "any_net", requires=("no-such-thing>=2",)),
                    Component("made", target + "made"),
                    Component("gone", target + "gone"),
                    Component("*", target + "zoo", "Animals", members=target + "cages"),
                ],
                losses=[Component("*", target + "zoo", members=target + "lost")],
            ),
            "other": plugin(models=[Component("net", target + "net")]),
        }
    )


def plugin(**components: list[Component]) -> object:
    """A plugin that declares the components of each kind."""
    module = types.ModuleType("plugin")
    for kind, declared in components.items():
        setattr(module, KINDS[kind].hook, hookimpl(lambda declared=declared: declared))
    return module


def model_errors(schema: dict[str, object], value: str) -> list[str]:
    """What the validator says of a recipe's model."""
    return errors(f"extends: x.yaml\nmodel: {value}", schema)


def test_stranger_options_are_in_the_schema(farm, wording):
    """A third-party component is completed and checked as ours are, marks included."""
    schema, _ = recipe_schema(farm)
    Draft7Validator.check_schema(schema)
    assert model_errors(schema, "{name: farm/net, width: 3, mood: wild, node: {next: {next: null}}, odd: [1]}") == []
    assert model_errors(schema, "{name: farm/net, width: wide}")
    assert model_errors(schema, "{name: farm/net, widht: 3}")
    assert model_errors(schema, "{name: any_net, depth: 1, more: 2}") == []
    assert model_errors(schema, "{name: any_net, depth: one}")
    assert errors("dataset: x\nmodel: farm/net\noptimizer: x", schema)  # its width is required
    definitions = schema["definitions"]
    deprecated, needing = (definitions[f"models:farm/{name}"]["description"] for name in ("net", "any_net"))
    assert "use farm/any_net" in deprecated
    assert "no-such-thing>=2" in needing
    assert [deprecated, needing] == wording


def test_default_outside_its_own_type_is_accepted(farm):
    """As `ratio: float = None` is, in the way of many libraries."""
    schema, _ = recipe_schema(farm)
    assert model_errors(schema, "{name: farm/net, ratio: null}") == []
    assert model_errors(schema, "{name: farm/net, ratio: much}")


def test_options_of_imported_targets_are_in_the_schema(farm):
    """Where the source does not tell, the types are the real ones, an enumeration here."""
    schema, _ = recipe_schema(farm)
    assert model_errors(schema, "{name: made, mood: calm}") == []
    assert model_errors(schema, "{name: made, mood: sad}")


def test_ambiguous_short_name_is_not_in_the_schema(farm):
    """Only names that a recipe can use are offered."""
    schema, _ = recipe_schema(farm)
    assert model_errors(schema, "net")
    assert model_errors(schema, "{name: other/net}") == []


def test_family_is_offered_by_its_members(farm):
    """Members are enumerated; of a family that cannot list them every name passes."""
    schema, _ = recipe_schema(farm)
    assert model_errors(schema, "farm/lion") == []
    assert model_errors(schema, "{name: farm/yak, size: 2}") == []
    assert model_errors(schema, "farm/cow")
    assert errors("extends: x.yaml\nloss: {name: farm/any, size: 2}", schema) == []
    assert errors("extends: x.yaml\nloss: other/any", schema)


def test_what_cannot_be_told_is_said(farm, wording):
    """A component without a target is left out, and a family without a list is named."""
    schema, gaps = recipe_schema(farm)
    assert model_errors(schema, "gone")
    left_out, unlisted = gaps
    assert "farm/gone" in left_out
    assert "AttributeError: module 'farm_factories' has no attribute 'gone'" in left_out
    assert "the list is lost" in unlisted
    assert gaps == wording


def test_components_left_out_for_one_reason_are_named_in_one_sentence(wording):
    """A plugin whose module does not import is not told of once for each of its components."""
    components = [Component(f"net_{number}", f"nowhere_at_all:net_{number}") for number in range(5)]
    _, gaps = recipe_schema(catalog_of({"acme": plugin(models=components)}))
    (told,) = gaps
    assert "acme/net_0, acme/net_1, acme/net_2" in told
    assert "acme/net_3" not in told
    assert "ModuleNotFoundError: No module named 'nowhere_at_all'" in told
    assert told == wording


def test_name_of_a_plugin_is_taken_literally(farm):
    """The dot in a plugin's name stands for a dot; no other escape is written, as editors refuse them."""
    family = Component("*", "farm_factories:zoo", members="farm_factories:lost")
    schema, _ = recipe_schema(catalog_of({"a.b-c": plugin(losses=[family])}))
    assert schema["definitions"]["losses:a.b-c/*.names"]["pattern"] == r"^a\.b-c/"


@pytest.mark.parametrize(
    ("doc", "text"),
    [
        ("Do it.\n\n`width`: how wide\nit is. `depth`: how deep.", "how wide it is."),
        ("`height`, `width`: the sides.\n\n`other`: no.", "the sides."),
        ("Do.\n\nArgs:\n    width: how wide\n        it is.\n    depth: how deep.", "how wide it is."),
        ("Do.\n\nArgs:\n    width (int): how wide.", "how wide."),
        ("Do.\n\n:param width: how wide.\n:param depth: deep.", "how wide."),
        ("Do it. Draw `width` lines. Then stop.", "Draw `width` lines."),
        ("Say nothing of it.", ""),
    ],
)
def test_option_is_described_by_its_docstring(doc, text):
    """In cvkit's own form, in Google's, in Sphinx's, or in a sentence."""
    assert option_text(doc, "width") == text


def test_schema_command_writes_a_file_or_stdout(cvkit, tmp_path, wording):
    """The same text to both, and the file's name said."""
    file = tmp_path / "cvkit.schema.json"
    answer = cvkit("schema", "--output", file)
    assert (answer.code, answer.err) == (0, "")
    assert str(file) in answer.out
    assert answer.out == wording
    printed = cvkit("schema").out
    assert printed.isascii()  # a terminal of any encoding takes it
    assert printed == file.read_text()
    assert len(printed) < 1_500_000
    assert json.loads(printed)["properties"].keys() == SCHEMA["properties"].keys()


def test_schema_command_says_where_it_cannot_write(cvkit, tmp_path, wording):
    """A missing folder is a mistake of the user's, told in a line."""
    answer = cvkit("schema", "--output", tmp_path / "none" / "x.json")
    assert answer.code == 2
    assert f"'{tmp_path / 'none' / 'x.json'}'" in answer.err
    assert answer.err == wording


def test_schema_command_leaves_out_a_disabled_plugin(cvkit):
    """What ``--no-plugin`` leaves out is not completed."""
    assert '"timm/resnet18"' in cvkit("schema").out
    assert '"timm/resnet18"' not in cvkit("schema", "--no-plugin", "timm").out


def test_schema_command_has_the_options_of_a_plugin_file(cvkit, tmp_path, monkeypatch):
    """A model that is being written completes before it is packaged."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "acre_net.py").write_text(
        "from cvkit import Component, hookimpl\n"
        "@hookimpl\n"
        "def cvkit_models(): yield Component('acre_net', 'acre_net:net')\n"
        "def net(info, *, acres: int = 3): ...\n"
    )
    schema = json.loads(cvkit("schema", "--plugin-path", tmp_path / "acre_net.py").out)
    assert schema["definitions"]["models:acre_net/acre_net"]["properties"]["acres"]["default"] == 3
    assert model_errors(schema, "{name: acre_net, acres: many}")


def test_schema_command_loads_no_torch():
    """Writing the schema of everything that is installed needs the sources only."""
    code = "import sys; sys.argv = ['cvkit', 'schema']; from cvkit.cli import main\ntry: main()\nfinally: "
    code += "print('loaded', *{'torch', 'numpy', 'timm', 'kornia'} & set(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "loaded\n"


def test_help_tells_editors_how_to_find_it(cvkit):
    """The line that a recipe begins with, on a line of its own."""
    lines = [line.strip() for line in cvkit("schema", "--help").out.splitlines()]
    assert "# yaml-language-server: $schema=cvkit.schema.json" in lines
    assert not any("\\b" in line for line in lines)
