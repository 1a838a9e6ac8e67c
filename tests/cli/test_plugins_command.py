"""``cvkit plugins``: who is here, and who is not well."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from cvkit.plugins import discover


def test_plugins_lists_every_plugin_with_its_components(cvkit):
    """Name, distribution, number of components, milliseconds and state, a line each."""
    answer = cvkit("plugins")
    assert (answer.code, answer.err) == (0, "")
    header, *lines = answer.out.splitlines()
    assert header.split() == ["plugin", "from", "components", "declared", "in", "state"]
    catalog = discover()
    for line, status in zip(lines, catalog.statuses, strict=True):
        plugin, distribution, _, components, milliseconds, unit, state = line.split()
        assert (plugin, distribution) == (status.origin.plugin, status.origin.distribution)
        assert int(components) == len([entry for entry in catalog.entries() if entry.origin == status.origin])
        assert float(milliseconds) < 1000
        assert (unit, state) == ("ms", "works")


def test_plugins_tells_why_one_does_not_work(cvkit, broken_plugin):
    """The cause stands in the plugin's line; the others are as they were."""
    answer = cvkit("plugins")
    assert answer.code == 0
    (line,) = [line for line in answer.out.splitlines() if line.startswith("acme ")]
    assert "failed: ModuleNotFoundError: No module named 'nowhere_at_all'; it is only half installed: pip " in line
    assert answer.err == ""
    assert len([line for line in answer.out.splitlines() if line.endswith("works")]) == len(discover().statuses) - 1


def test_plugins_names_a_heavy_and_slow_declaration(cvkit, site):
    """A plugin that makes every command slow is named, with what it loads."""
    site(
        "acme",
        "[cvkit]\nacme = heavy_acme\n",
        heavy_acme="import numpy, time\nstart = time.process_time()\nwhile time.process_time() < start + 1: pass\n",
    )
    done = subprocess.run(
        [sys.executable, "-m", "cvkit", "plugins"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(site.folder)},
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("acme ")]
    assert line.endswith("works, but has no hooks, and its declaration is slow and loads numpy")


def test_plugins_shows_disabled_and_waiting_plugins(cvkit, site, monkeypatch):
    """Who asked for one to be left out, and what the other waits for; neither is a failure."""
    site("acme", "[cvkit]\nacme = patient_acme\n", patient_acme="cvkit_requires = ('no-such-thing>=2',)\n")
    monkeypatch.setenv("CVKIT_DISABLE_PLUGINS", "onecycle")
    answer = cvkit("plugins", "--no-plugin", "timm")
    assert (answer.code, answer.err) == (0, "")
    lines = {line.split()[0]: line for line in answer.out.splitlines()}
    assert lines["timm"].endswith("disabled by --no-plugin")
    assert lines["onecycle"].endswith("disabled by CVKIT_DISABLE_PLUGINS")
    assert "waiting: no-such-thing>=2 is needed" in lines["acme"]


def test_plugins_says_which_hooks_are_not_called(cvkit, site):
    """An optional hook of a later version, or one that is misspelt and so never called."""
    hook = "from cvkit import hookimpl\n@hookimpl(optionalhook=True)\ndef cvkit_modells():\n    return []\n"
    site("acme", "[cvkit]\nacme = later_acme\n", later_acme=hook)
    (line,) = [line for line in cvkit("plugins").out.splitlines() if line.startswith("acme ")]
    assert line.endswith("works, but this cvkit has no cvkit_modells, so it is not called")
    why = cvkit("plugins", "--why", "acme").out
    assert "no cvkit_modells, so it is not called. It may be of a later version. Did you mean 'cvkit_models'?" in why
    (row,) = [row for row in json.loads(cvkit("plugins", "--json").out) if row["plugin"] == "acme"]
    assert row["later"] == ["cvkit_modells"]


