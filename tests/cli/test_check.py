"""``cvkit check``: every mistake in a recipe, before anything is opened, loaded or written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cvkit.host.discovery import discover
from cvkit.recipe import read, resolve

RECIPES = Path(__file__).parents[2] / "recipes"
GOOD = """\
dataset: shapes
augmentations:
  - name: random_crop
    padding: 4
model: custom_resnet
optimizer: sgd
"""


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_check_finds_the_recipes_that_ship_good(cvkit, recipe):
    """Each recipe in the repository is one that runs."""
    answer = cvkit("check", recipe)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"{recipe}: ")


def test_check_of_a_misspelt_option_is_the_designs_example(cvkit, write, wording):
    """Place, what is wrong, the line with a caret, what is accepted, the nearest name; and that is all."""
    answer = cvkit("check", write(GOOD.replace("padding", "paddding")))
    assert answer.code == 2
    assert answer.out == ""
    place, *line, accepted = answer.err.splitlines()
    assert place.startswith("recipe.yaml:4:5: ")
    assert "'paddding'" in place
    assert line == ["    4 |     paddding: 4", "            ^"]
    assert "'padding'" in accepted
    assert answer.err == wording


def test_check_names_the_file_as_it_was_given(cvkit, write, tmp_path):
    """An absolute path in, an absolute path out: editors follow it."""
    path = tmp_path / write(GOOD.replace("sgd", "sdg"))
    place = cvkit("check", path).err.splitlines()[0]
    assert place.startswith(f"{path}:6:12: ")
    assert "'sdg'" in place
    assert "'sgd'" in place


def test_check_tells_all_mistakes_together(cvkit, write, wording):
    """One round of mending is enough: names, options, values, sections and what is missing."""
    answer = cvkit(
        "check",
        write(
            "dataset: shapess\n"
            "augmentations: [{name: random_crop, padding: -1}, horizontal_flp]\n"
            "model: {name: custom_resnet, widht: 8}\n"
            "train: {epochs: many}\n"
            "optimiser: sgd\n"
        ),
    )
    assert answer.code == 2
    places = [line for line in answer.err.splitlines() if line.startswith("recipe.yaml:")]
    assert [place.split(": ", 1)[0] for place in places if place[12].isdigit()] == [
        "recipe.yaml:1:10",
        "recipe.yaml:2:46",
        "recipe.yaml:2:51",
        "recipe.yaml:3:30",
        "recipe.yaml:4:17",
        "recipe.yaml:5:1",
    ]
    for name in ("'shapess'", "'padding'", "'horizontal_flp'", "'widht'", "'epochs'", "'optimiser'"):
        assert name in answer.err
    assert answer.err == wording


def test_check_writes_nothing(cvkit, write, tmp_path):
    """Neither a good nor a bad recipe leaves anything in the folder."""
    cvkit("check", write(GOOD))
    cvkit("check", write(GOOD.replace("sgd", "sdg"), "bad.yaml"))
    assert sorted(os.listdir(tmp_path)) == ["bad.yaml", "recipe.yaml"]


def test_run_of_a_bad_recipe_makes_no_run_folder(cvkit, write, tmp_path):
    """A run checks first: a mistake costs a second, not a folder."""
    answer = cvkit("run", write(GOOD.replace("padding", "paddding")))
    assert answer.code == 2
    assert answer.err.startswith("recipe.yaml:4:5: ")
    assert "'paddding'" in answer.err
    assert os.listdir(tmp_path) == ["recipe.yaml"]


def test_check_takes_overrides(cvkit, write, wording):
    """``--set`` is checked like what is written."""
    recipe = write(GOOD)
    answer = cvkit("check", recipe, "--set", "train.epochs=3", "--set", "model.width=8")
    assert answer.code == 0
    assert answer.out == wording(name="good")
    answer = cvkit("check", recipe, "--set", "model.width=wide")
    assert answer.code == 2
    assert "'width'" in answer.err
    assert "'wide'" in answer.err
    assert answer.err == wording(name="wide")


def test_check_shows_the_recipe_it_understood(cvkit, write, tmp_path):
    """With ``--show``, every default is filled in, and the text is a recipe of the same meaning."""
    recipe = write(GOOD)
    shown = cvkit("check", recipe, "--show", "--set", "seed=7").out
    assert "padding_mode: reflect" in shown
    (tmp_path / "shown.yaml").write_text(shown)
    catalog = discover()
    assert resolve(read(Path("shown.yaml")), catalog) == resolve(read(recipe, ["seed=7"]), catalog)


@pytest.mark.parametrize(
    ("text", "place"),
    [("dataset: [shapes\n", "recipe.yaml:1:10: "), ("- a\n- b\n", "recipe.yaml:1:1: "), ("", "recipe.yaml")],
)
def test_check_of_what_is_no_recipe_says_where(cvkit, write, text, place):
    """Broken YAML, a list, an empty file: a place and a word, not a traceback."""
    answer = cvkit("check", write(text))
    assert answer.code == 2
    assert answer.err.startswith(place)
    assert "Traceback" not in answer.err


def test_check_of_a_file_that_is_not_there_names_it(cvkit, write, wording):
    """So does a folder in its place."""
    answer = cvkit("check", "nowhere.yaml")
    assert answer.code == 2
    assert "'nowhere.yaml'" in answer.err
    assert answer.err == wording
    assert cvkit("check", ".").code == 2


@pytest.mark.usefixtures("broken_plugin")
def test_check_says_when_a_broken_plugin_may_be_what_is_missing(cvkit, write, wording):
    """A good recipe stays good; one that needs the plugin fails, and says why it is not there."""
    good = cvkit("check", write(GOOD))
    assert good.code == 0
    assert "pip install --force-reinstall acme-nets" in good.err
    assert good.err == wording(name="good")
    bad = cvkit("check", write(GOOD.replace("custom_resnet", "acme/net")))
    assert bad.code == 2
    assert "'acme/net'" in bad.err
    assert "No module named 'nowhere_at_all'" in bad.err
    assert bad.err == wording(name="bad")


@pytest.mark.usefixtures("broken_plugin")
def test_check_says_once_why_a_plugin_does_not_work(cvkit, write):
    """Beside two names that are unknown, in a warning or at the end of the errors."""
    bad = cvkit("check", write("dataset: shapess\nmodel: nett\noptimizer: sgd\n"))
    assert bad.err.count("No module named 'nowhere_at_all'") == 1
    assert "No module named 'nowhere_at_all'" in bad.err.splitlines()[-1]
    other = cvkit("check", write("dataset: shapes\nmodel: {name: custom_resnet, widht: 3}\noptimizer: sgd\n"))
    assert other.err.count("No module named 'nowhere_at_all'") == 1


@pytest.mark.usefixtures("broken_plugin")
def test_check_does_not_load_a_disabled_plugin(cvkit, write):
    """What the recipe disables is not imported, and not complained about."""
    answer = cvkit("check", write(GOOD + "plugins: {disable: [acme]}\n"))
    assert (answer.code, answer.err) == (0, "")
