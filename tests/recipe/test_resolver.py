"""What a recipe is checked for, and the words in which it is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cvkit import Component, Origin, hookimpl
from cvkit.errors import Problem, RecipeError
from cvkit.host.catalog import PluginStatus, catalog_of
from cvkit.recipe import Recipe, TrainSettings, describe, read, read_text, resolve
from cvkit.recipe.coercion import coerce, plain_value
from cvkit.recipe.settings import SECTIONS, GeneralSettings
from cvkit.signatures.signature import MISSING, Option

BASE = """dataset: shapes
model: toy/net
optimizer: sgd
"""
TUNED = BASE + "scheduler: {name: one_cycle, max_lr: auto}\ntuners: [{name: range_test, set: scheduler.max_lr}]\n"


@pytest.fixture
def check(catalog):
    """Resolve a recipe's text against the toy catalog."""

    def check(text: str, *overrides: str) -> Recipe:
        return resolve(read_text(text, overrides, file="recipes/x.yaml"), catalog)

    return check


@pytest.fixture
def refused(check):
    """Return the problems that a recipe's check ends in."""

    def refused(text: str, *overrides: str) -> tuple[Problem, ...]:
        with pytest.raises(RecipeError) as caught:
            check(text, *overrides)
        return caught.value.problems

    return refused


def place(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column


def written(problems: Iterable[Problem]) -> str:
    """The text of problems, as their error shows it."""
    return str(RecipeError([*problems]))


def test_defaults_are_filled_in(check):
    """What a recipe leaves out is there afterwards: parts, options and settings."""
    recipe = check(BASE)
    assert (recipe.name, recipe.seed, recipe.shorter) == ("x", 0, None)
    assert recipe.loss.entry.id == "torch/cross_entropy"
    assert recipe.scheduler.entry.id == "torch/constant"
    assert recipe.model.options == {"width": 64, "dropout": 0, "head": None, "jitter": 0.0}
    assert recipe.train == TrainSettings()
    assert recipe.augmentations == recipe.tuners == recipe.explainers == ()


def test_values_are_those_the_factory_declares(check):
    """Lists become tuples where tuples are declared, and whole numbers pass as floats."""
    recipe = check(BASE + "augmentations: [{name: crop, window: [1, 3]}]", "optimizer.lr=1", "train.ema=0.5")
    assert recipe.augmentations[0].options["window"] == (1, 3)
    assert type(recipe.optimizer.options["lr"]) is float
    assert recipe.train.ema == 0.5


def test_part_builds_its_component(check):
    """A part calls its factory with what the run supplies and with every option."""
    (part,) = check(BASE + "augmentations: [{name: crop, padding: 1}]").augmentations
    assert part.build("info") == ("crop", "info", 1, "reflect", (2, 2))


def test_computed_default_is_left_to_the_factory(check):
    """A default that is no literal is not handed over as its source text."""
    assert check(BASE, "model=toy/Alpha").model.options == {"extra": {}}


def test_factory_that_takes_any_option_gets_what_is_written(check):
    """Undeclared options pass through a factory's `**options` as the recipe writes them."""
    recipe = check(BASE, "model={name: anything, depth: [1, 2], auto: auto}")
    assert recipe.model.options == {"depth": [1, 2], "auto": "auto"}


def test_unknown_option_is_shown_as_designed(refused, wording):
    """Place, source line, caret, accepted names and the nearest one."""
    text = BASE + "augmentations:\n  - name: crop\n    paddding: 4\n"
    (problem,) = refused(text)
    assert place(problem) == ("recipes/x.yaml", 6, 5)
    assert problem.source == "    paddding: 4"
    assert "'paddding'" in problem.message
    assert all(name in problem.hint for name in ("padding", "mode", "window"))
    assert str(problem) == wording


def test_every_mistake_is_reported_in_the_order_of_the_lines(refused, wording):
    """One pass finds what ten runs would have found one by one."""
    text = """datset: shapes
seed: -1
model: {name: toy/net, width: big, wdith: 3}
optimizer: adamm
augmentations: [crop, cropp]
train: {epochs: 0, epoch: 3, precision: fp8}
evaluation: 3
tuners: {}
"""
    problems = refused(text)
    assert [(problem.line, problem.column) for problem in problems] == [
        (0, 0),
        (1, 1),
        (2, 7),
        (3, 31),
        (3, 36),
        (4, 12),
        (5, 23),
        (6, 17),
        (6, 20),
        (6, 41),
        (7, 13),
        (8, 9),
    ]
    assert {problem.file for problem in problems} == {"recipes/x.yaml"}
    assert "'dataset'" in problems[0].message
    assert written(problems) == wording


@pytest.mark.parametrize(
    ("override", "got"),
    [
        ("model.width=big", "'big'"),
        ("model.width=0", "0"),
        ("model.width=1.5", "1.5"),
        ("model.width=true", "true"),
        ("model.head=3", "3"),
        ("optimizer.betas=[1]", "[1]"),
        ("optimizer.tags=a", "'a'"),
        ("optimizer.lr=null", "null"),
        ("train.precision=fp8", "'fp8'"),
        ("train.ema=1", "1"),
        ("train.resident=1", "1"),
        ("train.compile=yes", "'yes'"),
        ("name=a/b", "'a/b'"),
        ("name=..", "'..'"),
        ("seed=1.0", "1.0"),
    ],
)
def test_wrong_value_says_what_was_expected(refused, override, got, wording):
    """Types are told in words, and values as a recipe writes them."""
    (problem,) = refused(BASE, override)
    assert place(problem) == (f"--set {override}", 0, 0)
    assert got in problem.message
    assert str(problem) == wording


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("model=net", "'toy/net'"),
        ("model=toy/Alfa", "'Alpha'"),
        ("model=3", "3"),
        ("model=null", "null"),
        ("loss={smoothing: 1}", "{smoothing: 1}"),
        ("scheduler=one_cycle", "'max_lr'"),
        ("explainers=cam", "'cam'"),
        ("train=null", "null"),
        ("scheduler={name: constant, x: 1}", "'x'"),
    ],
)
def test_part_that_is_not_one_says_what_would_be(refused, override, named, wording):
    """Unknown, ambiguous, missing and misshapen parts each have their own words."""
    (problem,) = refused(BASE, override)
    assert problem.file == f"--set {override}"
    assert named in f"{problem.message} {problem.hint}"
    assert str(problem) == wording


