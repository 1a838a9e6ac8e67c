"""``cvkit info``: what a component is, takes and comes from."""

from __future__ import annotations

import sys

import pytest

from cvkit.host.discovery import discover


def without_place(out: str) -> str:
    """Leave out the second line, which says in which file of which distribution the component is."""
    first, _, *others = out.splitlines()
    return "\n".join([first, *others])


def test_info_tells_options_documentation_and_origin(cvkit, wording):
    """By short name or full id: kind, summary, file, options with type and default, and the docstring."""
    answer = cvkit("info", "kornia/cutout")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0].startswith("kornia/cutout: ")
    assert "cvkit-core " in lines[1]
    assert "cvkit_kornia/cutout.py:" in lines[1]
    options = {line.split(":")[0]: line for line in lines if line.startswith("  ") and " = " in line}
    assert {name: line.split(" = ")[1] for name, line in options.items()} == {"  size": "8", "  p": "1.0"}
    assert without_place(answer.out) == wording
    assert cvkit("info", "cutout") == answer


def test_info_marks_what_a_recipe_must_give(cvkit, wording):
    """An option without a default says that it is required."""
    (line,) = [line for line in cvkit("info", "one_cycle").out.splitlines() if line.startswith("  max_lr: ")]
    assert " = " not in line
    assert line == wording


def test_info_of_a_part_without_options_says_so(cvkit, wording):
    """Nothing to set is an answer."""
    assert without_place(cvkit("info", "constant").out) == wording


def test_info_of_a_family_member_shows_the_members_own_options(cvkit):
    """A class of another library is described by its own signature and docstring."""
    out = cvkit("info", "kornia/ColorJitter").out
    assert out.startswith("kornia/ColorJitter: ")
    for option in ("brightness", "contrast", "saturation", "hue", "p"):
        assert f"\n  {option}: " in out
    (chance,) = [line for line in out.splitlines() if line.startswith("  p: ")]
    assert chance.endswith(" = 1.0")
    assert "Apply a random transformation to the brightness" in out


def test_info_of_a_family_tells_what_it_is(cvkit, wording):
    """The name that `cvkit list` shows is known here too."""
    out = cvkit("info", "kornia/*").out
    assert out.startswith("kornia/*: ")
    (family,) = [entry for entry in discover().entries() if entry.id == "kornia/*"]
    count = str(len(family.members()))
    assert count in out
    assert "kornia/PadTo" in out
    assert "cvkit list 'kornia/*'" in out
    assert without_place(out).replace(count, "<count>") == wording


def test_info_of_a_plugin_shows_its_family(cvkit, wording):
    """Whoever knows only the plugin's name is shown what it opens; a plugin without a family is listed elsewhere."""
    assert cvkit("info", "timm").out == cvkit("info", "timm/*").out
    answer = cvkit("info", "resnet")
    assert answer.code == 2
    assert "cvkit list --plugin resnet" in answer.err
    assert answer.err == wording


@pytest.mark.parametrize("entry", list(discover().entries()), ids=lambda entry: entry.id)
def test_info_describes_every_installed_component(cvkit, entry):
    """Each has its documentation, and shows every option it has."""
    out = cvkit("info", entry.id).out
    assert f"{entry.id}: {entry.kind.singular}, {entry.component.summary}" in out.splitlines()
    assert entry.signature().doc.strip()
    assert all(f"\n  {option}" in out for option in entry.signature().options)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("custom_resnt", "'custom_resnet'"),
        ("kornia/cutuot", "'kornia/cutout'"),
        ("kornia/ColorJiter", "'kornia/ColorJitter'"),
        ("timm/resnet81", "'timm/resnet18'"),
        ("resnet50", "'timm/resnet50' or 'torchvision/resnet50'"),
        ("xyzzy", "cvkit list"),
        ("models", "cvkit list models"),
        ("data set", "cvkit list datasets"),
    ],
)
def test_info_of_an_unknown_name_suggests_the_nearest(cvkit, wording, name, hint):
    """Families' members are suggested like any other name."""
    answer = cvkit("info", name)
    assert (answer.code, answer.out) == (2, "")
    assert f"'{name}'" in answer.err
    assert hint in answer.err
    assert answer.err == wording


def test_info_without_a_name_shows_how_to_call_it(cvkit):
    """A missing argument is named, with where help is."""
    answer = cvkit("info")
    assert answer.code == 2
    assert "'ID'" in answer.err
    assert "cvkit info" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.usefixtures("broken_plugin")
def test_info_warns_of_a_broken_plugin(cvkit, wording):
    """The name looked for may be one that the broken plugin has."""
    answer = cvkit("info", "acme_net")
    assert "'acme'" in answer.err.splitlines()[0]
    assert answer.err == wording


def test_info_of_a_disabled_plugins_component_says_so(cvkit, wording):
    """The reason is nearer than any other name."""
    answer = cvkit("info", "timm/resnet18", "--no-plugin", "timm")
    assert answer.code == 2
    assert "'timm'" in answer.err
    assert "--no-plugin" in answer.err
    assert answer.err == wording


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

@hookimpl
def cvkit_explainers():
    yield Component("signed", "shed:map", "A map", signed=True)
def map(model, info, background): "Map it."
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


def test_info_counts_the_options_that_have_a_type(shed, shed_file, wording):
    """An option without one is checked by nobody before the factory is called; a file is its own origin."""
    out = shed("shed/old")
    lines = out.splitlines()
    assert lines[1].endswith(f"{shed_file}:18")
    assert lines[1].count(str(shed_file)) == 2
    (width,) = [line for line in lines if line.startswith("  width: ")]
    assert " = " not in width
    assert out == wording


def test_info_tells_the_marks(shed, wording):
    """Deprecated, ambiguous, and in need of a package, each with what to do."""
    marks = {name: shed(name).splitlines()[2] for name in ("shed/old", "shed/custom_resnet", "needy")}
    assert "use shed/new" in marks["shed/old"]
    assert "resnet/custom_resnet" in marks["shed/custom_resnet"]
    assert "pip install 'no-such-thing>=2'" in marks["needy"]
    assert marks == wording


def test_info_tells_augmentations_of_single_images(shed, wording):
    """Where in a recipe they stand is not what their name tells."""
    assert without_place(shed("single")) == wording


def test_info_tells_signed_explainers(shed):
    """What negative values mean."""
    assert "signed maps: positive values are evidence for the class" in shed("shed/signed")


def test_info_tells_breaches_of_the_contract(shed, wording):
    """A missing target, parameters a run does not supply, and an option that recipes have for themselves: exit 1."""
    gone, odd = shed("gone", 1), shed("odd", 1)
    assert "'shed:gone'" in gone
    assert "(width, height)" in odd
    assert "'name'" in odd
    assert gone == wording(name="gone")
    assert odd == wording(name="odd")


def test_info_says_where_misspelt_options_are_not_noticed(shed, wording):
    """A factory that takes any option switches that check off."""
    assert without_place(shed("loose")) == wording


def test_info_escapes_what_steers_a_terminal(shed):
    """What a stranger's docstring holds does not reach the terminal."""
    assert shed("loose").endswith("\nRing \\x07 the bell.\n")


def test_info_of_a_family_that_cannot_be_listed_says_why(shed, wording):
    """The rest of it is shown all the same."""
    out = shed("shed/*", 1)  # its factory takes no member's name
    assert "the list is lost" in out
    assert "Build it." in out
    assert out == wording
