"""What differs between two runs apart from their predictions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from compared_runs import RECIPE, write_run

from cvkit.comparison.changed import differences, trained_by
from cvkit.comparison.run_results import read_run

CROP = "{name: random_crop, padding: 2}"
COMPONENT = {"place": "model", "id": "resnet/custom_resnet", "distribution": "cvkit-core", "version": "0.1"}


@pytest.fixture
def run(tmp_path):
    """Write a run with a recipe and read it."""
    return lambda name, recipe=RECIPE, **values: read_run(write_run(tmp_path / name, [1], recipe=recipe, **values))


def changed(first, second):
    """Return the area, path and values of each difference."""
    return [(each.area, each.what, each.first, each.second) for each in differences(first, second)]


def test_components_of_a_list_are_compared_by_name(run):
    """An added component is one line; those after it are not all different."""
    more = RECIPE.replace(f"[{CROP},", f"[{{name: trivial_augment, bins: 5}}, {CROP.replace('2', '4')},")
    found = changed(run("a"), run("b", more.replace("name: small", "name: large")))
    assert ("recipe", "augmentations.trivial_augment", "absent", "bins: 5") in found
    assert ("recipe", "augmentations.random_crop.padding", "2", "4") in found
    assert len(found) == 2


def test_another_order_of_the_same_components_is_a_difference(run):
    """Augmentations are applied one after another."""
    turned = RECIPE.replace("{name: horizontal_flip}, {name: cutout}", "{name: cutout}, {name: horizontal_flip}")
    (found,) = changed(run("a"), run("b", turned))
    assert found[:2] == ("recipe", "augmentations (order)")
    assert found[2] == "random_crop, horizontal_flip, cutout"


def test_equal_runs_do_not_differ(run):
    """Neither do those with other names."""
    assert changed(run("a"), run("b", RECIPE.replace("name: small", "name: large"))) == []


def test_code_data_and_environment_differ(run):
    """The commit and the source of a plugin, the version of a library, and the digest of the data."""
    url = "git+https://example.org/x.git@"
    infos = [
        {
            "components": [
                COMPONENT | {"url": f"{url}{'ab'[i] * 40}", "source": "01"[i] * 64, "requires": {"timm": v}}
            ],
            "environment": {"torch": f"2.{i}", "python": "3.11"},
        }
        for i, v in enumerate(("1.0", "1.1"))
    ]
    first, second = (replace(run(str(i), **info), data=f"shapes:{i}") for i, info in enumerate(infos))
    found = changed(first, second)
    assert [(area, what) for area, what, _, _ in found] == [
        ("code", "plugin resnet"),
        ("code", "requirement timm"),
        ("data", "digest"),
        ("environment", "torch"),
    ]
    assert "commit aaaaaaaaaaaa" in found[0][2]
    assert "source 000000000000" in found[0][2]


def test_plugin_with_the_name_of_a_library_is_compared(run):
    """The plugin timm requires the distribution timm; neither hides a change of the other."""
    component = COMPONENT | {"id": "timm/timm", "source": "0" * 64, "requires": {"timm": "1.0"}}
    before = run("a", components=[component])
    after = run("b", components=[component | {"source": "1" * 64}])
    updated = run("c", components=[component | {"requires": {"timm": "1.1"}}])
    assert [each[:2] for each in changed(before, after)] == [("code", "plugin timm")]
    assert [each[:2] for each in changed(before, updated)] == [("code", "requirement timm")]
    assert len({trained_by(each) for each in (before, after, updated)}) == 3


def test_seed_names_and_tuned_values_do_not_make_another_recipe(run):
    """What a tuner finds varies with the seed, and a number of workers does not change the model."""
    first = replace(run("a"), tuned=frozenset(("scheduler.max_lr",)))
    text = RECIPE.replace("max_lr: 0.1", "max_lr: 0.3").replace("epochs: 3", "epochs: 3, workers: 2")
    second = replace(run("b", text.replace("name: small", "name: other"), seed=4), tuned=first.tuned)
    assert trained_by(first) == trained_by(second)
    assert ("recipe", "scheduler.max_lr (tuned)", "0.1", "0.3") in changed(first, second)
    assert trained_by(first) != trained_by(replace(second, tuned=frozenset()))
    assert trained_by(first) != trained_by(run("c", components=[COMPONENT]))


def test_tuned_options_of_a_list_are_found_by_name(run):
    """Tuners write paths with indices."""
    runs = [
        replace(run(str(padding), RECIPE.replace("padding: 2", f"padding: {padding}")), tuned=frozenset(tuned))
        for padding, tuned in ((2, ["augmentations.0.padding"]), (3, []))
    ]
    assert changed(*runs) == [("recipe", "augmentations.random_crop.padding (tuned)", "2", "3")]