def test_component_of_a_plugin_that_failed_names_the_failure(catalog):
    """A name that a broken plugin would have provided leads to the plugin."""
    broken = catalog_of({})
    origin = next(iter(catalog.statuses)).origin
    broken.statuses.append(PluginStatus(origin, 0.0, failure="ImportError: no module named 'acme'"))
    with pytest.raises(RecipeError, match="ImportError: no module named 'acme'") as caught:
        resolve(read_text(BASE), broken)
    assert "'torch'" in str(caught.value)


def test_causes_of_broken_plugins_are_told_once(catalog, wording):
    """At the end, however many names are unknown; a full id has its plugin's name beneath it."""
    broken = catalog_of({})
    for name in ("torch", "toy", "other"):
        status = PluginStatus(Origin(name, "dist", "1"), 0.0, failure=f"ImportError: no {name}s")
        broken.statuses.append(status)
    with pytest.raises(RecipeError) as refusal:
        resolve(read_text(BASE, ["model=other/net"]), broken)
    *unknown, last = refusal.value.problems
    assert len(unknown) >= 4
    assert [str(refusal.value).count(f"ImportError: no {name}s") for name in ("torch", "toy", "other")] == [1, 1, 1]
    (named,) = [problem for problem in unknown if "'other/net'" in problem.message]
    assert "'other'" in named.hint
    assert all(f"ImportError: no {name}s" in last.hint for name in ("other", "torch", "toy"))
    assert [str(named), str(last)] == wording


def test_only_the_plugin_of_a_full_id_is_told_of(catalog):
    """Where every name that is unknown says its plugin, the others have nothing to do with it."""
    broken = catalog_of({})
    broken.registries = catalog.registries
    for name in ("bad", "worse"):
        broken.statuses.append(PluginStatus(Origin(name, "dist", "1"), 0.0, failure=f"ImportError: {name}"))
    with pytest.raises(RecipeError) as refusal:
        resolve(read_text(BASE, ["model=bad/net"]), broken)
    assert "ImportError: bad" in str(refusal.value)
    assert "worse" not in str(refusal.value)