def test_plugins_says_that_a_plugin_runs_from_its_sources(cvkit, site, tmp_path, monkeypatch):
    """Where Python finds the plugin's own sources before the installed copy."""
    site("acme-nets", "[cvkit]\nacme = copied_acme\n", copied_acme="")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "copied_acme.py").write_text("# newer\n")
    (tmp_path / "home" / "pyproject.toml").write_text('[project]\nname = "acme-nets"\n')
    monkeypatch.syspath_prepend(tmp_path / "home")
    place = tmp_path / "home" / "copied_acme.py"
    (line,) = [line for line in cvkit("plugins").out.splitlines() if line.startswith("acme ")]
    assert f"works from its sources in '{place}'" in line
    assert "its own sources, which Python finds before the copy" in cvkit("plugins", "--why", "acme").out
    (row,) = [row for row in json.loads(cvkit("plugins", "--json").out) if row["plugin"] == "acme"]
    assert row["sources"] == str(place)


def test_plugins_suggests_the_plugin_that_was_to_be_disabled(cvkit):
    """A misspelt ``--no-plugin`` disables nothing, and says so."""
    assert "Did you mean 'timm'?" in cvkit("plugins", "--no-plugin", "tim").err


def test_plugins_suggests_the_plugin_that_the_environment_was_to_disable(cvkit, monkeypatch):
    """The variable is held to the same."""
    monkeypatch.setenv("CVKIT_DISABLE_PLUGINS", "tim")
    assert "Did you mean 'timm'?" in cvkit("plugins").err


def test_plugins_as_json_is_complete(cvkit, broken_plugin):
    """Every plugin with every field, for programs."""
    rows = {row["plugin"]: row for row in json.loads(cvkit("plugins", "--json").out)}
    acme, torch = rows["acme"], rows["torch"]
    assert acme.keys() == torch.keys()
    assert (acme["works"], acme["components"], acme["distribution"], acme["version"]) == (
        False,
        0,
        "acme-nets",
        "1.0",
    )
    assert "nowhere_at_all" in acme["failure"]
    assert acme["remedy"]
    assert torch["works"] is True
    assert torch["components"] == len([e for e in discover().entries() if e.origin.plugin == "torch"])
    assert 0 < torch["seconds"] < 1


def test_plugins_shows_a_plugin_file(cvkit, tmp_path, monkeypatch):
    """A file named on the command line stands beside the installed ones."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "lonely_net.py").write_text("")
    out = cvkit("plugins", "--plugin-path", tmp_path / "lonely_net.py").out
    (line,) = [line for line in out.splitlines() if line.startswith("lonely_net ")]
    assert line.split()[1:3] == [f"{tmp_path}/lonely_net.py", "0"]
    assert line.endswith("works, but has no hooks")


class Site:
    """A folder on the import path in which distributions are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, distribution: str, entry_points: str = "", **modules: str) -> Path:
        """Install a distribution with these entry points and modules; return its dist-info folder."""
        info = self.folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        (info / "RECORD").write_text("".join(f"{name}.py,,\n" for name in modules))
        for name, source in modules.items():
            (self.folder / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        return info


@pytest.fixture
def site(tmp_path, monkeypatch) -> Iterator[Site]:
    """Where a test installs distributions; what was imported from there is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield Site(folder)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


WORKING = """
from cvkit import Component, hookimpl
@hookimpl
def cvkit_models(): yield Component("net", "acme_net:net")
def net(info): ...
"""


@pytest.mark.parametrize("name", ["acme", "acme-nets", "Acme_Nets", "acme_net"])
def test_why_of_a_working_plugin_says_what_and_from_where(cvkit, site, name):
    """By the plugin's name, the distribution's, however it is spelt, or the module's."""
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=WORKING)
    first, *others = cvkit("plugins", "--why", name).out.splitlines()
    assert first.startswith("plugin 'acme' (acme-nets 1.0) works; its declaration took ")
    assert others == ["  it offers model acme/net", f"  its module is 'acme_net', at '{site.folder}/acme_net.py'"]


def test_why_of_a_broken_plugin_shows_cause_remedy_and_traceback(cvkit, site):
    """The line of the plugin's own file is there, and no line of cvkit's."""
    source = "from cvkit import hookimpl\n@hookimpl\ndef cvkit_models():\n    raise OSError('no disk')\n"
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=source)
    answer = cvkit("plugins", "--why", "acme")
    assert answer.code == 0
    first, second, *trace = answer.out.splitlines()
    assert first == "plugin 'acme' (acme-nets 1.0) failed: cvkit_models raised OSError: no disk"
    assert second.startswith("  what to do: ")
    assert trace == [
        f'  |   File "{site.folder}/acme_net.py", line 4, in cvkit_models',
        "  |     raise OSError('no disk')",
        "  | OSError: no disk",
    ]


