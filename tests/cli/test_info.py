"""``cvkit info``: what a component is, takes and comes from."""

from __future__ import annotations

import sys
from importlib.metadata import version

import pytest

from cvkit.plugins import discover


@pytest.mark.parametrize("name", ["cutout", "kornia/cutout"])
def test_info_tells_options_documentation_and_origin(cvkit, name):
    """By short name or full id: kind, summary, file, options with type and default, and the docstring."""
    answer = cvkit("info", name)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0] == "kornia/cutout: augmentation, Fill a square in each image with the data set's mean"
    assert lines[1].startswith("from cvkit-core ")
    assert "cvkit_kornia/cutout.py:" in lines[1]
    assert lines[2:7] == [
        "keeps the contract of augmentations: takes (info), 2 options typed, target found",
        "",
        "options",
        "  size: a positive integer = 8",
        "  p: a number from 0 to 1 = 1.0",
    ]
    assert "Raises `ValueError` where it does not fit." in answer.out


def test_info_marks_what_a_recipe_must_give(cvkit):
    """An option without a default says that it is required."""
    assert "  max_lr: a positive number  (required)" in cvkit("info", "one_cycle").out.splitlines()


def test_info_of_a_part_without_options_says_so(cvkit):
    """Nothing to set is an answer."""
    assert "options\n  none\n" in cvkit("info", "constant").out


def test_info_of_a_family_member_shows_the_members_own_options(cvkit):
    """A class of another library is described by its own signature and docstring."""
    out = cvkit("info", "kornia/ColorJitter").out
    assert out.startswith("kornia/ColorJitter: augmentation, ")
    for option in ("brightness", "contrast", "saturation", "hue", "p: a number = 1.0"):
        assert f"\n  {option}" in out
    assert "Apply a random transformation to the brightness" in out


def test_info_of_a_family_tells_what_it_is(cvkit):
    """The name that `cvkit list` shows is known here too."""
    out = cvkit("info", "kornia/*").out
    assert out.startswith("kornia/*: augmentation, Any geometric or intensity augmentation of Kornia")
    (family,) = [entry for entry in discover().entries() if entry.id == "kornia/*"]
    assert f"\na family of {len(family.members())}, such as kornia/PadTo; see: cvkit list 'kornia/*'\n" in out
    assert "\n  those of each member\n" in out


def test_info_of_a_plugin_shows_its_family(cvkit):
    """Whoever knows only the plugin's name is shown what it opens; a plugin without a family is listed elsewhere."""
    assert cvkit("info", "timm").out == cvkit("info", "timm/*").out
    answer = cvkit("info", "resnet")
    assert answer.code == 2
    assert answer.err.endswith("'resnet' is a plugin; see: cvkit list --plugin resnet\n")


@pytest.mark.parametrize("entry", list(discover().entries()), ids=lambda entry: entry.id)
def test_info_describes_every_installed_component(cvkit, entry):
    """Each has its documentation, and shows every option it has."""
    out = cvkit("info", entry.id).out
    assert f"{entry.id}: {entry.kind.singular}, {entry.component.summary}" in out.splitlines()
    assert "(no documentation)" not in out
    assert all(f"\n  {option}" in out for option in entry.signature().options)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("custom_resnt", "Did you mean 'custom_resnet'?"),
        ("kornia/cutuot", "Did you mean 'kornia/cutout'?"),
        ("kornia/ColorJiter", "Did you mean 'kornia/ColorJitter'?"),
        ("timm/resnet81", "Did you mean 'timm/resnet18'?"),
        ("xyzzy", "See: cvkit list"),
        ("models", "'models' is a kind of component; see: cvkit list models"),
        ("data set", "'data set' is a kind of component; see: cvkit list datasets"),
    ],
)
def test_info_of_an_unknown_name_suggests_the_nearest(cvkit, name, hint):
    """Families' members are suggested like any other name."""
    answer = cvkit("info", name)
    assert answer.code == 2
    assert answer.err == f"error: no component is called '{name}'. {hint}\n"
    assert answer.out == ""


def test_info_without_a_name_shows_how_to_call_it(cvkit):
    """A missing argument is named, with where help is."""
    answer = cvkit("info")
    assert answer.code == 2
    assert "Missing argument 'ID'" in answer.err
    assert "Traceback" not in answer.err


