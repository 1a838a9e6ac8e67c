"""Light declarations: what loads torch or numpy is named, with the line of the plugin that asked for it."""

from __future__ import annotations

import importlib
import itertools
from textwrap import dedent

import pytest

from cvkit.testing import ContractBroken, assert_light_declaration

NUMBERS = itertools.count()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution of one package with the files given, and return its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(declares: bool = True, entry_point: str = "{}", **files: str) -> str:
        name = f"light_test_{next(NUMBERS)}"
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[cvkit]\nacme = {entry_point.format(name)}\n" if declares else "")
        for module, source in files.items():
            path = tmp_path / name / f"{module}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(dedent(source).lstrip())
        importlib.invalidate_caches()
        return name

    return install


DECLARATION = """
from cvkit import Component, hookimpl

@hookimpl
def cvkit_models():
    yield Component("net", "nowhere:net", "A network")
"""


def failure(distribution: str) -> str:
    """Return what is said of a distribution, whose name is another each time, without that."""
    with pytest.raises(ContractBroken) as raised:
        assert_light_declaration(distribution)
    return str(raised.value).replace(distribution, "<name>")


def test_cvkit_declares_its_own_plugins_lightly():
    """All of them, though what they declare needs torch."""
    assert_light_declaration("cvkit-core")


def test_light_declaration_passes(install):
    """Its factory is a name, which nobody has imported, and asking whether torch is there is no import of it."""
    asks = 'import importlib.util\nimportlib.util.find_spec("torch")\n'
    assert_light_declaration(install(__init__=asks + DECLARATION, net="import torch"))


def test_import_at_the_top_is_named_with_its_line(install, tmp_path, wording):
    """The library, the file and the line, and what to do."""
    message = failure(install(__init__="import os\nimport torch\n" + DECLARATION))
    assert f"{tmp_path / '<name>' / '__init__.py'}:2 (import torch)" in message
    assert message == wording


@pytest.mark.parametrize("entry_point", ["{} [fast]", "{}[fast]", "{} ", "{} : plugin", "{}:plugin [fast, small]"])
def test_line_is_found_however_the_entry_point_is_written(install, tmp_path, entry_point):
    """Extras and spaces are no part of the module's name."""
    source = "import torch\nimport sys\nplugin = sys.modules[__name__]\n" + DECLARATION
    name = install(entry_point=entry_point, __init__=source)
    assert f"{tmp_path / '<name>' / '__init__.py'}:1 (import torch)" in failure(name)


def test_import_by_another_module_of_the_plugin_is_traced_to_it(install, tmp_path):
    """The innermost line of the plugin is where it can be mended."""
    name = install(__init__="from .net import net\n" + DECLARATION, net="import sys\nimport numpy as np\nnet = np")
    assert f"{tmp_path / '<name>' / 'net.py'}:2 (import numpy as np)" in failure(name)


def test_import_by_a_library_is_traced_to_the_line_that_uses_it(install, tmp_path):
    """That kornia or torchvision loads torch is not the plugin's doing; that it imports them there is."""
    said = failure(install(__init__="import torchvision\n" + DECLARATION))
    assert f"{tmp_path / '<name>' / '__init__.py'}:1 (import torchvision)" in said
    said = failure(install(__init__="import safetensors.numpy\n" + DECLARATION))
    assert f"numpy at {tmp_path / '<name>' / '__init__.py'}:1 (import safetensors.numpy)" in said


def test_import_within_a_hook_counts(install, tmp_path):
    """`cvkit list` calls the hooks too."""
    body = DECLARATION.replace("    yield", "    import torch\n    yield")
    name = install(__init__=body)
    assert f"{tmp_path / '<name>' / '__init__.py'}:5 (import torch)" in failure(name)


def test_import_that_is_caught_counts(install, tmp_path):
    """It takes its time whether or not it succeeds."""
    name = install(__init__="try:\n    import torch\nexcept BaseException:\n    pass\n" + DECLARATION)
    assert f"{tmp_path / '<name>' / '__init__.py'}:2 (import torch)" in failure(name)


def test_distribution_that_declares_nothing_fails(install, wording):
    """Not installed, no entry point, no hook: each is said."""
    absent = failure("cvkit-nowhere")
    assert absent == wording(name="not installed")
    assert failure(install(declares=False, __init__=DECLARATION)) == absent
    assert failure(install(__init__="x = 1")) == wording(name="no hook")


def test_plugin_that_cannot_be_imported_fails(install, wording):
    """With the reason."""
    said = failure(install(__init__="raise RuntimeError('broken on purpose')"))
    assert "RuntimeError: broken on purpose" in said
    assert said == wording
