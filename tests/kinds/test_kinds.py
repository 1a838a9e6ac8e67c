"""A kind is one record: everything it names is there, and everything that depends on it follows."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import cvkit
from cvkit import KINDS, testing
from cvkit.host import hookspecs
from cvkit.kinds import kind as kind_module
from cvkit.kinds import load
from cvkit.recipe import recipe as recipe_module
from cvkit.recipe.recipe import Part, Recipe
from cvkit.scaffold.kinds import KIND_TEMPLATES

TEMPLATES = Path(cvkit.__file__).parent / "scaffold" / "templates"
FILES = Path(kind_module.__file__).parent

any_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@any_kind
def test_protocols_that_a_kind_names_are_exported(kind):
    """An author finds them at the front door, under the same name."""
    for target in (kind.factory, *kind.products):
        assert getattr(cvkit, target.partition(":")[2]) is load(target)


@any_kind
def test_factory_protocol_takes_what_a_run_supplies(kind):
    """In the kind's order, before the options; a Protocol whose factories choose among them only describes them."""
    protocol = load(kind.factory)
    parameters = inspect.signature(protocol.__call__).parameters.values()
    taken = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)[1:]
    described = tuple(re.findall(r"^ {4}(\w+):", inspect.getdoc(protocol), re.M))
    assert (taken or described[: len(kind.arguments)]) == kind.arguments


@any_kind
def test_suite_that_a_kind_names_is_its_own(kind):
    """And `cvkit.testing` exports it."""
    suite = load(kind.suite)
    assert suite.kind is kind
    assert getattr(testing, suite.__name__) is suite
    assert suite.__name__ in testing.__all__


@any_kind
def test_template_of_a_kind_is_whole(kind):
    """Its folder holds a file of each sort, and the module defines the factory."""
    folder = TEMPLATES / kind.noun
    names = {"README.md.jinja", "module.py.jinja", "recipe.yaml.jinja", "test.py.jinja", "test_sample.py.jinja"}
    assert {path.name for path in folder.iterdir()} == names
    defined = {getattr(node, "name", "") for node in ast.parse((folder / "module.py.jinja").read_text()).body}
    assert kind.template.factory in defined
    assert KIND_TEMPLATES[kind.noun].kind is kind


@any_kind
def test_hook_of_a_kind_says_what_its_factory_takes_and_returns(kind):
    """The specification follows from the kind."""
    documentation = inspect.getdoc(getattr(hookspecs, kind.hook))
    assert f"factory({', '.join(kind.arguments)}, *, ...)" in documentation
    assert documentation.endswith(f"{kind.returns}.")


def test_each_kind_has_a_file():
    """Of its own name."""
    files = {path.stem for path in FILES.glob("*.py")} - {"__init__", "kind"}
    assert files == set(KINDS)


@any_kind
def test_values_of_other_kinds_are_not_accepted(kind):
    """Nothing, a number and a text are what no kind makes."""
    assert not any(kind.accepts(value) for value in (None, 5, "text"))


def test_recipe_has_a_field_for_each_kind():
    """In the kinds' order; one part or a tuple of them."""
    keys = {kind.key: kind.many for kind in KINDS.values()}
    parts = [field for field in fields(Recipe) if field.name in keys]
    assert [field.name for field in parts] == list(keys)
    assert {field.name: field.type is tuple for field in parts} == keys
    assert {field.type for field in parts} == {Part, tuple}


def test_type_checkers_see_the_same_fields():
    """They cannot see what is made at run time, so it is written out for them."""
    (written,) = (
        node
        for node in ast.walk(ast.parse(inspect.getsource(recipe_module)))
        if isinstance(node, ast.ClassDef) and node.name == "_Parts"
    )
    seen = {node.target.id: ast.unparse(node.annotation) for node in written.body if isinstance(node, ast.AnnAssign)}
    assert {name: text.startswith("tuple[") for name, text in seen.items()} == {
        kind.key: kind.many for kind in KINDS.values()
    }


def test_kinds_load_neither_torch_nor_numpy():
    """Nor pydantic and YAML: what they name is loaded on first use."""
    script = "import sys, cvkit.kinds; print(*{'torch', 'numpy', 'pydantic', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == []


ANOTHER = '''
import sys
from types import ModuleType

root = sys.modules["cvkit"] = ModuleType("cvkit")  # in whose place the kinds are there before all that follows them
root.__path__ = [sys.argv[1]]
from cvkit.kinds import KINDS, Kind, Template

KINDS["hints"] = Kind(
    "hints", "hint", ("info",), "a callable () -> a value",
    key="hints", many=True, default=None, affects_training=True, methods=("__call__",),
    factory="cvkit.engine.factories:ModelFactory", suite="cvkit.testing.suite:Suite",
    template=Template("stopping", "Stops early"),
)

del sys.modules["cvkit"]
from cvkit import Component, hookimpl
from cvkit.host.catalog import catalog_of
from cvkit.recipe import dump, read_text, resolve
from cvkit.recipe.json_schema import recipe_schema
from cvkit.scaffold.kinds import KIND_TEMPLATES

parts = ModuleType("acme_parts")
exec("""
def net(info): ...
def shuffle(labels): ...
def data(root): ...
def sgd(params, *, lr: float = 0.1): ...
def cross_entropy(info): ...
def constant(optimizer, plan): ...
def stopping(info, *, power: float = 1.0): return lambda: (info, power)
""", vars(parts))
sys.modules["acme_parts"] = parts


class Plugin:
    pass


for kind, name in {"models": "net", "datasets": "data", "optimizers": "sgd", "hints": "stopping",
                   "losses": "cross_entropy", "schedulers": "constant", "samplers": "shuffle"}.items():
    declared = [Component(name, f"acme_parts:{name}", summary="A part")]
    setattr(Plugin, KINDS[kind].hook, staticmethod(hookimpl(lambda declared=declared: declared)))

catalog = catalog_of({"torch": Plugin()})
text = "dataset: data\\nmodel: net\\noptimizer: sgd\\nhints: [{name: stopping, power: 0.5}]\\n"
recipe = resolve(read_text(text), catalog)
(part,) = recipe.hints
assert part.options == {"power": 0.5}
assert part.build("info")() == ("info", 0.5)
assert part.entry.kind.accepts(part.build("info")) and not part.entry.kind.accepts(5)
assert dict(recipe.parts())["hints.0"] is part
assert recipe.with_value("hints.0.power", 0.25).hints[0].options == {"power": 0.25}
again = resolve(read_text(dump(recipe)), catalog)
assert again.hints == recipe.hints
assert "hints" in recipe_schema(catalog)[0]["properties"]
assert "hint" in KIND_TEMPLATES
assert resolve(read_text(text.rpartition("hints")[0]), catalog).hints == ()
print("followed")
'''


def test_another_kind_is_known_everywhere_by_its_record_alone():
    """Its hook, its place in recipes and their text, the schema, the choice of the scaffold."""
    command = [sys.executable, "-c", ANOTHER, str(Path(cvkit.__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "followed\n", done.stderr