def test_info_warns_of_a_broken_plugin(cvkit, broken_plugin):
    """The name looked for may be one that the broken plugin has."""
    answer = cvkit("info", "acme_net")
    assert answer.err.splitlines()[0].startswith(f"warning: {broken_plugin}")


def test_info_of_a_disabled_plugins_component_says_so(cvkit):
    """The reason is nearer than any other name."""
    answer = cvkit("info", "timm/resnet18", "--no-plugin", "timm")
    assert answer.code == 2
    assert f"Plugin 'timm' (cvkit-core {version('cvkit-core')}) disabled by --no-plugin" in answer.err


DECLARATION = """
from cvkit import Component, hookimpl

@hookimpl
def cvkit_models():
    yield Component("old", "shed:net", "A net", deprecated="use shed/new")
    yield Component("custom_resnet", "shed:net")
    yield Component("needy", "shed:net", requires=("no-such-thing>=2",))
    yield Component("gone", "shed:gone")
    yield Component("odd", "shed:odd")
    yield Component("loose", "shed:loose")
    yield Component("*", "shed:net", members="shed:lost")

@hookimpl
def cvkit_augmentations():
    yield Component("single", "shed:net", per_sample=True)

def net(info, *, width: int, height: int = 3, depth=2):
    \"\"\"Build it.\"\"\"
def odd(width, height, *, name: str = "x"): ...
def loose(info, *, width: int = 3, **more):
    \"\"\"Ring \x07 the bell.\"\"\"
def lost(): raise RuntimeError("the list is lost")
"""


@pytest.fixture(scope="module")
def shed_file(tmp_path_factory):
    """A plugin with something wrong everywhere; in one place, as what is read from sources is kept."""
    path = tmp_path_factory.mktemp("shed") / "shed.py"
    path.write_text(DECLARATION)
    return path


@pytest.fixture
def shed(cvkit, shed_file, monkeypatch):
    """Call ``cvkit info`` beside that plugin."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "shed", raising=False)
    return lambda name, code=0: told(cvkit("info", name, "--plugin-path", shed_file), code)


def told(answer, code: int) -> str:
    """What a command wrote to stdout, if it ended with that code."""
    assert answer.code == code
    return answer.out


def test_info_counts_the_options_that_have_a_type(shed, shed_file):
    """An option without one is checked by nobody before the factory is called; a file is its own origin."""
    lines = shed("shed/old").splitlines()
    assert lines[1] == f"from {shed_file}, {shed_file}:18"
    assert "keeps the contract of models: takes (info), 2 of 3 options typed, target found" in lines
    assert "  width: an integer  (required)" in lines


def test_info_tells_the_marks(shed):
    """Deprecated, ambiguous, and in need of a package, each with what to do."""
    assert "\ndeprecated: use shed/new\n" in shed("shed/old")
    ambiguous = "\nambiguous: write the full id in recipes, as there is resnet/custom_resnet too\n"
    assert ambiguous in shed("shed/custom_resnet")
    assert "\ncannot be used here: no-such-thing>=2 is needed, and it is not installed: pip install" in shed("needy")


def test_info_tells_augmentations_of_single_images(shed):
    """Where in a recipe they stand is not what their name tells."""
    assert "\nworks on single images: recipes list it before the augmentations of batches\n" in shed("single")


def test_info_tells_breaches_of_the_contract(shed):
    """A missing target, parameters a run does not supply, and an option that recipes have for themselves: exit 1."""
    assert "\nbreaks the contract of models: target 'shed:gone' cannot be read" in shed("gone", 1)
    out = shed("odd", 1)
    assert "breaks the contract of models: its positional parameters are (width, height)" in out
    assert "'name'" in out


def test_info_says_where_misspelt_options_are_not_noticed(shed):
    """A factory that takes any option switches that check off."""
    out = shed("loose")
    assert "\n  width: an integer = 3\n  ... and any other: misspelt ones are not noticed\n" in out


def test_info_escapes_what_steers_a_terminal(shed):
    """What a stranger's docstring holds does not reach the terminal."""
    assert shed("loose").endswith("\nRing \\x07 the bell.\n")


def test_info_of_a_family_that_cannot_be_listed_says_why(shed):
    """The rest of it is shown all the same."""
    out = shed("shed/*", 1)  # its factory takes no member's name
    assert "\nits members cannot be told: " in out
    assert "the list is lost" in out
    assert "Build it." in out