def test_why_of_a_failure_deep_in_a_library_keeps_the_plugins_own_line(cvkit, site):
    """However many lines the library, and its message, have in between."""
    deep = "def f(n):\n    if n == 0:\n        raise OSError('no disk\\nat all')\n    f(n - 1)\n"
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net="import deep_acme\ndeep_acme.f(9)\n", deep_acme=deep)
    _, _, *trace = cvkit("plugins", "--why", "acme").out.splitlines()
    assert trace == [
        f'  |   File "{site.folder}/acme_net.py", line 2, in <module>',
        "  |     deep_acme.f(9)",
        "  |   ...",
        f'  |   File "{site.folder}/deep_acme.py", line 3, in f',
        r"  |     raise OSError('no disk\nat all')",
        "  | OSError: no disk",
    ]


def test_why_of_a_plugin_that_cvkit_refuses_shows_no_traceback(cvkit, site):
    """It would be cvkit's own; the message says it all."""
    source = "from cvkit import hookimpl\n@hookimpl\ndef cvkit_model(): ...\n"
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=source)
    first, second = cvkit("plugins", "--why", "acme").out.splitlines()
    assert first.endswith("failed: there is no hook 'cvkit_model'. Did you mean 'cvkit_models'?")
    assert second.startswith("  what to do: ")


def test_why_of_a_broken_import_shows_the_line_in_the_plugin(cvkit, site):
    """Of a traceback the plugin's own lines are kept, importlib's are not."""
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net="x = 1\nimport nowhere_at_all\n")
    out = cvkit("plugins", "--why", "acme").out
    assert f'  |   File "{site.folder}/acme_net.py", line 2, in <module>\n  |     import nowhere_at_all\n' in out
    assert "frozen" not in out


def test_why_of_a_disabled_plugin_says_by_whom_and_how_to_enable_it(cvkit, monkeypatch):
    """An option is left out, a variable changed."""
    assert cvkit("plugins", "--why", "timm", "--no-plugin", "timm").out.splitlines() == [
        f"plugin 'timm' (cvkit-core {version('cvkit-core')}) is disabled by --no-plugin, so it was not imported",
        "  to enable it: leave out --no-plugin timm",
    ]
    monkeypatch.setenv("CVKIT_DISABLE_PLUGINS", "timm,kornia")
    out = cvkit("plugins", "--why", "timm").out
    assert "  to enable it: take 'timm' out of the environment variable CVKIT_DISABLE_PLUGINS\n" in out


def test_why_of_a_slow_and_heavy_plugin_says_what_to_change(cvkit, site):
    """Which module should import less."""
    site(
        "acme-nets",
        "[cvkit]\nacme = slow_acme\n",
        slow_acme="import time\nstart = time.process_time()\nwhile time.process_time() < start + 0.3: pass\n"
        + WORKING,
    )
    last = cvkit("plugins", "--why", "acme").out.splitlines()[-1]
    slow = r"  its declaration takes 0\.3\d* s, which every command waits for: keep imports out of 'slow_acme'"
    assert re.fullmatch(slow, last)


def test_why_of_a_plugin_without_hooks_says_what_to_write(cvkit, site):
    """And where: the entry point may name another module than was meant."""
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net="")
    second = cvkit("plugins", "--why", "acme").out.splitlines()[1]
    hook = "it has no hook: write @hookimpl functions such as cvkit_models in 'acme_net', which the entry point names"
    assert second == f"  {hook}"


def test_why_of_a_plugin_that_only_observes_says_so(cvkit):
    """It has no components, and is well."""
    out = cvkit("plugins", "--why", "tensorboard").out
    assert "\n  it offers no components: its hooks only watch runs, or yield none\n" in out


def test_why_of_a_component_names_its_plugin(cvkit):
    """By short name, full id, or as a member of a family."""
    assert cvkit("plugins", "--why", "sgd").out == (
        "'sgd' is an optimizer of plugin 'torch'; see: cvkit info torch/sgd\n"
    )
    assert cvkit("plugins", "--why", "timm/resnet18").out == (
        "'timm/resnet18' is a model of plugin 'timm'; see: cvkit info timm/resnet18\n"
    )


