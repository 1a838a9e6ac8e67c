"""The page on versions: followed to the letter, and what it says will be said is said."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from importlib.metadata import version

import pytest

from cvkit import discover
from cvkit.runs.provenance import drift, missing_plugins
from cvkit.testing import sample_info

PARTS = {
    "acme_net.py": '''
from cvkit import Component, hookimpl
{requires}

@hookimpl
def cvkit_models():
    yield Component("all_conv", "acme_net:all_conv", "Convolutions"{needs})


def all_conv(info, *, width: int = 16):
    """Build nothing, as nothing here is run."""
''',
    "acme_net-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme-net\nVersion: 1.0\n{dependencies}",
    "acme_net-1.0.dist-info/entry_points.txt": "[cvkit]\nacme = acme_net\n",
    "recipe.yaml": "dataset: shapes\nmodel: all_conv\noptimizer: sgd\n",
}
UNMET = {
    "package": {"dependencies": "Requires-Dist: cvkit-core>=9\n"},
    "module": {"requires": 'cvkit_requires = ("acme-cloud>=2.0",)'},
    "component in the list": {"needs": ', requires=("acme-onnx>=1.0",)'},
    "component in a recipe": {"needs": ', requires=("acme-onnx>=1.0",)'},
}
RUN = {
    "id": "acme/all_conv",
    "distribution": "cvkit-acme",
    "version": "1.2",
    "source": "3f9a1c07be55" + "0" * 52,
    "requires": {"acme-onnx": "1.0"},
}
CHANGED = {
    "version": {"version": "1.3"},
    "source": {"source": "8d20e4f7a913" + "0" * 52},
    "requirement": {"requires": {}},
}


@pytest.fixture
def versions(page):
    return page("versioning.md")


def told(page, title: str, cases: dict[str, object]) -> dict[str, list[str]]:
    """Return the last table under a heading: the pieces of code in its second column, by the cases in its order."""
    *_, table = re.findall(r"(?:^\|.*\|\n)+", page.section(title), re.M)
    cells = [line[2:-2].split(" | ", 1) for line in table.splitlines()[2:]]
    return dict(zip(cases, (re.findall(r"`([^`]+)`", second) for _, second in cells), strict=True))


def test_versioning_works_as_written(versions, follow_here):
    """The error names a renamed component and a missing requirement of a recipe."""
    follow_here(versions)


def test_old_option_warns_everyone(versions, tmp_path):
    """It does what the new one does, and says so to more than developers."""
    (tmp_path / "my_net.py").write_text(versions.files()["my_net.py"])
    plain_net = runpy.run_path(str(tmp_path / "my_net.py"))["plain_net"]
    with pytest.warns(FutureWarning, match="`channels`"):
        old = plain_net(sample_info(), channels=4)
    assert repr(old) == repr(plain_net(sample_info(), width=4))


@pytest.mark.parametrize("what", UNMET)
def test_unmet_requirement_is_told_as_the_page_says(versions, what, tmp_path):
    """Wherever a plugin says what it needs."""
    given = {"requires": "", "needs": "", "dependencies": "", **UNMET[what]}
    for name, text in PARTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text.format(**given))
    command, *found = told(versions, "What a plugin needs", UNMET)[what]
    here = f"and {version('cvkit-core')} is installed"
    said = [text.replace("and 0.1.0 is installed", here) for text in found]
    words = [*command.split()[1:], *(["recipe.yaml"] if command == "cvkit check" else [])]
    variables = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "cvkit", *words], cwd=tmp_path, env=variables, capture_output=True, text=True
    )
    assert said
    assert all(text in done.stdout + done.stderr for text in said), done.stdout + done.stderr


@pytest.mark.parametrize("what", CHANGED)
def test_drift_is_told_as_the_page_says(versions, what):
    """Each change alone gives its sentence."""
    (sentence,) = drift([RUN], [{**RUN, **CHANGED[what]}])
    (said,) = told(versions, "What a run remembers", CHANGED)[what]
    assert sentence.startswith(said)


def test_absent_plugin_is_told_as_the_page_says(versions):
    """With what to install."""
    (sentence,) = missing_plugins([RUN], discover(distributions=["cvkit-core"]), "add --plugin-path {}")
    assert f"`{sentence}`" in versions.section("What a run remembers")
