"""``cvkit plugins --why``: why a plugin is here or not, and what to do."""

from __future__ import annotations

import json
import re
import sys

import pytest
from commands import without_time

from cvkit.host.discovery import discover

WORKING = """
from cvkit import Component, hookimpl
@hookimpl
def cvkit_models(): yield Component("net", "acme_net:net")
def net(info): ...
"""


def test_why_of_a_working_plugin_says_what_and_from_where(cvkit, site, wording):
    """By the plugin's name, the distribution's, however it is spelt, or the module's."""
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=WORKING)
    for name in ("acme", "acme-nets", "Acme_Nets", "acme_net"):
        out = cvkit("plugins", "--why", name).out
        first, second, third = out.splitlines()
        assert "'acme'" in first
        assert "acme-nets 1.0" in first
        assert "acme/net" in second
        assert f"'{site.folder}/acme_net.py'" in third
        assert without_time(out) == wording(name="told")


def test_why_of_a_broken_plugin_shows_cause_remedy_and_traceback(cvkit, site, wording):
    """The line of the plugin's own file is there, and no line of cvkit's."""
    source = "from cvkit import hookimpl\n@hookimpl\ndef cvkit_models():\n    raise OSError('no disk')\n"
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=source)
    answer = cvkit("plugins", "--why", "acme")
    assert answer.code == 0
    first, remedy, *trace = answer.out.splitlines()
    assert "'acme'" in first
    assert "OSError: no disk" in first
    assert [first, remedy] == wording
    assert trace == [
        f'  |   File "{site.folder}/acme_net.py", line 4, in cvkit_models',
        "  |     raise OSError('no disk')",
        "  | OSError: no disk",
    ]


@pytest.mark.parametrize("backport", [False, True])
def test_why_of_a_failure_deep_in_a_library_keeps_the_plugins_own_line(cvkit, site, backport):
    """However many lines the library, and its message, have in between.

    The package importlib_metadata, which other packages import, replaces what finds and loads entry points.
    """
    if backport:
        pytest.importorskip("importlib_metadata")
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


def test_why_of_a_plugin_that_cvkit_refuses_shows_no_traceback(cvkit, site, wording):
    """It would be cvkit's own; the message says it all."""
    source = "from cvkit import hookimpl\n@hookimpl\ndef cvkit_model(): ...\n"
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=source)
    first, remedy = cvkit("plugins", "--why", "acme").out.splitlines()
    assert "'cvkit_model'" in first
    assert "'cvkit_models'" in first
    assert [first, remedy] == wording


def test_why_of_a_broken_import_shows_the_line_in_the_plugin(cvkit, site):
    """Of a traceback the plugin's own lines are kept, importlib's are not."""
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net="x = 1\nimport nowhere_at_all\n")
    out = cvkit("plugins", "--why", "acme").out
    assert f'  |   File "{site.folder}/acme_net.py", line 2, in <module>\n  |     import nowhere_at_all\n' in out
    assert "frozen" not in out


def test_why_of_a_disabled_plugin_says_by_whom_and_how_to_enable_it(cvkit, monkeypatch, wording):
    """An option is left out, a variable changed."""
    out = cvkit("plugins", "--why", "timm", "--no-plugin", "timm").out
    assert "--no-plugin timm" in out.splitlines()[1]
    assert out == wording(name="option")
    monkeypatch.setenv("CVKIT_DISABLE_PLUGINS", "timm,kornia")
    out = cvkit("plugins", "--why", "timm").out
    assert "CVKIT_DISABLE_PLUGINS" in out.splitlines()[1]
    assert out == wording(name="variable")


def test_why_of_a_slow_and_heavy_plugin_says_what_to_change(cvkit, site, wording):
    """Which module should import less."""
    site(
        "acme-nets",
        "[cvkit]\nacme = slow_acme\n",
        slow_acme="import time\nstart = time.process_time()\nwhile time.process_time() < start + 0.3: pass\n"
        + WORKING,
    )
    last = cvkit("plugins", "--why", "acme").out.splitlines()[-1]
    assert re.search(r" 0\.3\d* s\b", last)
    assert "'slow_acme'" in last
    assert without_time(last) == wording