@pytest.fixture
def offering(catalog):
    """Resolve a recipe against the toy catalog and one more model, declared as told."""

    def offering(component: Component) -> Recipe:
        plugin = SimpleNamespace(cvkit_models=hookimpl(lambda: [component]))
        more = catalog_of({"acme": plugin})
        more.registries = catalog.registries | {"models": more["models"]}
        return resolve(read_text(BASE, [f"model={component.name}"], file="x.yaml"), more)

    return offering


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("crooked", "width"),
        ("named", "'name'"),
        ("nothing_there", "'toy_factories:nothing_there'"),
    ],
)
def test_component_that_breaks_its_contract_is_told_before_it_is_built(offering, target, named, wording):
    """What a factory takes is compared with what its kind is given; else the run would fail on it."""
    component = Component("thing", f"toy_factories:{target}")
    with pytest.raises(RecipeError) as caught:
        offering(component)
    (problem,) = caught.value.problems
    assert problem.file == "--set model=thing"
    assert "'acme/thing'" in problem.message
    assert named in problem.message
    assert str(problem) == wording


def test_factory_of_any_number_of_arguments_is_taken_at_its_word(offering):
    """``*supplied`` takes what a run supplies, however much."""
    assert offering(Component("thing", "toy_factories:any_number")).model.options == {"width": 1}


def test_component_says_what_it_needs_and_is_not_there(offering, wording):
    """The command that installs it is part of the message."""
    with pytest.raises(RecipeError) as caught:
        offering(Component("thing", "toy_factories:anything", requires=("torch", "nowhere>=2")))
    assert "pip install 'nowhere>=2'" in str(caught.value)
    assert str(caught.value) == wording


def test_requirement_of_a_component_that_is_none_is_its_authors_mistake(offering, wording):
    """A slip in a declaration is told as one."""
    with pytest.raises(RecipeError, match="'two words'") as caught:
        offering(Component("thing", "toy_factories:anything", requires=("two words",)))
    assert str(caught.value) == wording


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


def test_plugins_left_out_are_recorded_once(check):
    """What the command line leaves out stays out when the recipe is read again."""
    recipe = check(BASE + "plugins: {disable: [zebra]}").without_plugins(["toad", "zebra"])
    assert recipe.plugins.disable == ("zebra", "toad")


def test_mistake_in_an_extended_recipe_points_into_that_file(catalog, tmp_path):
    """The place is where the text stands, not the recipe that was asked for."""
    (tmp_path / "base.yaml").write_text(BASE + "train: {epoch: 3}\n")
    document = read_text("extends: base.yaml\nseed: 1", file=str(tmp_path / "child.yaml"))
    with pytest.raises(RecipeError) as caught:
        resolve(document, catalog)
    (problem,) = caught.value.problems
    assert place(problem) == (str(tmp_path / "base.yaml"), 4, 9)
    assert "'epoch'" in problem.message


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


def test_auto_waits_for_the_tuner_that_sets_it(check):
    """An `auto` that a tuner sets passes the check, is listed, and can be filled."""
    recipe = check(TUNED)
    assert recipe.unresolved() == ("scheduler.max_lr",)
    filled = recipe.with_value("scheduler.max_lr", 0.4)
    assert filled.unresolved() == ()
    assert filled.scheduler.options["max_lr"] == 0.4
    assert recipe.scheduler.options["max_lr"] == "auto"


def test_written_value_stays_whatever_the_tuner_would_set(check):
    """A fixed value in the tuner's place is the user's word; the tuner still runs."""
    recipe = check(TUNED, "scheduler.max_lr=0.4")
    assert recipe.unresolved() == ()
    assert recipe.tuners[0].target == "scheduler.max_lr"


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("tuners=[]", "scheduler.max_lr"),
        ("tuners.0.set=scheduler.mx_lr", "'scheduler.max_lr'"),
        ("tuners.0.set=model.width", "'model.width'"),
        ("tuners.0.set=train.epochs", "'train.epochs'"),
        ("tuners.0.set=''", "''"),
        ("tuners.0.set=optimizer.lr", "'optimizer.lr'"),
        ("tuners.0.set=3", "'range_test'"),
        ("tuners=[range_test]", "'range_test'"),
        ("tuners.0.steps=2", "'steps'"),
        (
            "tuners=[{name: range_test, set: scheduler.max_lr}, {name: range_test, set: scheduler.max_lr}]",
            "'scheduler.max_lr'",
        ),
        ("train.epochs=auto", "'auto'"),
    ],
)
def test_auto_and_tuners_must_fit_together(refused, override, named, wording):
    """Each way they can miss one another is told."""
    problem = refused(TUNED, override)[0]
    assert named in f"{problem.message} {problem.hint}"
    assert str(problem) == wording