@pytest.mark.parametrize("name", ["", " "])
def test_why_of_no_name_is_a_mistake(cvkit, name):
    """It is not the same as leaving the option out."""
    answer = cvkit("plugins", "--why", name)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "error: --why needs a name, such as that of a plugin. See: cvkit plugins\n"


def test_why_of_a_waiting_plugin_says_what_for(cvkit, site):
    """With the command that ends the waiting."""
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net="cvkit_requires = ('no-such-thing>=2',)\n")
    first, second = cvkit("plugins", "--why", "acme").out.splitlines()
    assert first == "plugin 'acme' (acme-nets 1.0) waits for what is not installed"
    assert second.endswith("pip install 'no-such-thing>=2'")


def test_why_of_a_name_offered_twice_names_both_distributions(cvkit, site):
    """One of them has to go."""
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=WORKING)
    site("zeta", "[cvkit]\nacme = zeta_net\n", zeta_net=WORKING)
    out = cvkit("plugins", "--why", "acme").out
    assert "plugin 'acme' (acme-nets 1.0) works" in out
    assert "  zeta 1.0 offers a plugin of that name too: uninstall one of the two\n" in out
    assert "plugin 'acme' (zeta 1.0) failed: " in out
    assert "  acme-nets 1.0 offers a plugin of that name too" in out


@pytest.mark.parametrize("name", ["acme", "acme-nets", "acme_net"])
@pytest.mark.parametrize("group", ["cvkit.plugins", "cvkit_plugins", "cvkits", "Cvkit"])
def test_why_of_a_misspelt_group_says_what_to_write(cvkit, site, name, group):
    """The commonest reason for a plugin not to be found."""
    site("acme-nets", f"[{group}]\nacme = acme_net\n", acme_net=WORKING)
    out = cvkit("plugins", "--why", name).out
    assert out.startswith("distribution 'acme-nets' 1.0 is installed, but has no entry point in the group 'cvkit'")
    assert f"its group '{group}' is misspelt" in out
    assert '    [project.entry-points.cvkit]\n    acme = "acme_net"\n' in out


@pytest.mark.parametrize("name", ["acme-nets", "acme_net"])
def test_why_of_a_distribution_without_the_entry_point_names_the_groups_it_has(cvkit, site, name):
    """Found by its name or by its module's."""
    site("acme-nets", "[console_scripts]\nacme = acme_net:main\n[more]\na = acme_net\n", acme_net="")
    lines = cvkit("plugins", "--why", name).out.splitlines()
    assert lines[0].startswith("distribution 'acme-nets' 1.0 is installed, but has no entry point in the group")
    assert lines[1] == "  its groups: console_scripts, more"