def test_why_of_a_plugin_without_hooks_says_what_to_write(cvkit, site, wording):
    """And where: the entry point may name another module than was meant."""
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net="")
    second = cvkit("plugins", "--why", "acme").out.splitlines()[1]
    assert "cvkit_models" in second
    assert "'acme_net'" in second
    assert second == wording


def test_why_of_a_plugin_that_only_observes_says_so(cvkit, wording):
    """It has no components, and is well."""
    out = cvkit("plugins", "--why", "tensorboard").out
    assert out.splitlines()[1] == wording


def test_why_of_a_component_names_its_plugin(cvkit, wording):
    """By short name, full id, or as a member of a family."""
    short = cvkit("plugins", "--why", "sgd").out
    assert "'torch'" in short
    assert "cvkit info torch/sgd" in short
    member = cvkit("plugins", "--why", "timm/resnet18").out
    assert "'timm'" in member
    assert "cvkit info timm/resnet18" in member
    assert [short, member] == wording


@pytest.mark.parametrize("name", ["", " "], ids=["empty", "blank"])
def test_why_of_no_name_is_a_mistake(cvkit, wording, name):
    """It is not the same as leaving the option out."""
    answer = cvkit("plugins", "--why", name)
    assert (answer.code, answer.out) == (2, "")
    assert "--why" in answer.err
    assert answer.err == wording


def test_why_of_a_waiting_plugin_says_what_for(cvkit, site, wording):
    """With the command that ends the waiting."""
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net="cvkit_requires = ('no-such-thing>=2',)\n")
    first, second = cvkit("plugins", "--why", "acme").out.splitlines()
    assert "'acme'" in first
    assert "pip install 'no-such-thing>=2'" in second
    assert [first, second] == wording


def test_why_of_a_name_offered_twice_names_both_distributions(cvkit, site, wording):
    """One of them has to go."""
    site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=WORKING)
    site("zeta", "[cvkit]\nacme = zeta_net\n", zeta_net=WORKING)
    out = cvkit("plugins", "--why", "acme").out
    assert "acme-nets 1.0" in out
    assert "zeta 1.0" in out
    assert without_time(out) == wording


@pytest.mark.parametrize("group", ["cvkit.plugins", "cvkit_plugins", "cvkits", "Cvkit"])
def test_why_of_a_misspelt_group_says_what_to_write(cvkit, site, wording, group):
    """The commonest reason for a plugin not to be found; by the plugin's name, the distribution's or the module's."""
    site("acme-nets", f"[{group}]\nacme = acme_net\n", acme_net=WORKING)
    for name in ("acme", "acme-nets", "acme_net"):
        out = cvkit("plugins", "--why", name).out
        first, second = out.splitlines()[:2]
        assert "'acme-nets' 1.0" in first
        assert "'cvkit'" in first
        assert f"'{group}'" in second
        assert '    [project.entry-points.cvkit]\n    acme = "acme_net"\n' in out
        assert out == wording(name="told")


def test_why_of_a_distribution_without_the_entry_point_names_the_groups_it_has(cvkit, site, wording):
    """Found by its name or by its module's."""
    site("acme-nets", "[console_scripts]\nacme = acme_net:main\n[more]\na = acme_net\n", acme_net="")
    for name in ("acme-nets", "acme_net"):
        out = cvkit("plugins", "--why", name).out
        first, second = out.splitlines()
        assert "'acme-nets' 1.0" in first
        assert "console_scripts, more" in second
        assert out == wording(name="told")


