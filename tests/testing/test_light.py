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
    with pytest.raises(ContractBroken) as raised:
        assert_light_declaration(distribution)
    return str(raised.value)


def test_cvkit_declares_its_own_plugins_lightly():
    """All of them, though what they declare needs torch."""
    assert_light_declaration("cvkit-core")


def test_light_declaration_passes(install):
    """Its factory is a name, which nobody has imported, and asking whether torch is there is no import of it."""
    asks = 'import importlib.util\nimportlib.util.find_spec("torch")\n'
    assert_light_declaration(install(__init__=asks + DECLARATION, net="import torch"))


def test_import_at_the_top_is_named_with_its_line(install, tmp_path):
    """The library, the file and the line."""
    name = install(__init__="import os\nimport torch\n" + DECLARATION)
    message = failure(name)
    assert f"seen: plugin 'acme' loads torch at {tmp_path / name / '__init__.py'}:2 (import torch)" in message
    assert "Name the factory as text" in message


@pytest.mark.parametrize("entry_point", ["{} [fast]", "{}[fast]", "{} ", "{} : plugin", "{}:plugin [fast, small]"])
def test_line_is_found_however_the_entry_point_is_written(install, tmp_path, entry_point):
    """Extras and spaces are no part of the module's name."""
    source = "import torch\nimport sys\nplugin = sys.modules[__name__]\n" + DECLARATION
    name = install(entry_point=entry_point, __init__=source)
    assert f"loads torch at {tmp_path / name / '__init__.py'}:1 (import torch)" in failure(name)


def test_import_by_another_module_of_the_plugin_is_traced_to_it(install, tmp_path):
    """The innermost line of the plugin is where it can be mended."""
    name = install(__init__="from .net import net\n" + DECLARATION, net="import sys\nimport numpy as np\nnet = np")
    assert f"loads numpy at {tmp_path / name / 'net.py'}:2 (import numpy as np)" in failure(name)


def test_import_by_a_library_is_traced_to_the_line_that_uses_it(install, tmp_path):
    """That kornia or torchvision loads torch is not the plugin's doing; that it imports them there is."""
    name = install(__init__="import torchvision\n" + DECLARATION)
    assert f"loads torchvision at {tmp_path / name / '__init__.py'}:1" in failure(name)
    name = install(__init__="import safetensors.numpy\n" + DECLARATION)
    assert f"loads numpy at {tmp_path / name / '__init__.py'}:1" in failure(name)


def test_import_within_a_hook_counts(install, tmp_path):
    """`cvkit list` calls the hooks too."""
    body = DECLARATION.replace("    yield", "    import torch\n    yield")
    name = install(__init__=body)
    assert f"loads torch at {tmp_path / name / '__init__.py'}:5 (import torch)" in failure(name)


def test_import_that_is_caught_counts(install):
    """It takes its time whether or not it succeeds."""
    name = install(__init__="try:\n    import torch\nexcept BaseException:\n    pass\n" + DECLARATION)
    assert "loads torch" in failure(name)


def test_distribution_that_declares_nothing_fails(install):
    """Not installed, no entry point, no hook: each is said."""
    assert "'cvkit-nowhere' is not installed, or has no entry point" in failure("cvkit-nowhere")
    assert "is not installed, or has no entry point" in failure(install(declares=False, __init__=DECLARATION))
    assert "plugin 'acme' declares nothing: it has no hook" in failure(install(__init__="x = 1"))


def test_plugin_that_cannot_be_imported_fails(install):
    """With the reason."""
    assert "declares nothing: ZeroDivisionError: division by zero" in failure(install(__init__="1 / 0"))