def test_why_of_an_editable_distribution_without_entry_points_names_it(cvkit, site, tmp_path, monkeypatch):
    """``pip install -e`` lists no modules; the folder it was installed from tells whose the module is."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "acme_soft.py").write_text("")
    monkeypatch.syspath_prepend(project)
    info = site("acme-nets")
    (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    lines = cvkit("plugins", "--why", "acme_soft").out.splitlines()
    assert lines[0].startswith("distribution 'acme-nets' 1.0 is installed, but has no entry point")
    assert lines[1] == "  it has no entry points at all"


@pytest.mark.parametrize(("editable", "lines"), [(True, 3), (False, 4)])
def test_why_of_the_folder_of_an_installed_project_is_that_of_its_plugin(
    cvkit, site, tmp_path, monkeypatch, editable, lines
):
    """By any path that leads there; a copy, which does not follow the folder, is called one."""
    project = tmp_path / "my project"
    project.mkdir()
    (project / "pyproject.toml").write_text("")
    info = site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=WORKING)
    origin = {"url": project.as_uri(), "dir_info": {"editable": editable}}
    (info / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.chdir(project)
    for name, shown in ((".", "."), ("../my project", "'../my project'"), (project, f"'{project}'")):
        told = cvkit("plugins", "--why", name).out.splitlines()
        assert told[0].startswith("plugin 'acme' (acme-nets 1.0) works")
        assert len(told) == lines
        assert editable or told[-1].endswith(f"to have it follow the folder: pip install -e {shown}")


def test_why_of_a_module_beside_an_installed_plugin_is_that_of_the_plugin(cvkit, site, tmp_path, monkeypatch):
    """A distribution that has the entry point is not said to lack it."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "acme_parts.py").write_text("")
    info = site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=WORKING)
    (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    monkeypatch.chdir(project)
    assert cvkit("plugins", "--why", "acme_parts").out.startswith("plugin 'acme' (acme-nets 1.0) works")


def test_why_of_a_file_outside_an_installed_project_is_not_the_projects(cvkit, site, tmp_path, monkeypatch):
    """Its path leads out of the project's folder, in which one is."""
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "plug.py").write_text("")
    info = site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=WORKING)
    (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    monkeypatch.chdir(project)
    assert cvkit("plugins", "--why", "../plug.py").out.endswith("--plugin-path ../plug.py\n")


def test_why_of_a_file_says_how_to_load_it(cvkit, tmp_path, monkeypatch):
    """Quoted where a shell needs that; one that is loaded is told of as the plugin that it is."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my nets" / "barn_net.py"
    file.parent.mkdir()
    file.write_text(WORKING)
    first, _, third = cvkit("plugins", "--why", "my nets/barn_net.py").out.splitlines()
    assert first.startswith("module 'barn_net' is at 'my nets/barn_net.py', but no installed distribution brings it")
    assert third == "  or load it without installing: --plugin-path 'my nets/barn_net.py'"
    loaded = cvkit("plugins", "--why", "my nets/barn_net.py", "--plugin-path", file).out
    assert loaded.startswith(f"plugin 'barn_net' ({file}) works")


@pytest.mark.parametrize("path", ["acme_net.py", "acme_net/__init__.py"])
def test_why_of_a_module_beside_you_says_how_to_use_it(cvkit, tmp_path, monkeypatch, path):
    """It can be installed, or named on the command line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text("")
    place = path.removesuffix("/__init__.py")
    first, second, third = cvkit("plugins", "--why", "acme_net").out.splitlines()
    assert first.startswith(f"module 'acme_net' is at '{place}', but no installed distribution brings it")
    assert second.startswith("  pip install -e .")
    assert third == f"  or load it without installing: --plugin-path {place}"


def test_why_of_a_project_folder_says_how_to_install_it(cvkit, tmp_path, monkeypatch):
    """Its distribution may have any name: the folder's is what is seen."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme-nets").mkdir()
    (tmp_path / "acme-nets" / "pyproject.toml").write_text("")
    out = cvkit("plugins", "--why", "acme-nets").out
    lines = ["'acme-nets' is a folder with a project that is not installed", "  pip install -e ./acme-nets"]
    assert out.splitlines() == [*lines, "  or load it without installing: --plugin-path acme-nets"]
    (tmp_path / "acme-nets").rename(tmp_path / "acme nets")
    assert cvkit("plugins", "--why", "acme nets").out.splitlines()[1] == "  pip install -e './acme nets'"
    whole = tmp_path / "acme nets"
    assert cvkit("plugins", "--why", whole).out.splitlines()[1] == f"  pip install -e '{whole}'"


def test_why_of_nothing_names_the_environment_and_the_nearest_name(cvkit):
    """The plugin may be installed in another environment."""
    answer = cvkit("plugins", "--why", "kornai")
    assert (answer.code, answer.out) == (2, "")
    assert f"nothing called 'kornai' is installed in {sys.prefix}" in answer.err
    assert "Did you mean 'kornia'?" in answer.err


def test_why_of_cvkit_itself_is_its_own_plugins(cvkit):
    """The name of the command stands for the distribution that brings it."""
    out = cvkit("plugins", "--why", "cvkit").out
    assert all(f"plugin '{status.origin.plugin}' ({status.origin}) " in out for status in discover().statuses)


def test_why_of_a_module_of_python_says_so(cvkit):
    """Nobody installs it."""
    assert cvkit("plugins", "--why", "json").out == "'json' is a module of Python itself, no plugin\n"