def test_why_of_an_editable_distribution_without_entry_points_names_it(cvkit, site, tmp_path, monkeypatch, wording):
    """``pip install -e`` lists no modules; the folder it was installed from tells whose the module is."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "acme_soft.py").write_text("")
    monkeypatch.syspath_prepend(project)
    info = site("acme-nets")
    (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    out = cvkit("plugins", "--why", "acme_soft").out
    assert "'acme-nets' 1.0" in out.splitlines()[0]
    assert out == wording


@pytest.mark.parametrize(("editable", "lines"), [(True, 3), (False, 4)])
def test_why_of_the_folder_of_an_installed_project_is_that_of_its_plugin(
    cvkit, site, tmp_path, monkeypatch, wording, editable, lines
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
        assert "acme-nets 1.0" in told[0]
        assert len(told) == lines
        assert editable or told[-1].endswith(f"pip install -e {shown}")
    assert without_time("\n".join(told)) == wording


def test_why_of_a_module_beside_an_installed_plugin_is_that_of_the_plugin(cvkit, site, tmp_path, monkeypatch):
    """A distribution that has the entry point is not said to lack it."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "acme_parts.py").write_text("")
    info = site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=WORKING)
    (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    monkeypatch.chdir(project)
    whole = cvkit("plugins", "--why", "acme").out
    assert without_time(cvkit("plugins", "--why", "acme_parts").out) == without_time(whole)


def test_why_of_a_file_outside_an_installed_project_is_not_the_projects(cvkit, site, tmp_path, monkeypatch):
    """Its path leads out of the project's folder, in which one is."""
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "plug.py").write_text("")
    info = site("acme-nets", "[cvkit]\nacme = acme_net\n", acme_net=WORKING)
    (info / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    monkeypatch.chdir(project)
    assert cvkit("plugins", "--why", "../plug.py").out.endswith("--plugin-path ../plug.py\n")


def test_why_of_a_file_says_how_to_load_it(cvkit, tmp_path, monkeypatch, wording):
    """Names are quoted if a shell requires it; a loaded plugin is described as a plugin."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my nets" / "barn_net.py"
    file.parent.mkdir()
    file.write_text(WORKING)
    out = cvkit("plugins", "--why", "my nets/barn_net.py").out
    first, _, third = out.splitlines()
    assert "'barn_net'" in first
    assert third.endswith("--plugin-path 'my nets/barn_net.py'")
    assert out == wording
    loaded = cvkit("plugins", "--why", "my nets/barn_net.py", "--plugin-path", file).out
    assert str(file) in loaded.splitlines()[0]
    assert without_time(loaded) == without_time(cvkit("plugins", "--why", "barn_net", "--plugin-path", file).out)


@pytest.mark.parametrize("path", ["acme_net.py", "acme_net/__init__.py"])
def test_why_of_a_module_beside_you_says_how_to_use_it(cvkit, tmp_path, monkeypatch, wording, path):
    """It can be installed, or named on the command line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text("")
    place = path.removesuffix("/__init__.py")
    out = cvkit("plugins", "--why", "acme_net").out
    first, second, third = out.splitlines()
    assert f"'{place}'" in first
    assert "pip install -e ." in second
    assert third.endswith(f"--plugin-path {place}")
    assert out == wording


def test_why_of_a_project_folder_says_how_to_install_it(cvkit, tmp_path, monkeypatch, wording):
    """Its distribution may have any name: the folder's is what is seen."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acme-nets").mkdir()
    (tmp_path / "acme-nets" / "pyproject.toml").write_text("")
    out = cvkit("plugins", "--why", "acme-nets").out
    first, second, third = out.splitlines()
    assert "'acme-nets'" in first
    assert second == "  pip install -e ./acme-nets"
    assert third.endswith("--plugin-path acme-nets")
    assert out == wording
    (tmp_path / "acme-nets").rename(tmp_path / "acme nets")
    assert cvkit("plugins", "--why", "acme nets").out.splitlines()[1] == "  pip install -e './acme nets'"
    whole = tmp_path / "acme nets"
    assert cvkit("plugins", "--why", whole).out.splitlines()[1] == f"  pip install -e '{whole}'"


def test_why_of_nothing_names_the_environment_and_the_nearest_name(cvkit, wording):
    """The plugin may be installed in another environment."""
    answer = cvkit("plugins", "--why", "kornai")
    assert (answer.code, answer.out) == (2, "")
    assert "'kornai'" in answer.err
    assert "'kornia'" in answer.err
    assert sys.prefix in answer.err
    assert answer.err.replace(sys.prefix, "<environment>") == wording


def test_why_of_cvkit_itself_is_its_own_plugins(cvkit):
    """The name of the command stands for the distribution that brings it."""
    lines = cvkit("plugins", "--why", "cvkit").out.splitlines()
    for status in discover().statuses:
        assert [line for line in lines if f"'{status.origin.plugin}'" in line and str(status.origin) in line]


def test_why_of_a_module_of_python_says_so(cvkit, wording):
    """Nobody installs it."""
    out = cvkit("plugins", "--why", "json").out
    assert "'json'" in out
    assert out == wording