def test_setting_is_never_left_auto_by_a_tuner(refused):
    """A tuner that names a setting does not let `auto` through where a number is needed."""
    problems = refused(TUNED, "tuners.0.set=train.epochs", "train.epochs=auto")
    assert str(refused(TUNED, "train.epochs=auto")[0]) in map(str, problems)


def test_missing_option_that_a_tuner_would_set_is_told_once(refused, wording):
    """The hint is `auto`, and the tuner's own line is not blamed as well."""
    (problem,) = refused(TUNED, "scheduler={name: one_cycle}", "scheduler=one_cycle")
    assert "max_lr: auto" in problem.hint
    assert str(problem) == wording


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("scheduler.max_lr", 0.4),
        ("augmentations.1.p", 0.25),
        ("train.epochs", 3),
        ("seed", 7),
        ("tuners.0.steps", 50),
    ],
)
def test_one_value_can_be_changed(check, path, value):
    """`with_value` changes one place and nothing else."""
    recipe = check(TUNED + "augmentations: [crop, flip]")
    changed = recipe.with_value(path, value)
    assert changed == check(TUNED + "augmentations: [crop, flip]", f"{path}={value}")
    assert changed != recipe


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("scheduler.max_lr", -1.0, "-1.0"),
        ("scheduler.max_lr", float("nan"), "nan"),
        ("scheduler.max_lr", object, "object"),
        ("scheduler.max", 1.0, "'scheduler.max_lr'"),
        ("augmentations.5.p", 1.0, "'augmentations.5.p'"),
        ("nothing", 1.0, "'nothing'"),
        ("train.epochs", 0, "0"),
    ],
)
def test_changed_value_is_checked(check, path, value, named, wording):
    """A tuner cannot put into a recipe what the recipe could not have said."""
    with pytest.raises(RecipeError) as caught:
        check(TUNED).with_value(path, value)
    assert named in str(caught.value)
    assert str(caught.value) == wording


def test_parts_are_listed_with_their_paths(check):
    """Every part is named by where it stands in the recipe."""
    recipe = check(TUNED + "augmentations: [crop, flip]\nexplainers: [cam]")
    assert {path: part.entry.id for path, part in recipe.parts()} == {
        "dataset": "toy/shapes",
        "augmentations.0": "toy/crop",
        "augmentations.1": "toy/flip",
        "model": "toy/net",
        "loss": "torch/cross_entropy",
        "optimizer": "torch/sgd",
        "scheduler": "toy/one_cycle",
        "tuners.0": "toy/range_test",
        "explainers.0": "toy/cam",
    }


def test_every_setting_is_documented():
    """The reference page and the schema are made from these sentences."""
    for kind in (GeneralSettings, *SECTIONS.values()):
        for name, field in kind.model_fields.items():
            assert field.description, f"{kind.__name__}.{name}"
            assert field.description.endswith(".")


def test_types_beyond_a_recipe_are_left_to_the_factory():
    """An annotation that cannot be checked accepts what is written, and sets have one order in text."""
    assert coerce([1, 2], Option("x", "", Iterable[int], MISSING)) == [1, 2]
    assert coerce("a", Option("x", "", type("Custom", (), {}), MISSING)) == "a"
    assert coerce(["b", "a"], Option("x", "", set[str], MISSING)) == {"a", "b"}
    assert plain_value({"b", "a", "c"}) == ["a", "b", "c"]


def test_types_are_described_in_words(wording):
    """Types beyond those of the built-in settings read well too."""
    types = (int | float, dict[str, object], Sequence[float], tuple, Path | None, Any)
    assert [describe(type_) for type_ in types] == wording


def test_shorter_recipe_is_seen_from_the_file_that_names_it(catalog, tmp_path):
    """Also where a recipe in another folder extends that file."""
    (tmp_path / "base.yaml").write_text(BASE + "\nshorter: quick.yaml\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "child.yaml").write_text("extends: ../base.yaml\nseed: 3\n")
    recipe = resolve(read(tmp_path / "sub" / "child.yaml"), catalog)
    assert Path(recipe.shorter).resolve() == tmp_path / "quick.yaml"
