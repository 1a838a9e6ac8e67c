"""``cvkit plugins``: who is here, and who is not well."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from commands import without_time

from cvkit.host.discovery import discover


def cells_of(plugin: str, out: str) -> list[str]:
    """The cells of a plugin's line in the table, the time that its declaration took being ``<time>``."""
    (line,) = [line for line in out.splitlines() if line.startswith(f"{plugin} ")]
    name, origin, components, time, *state = re.split(" {2,}", line)
    assert re.fullmatch(r"\d+\.\d ms", time)
    return [name, origin, components, "<time>", *state]


def test_plugins_lists_every_plugin_with_its_components(cvkit, wording):
    """Name, distribution, number of components, milliseconds and state, a line each."""
    answer = cvkit("plugins")
    assert (answer.code, answer.err) == (0, "")
    header, *lines = answer.out.splitlines()
    assert re.split(" {2,}", header) == wording(name="header")
    catalog = discover()
    states = set()
    for line, status in zip(lines, catalog.statuses, strict=True):
        plugin, origin, components, time, *state = re.split(" {2,}", line)
        assert (plugin, origin) == (status.origin.plugin, str(status.origin))
        assert int(components) == len([entry for entry in catalog.entries() if entry.origin == status.origin])
        milliseconds, unit = time.split()
        assert float(milliseconds) < 1000
        assert unit == "ms"
        states.add(*state)
    assert states == wording(name="state")


@pytest.mark.usefixtures("broken_plugin")
def test_plugins_tells_why_one_does_not_work(cvkit, wording):
    """The cause stands in the plugin's line; the others are as they were."""
    answer = cvkit("plugins")
    assert (answer.code, answer.err) == (0, "")
    broken = cells_of("acme", answer.out)
    assert "ModuleNotFoundError: No module named 'nowhere_at_all'" in broken[-1]
    assert "pip install --force-reinstall acme-nets" in broken[-1]
    assert broken == wording
    others = [status.origin.plugin for status in discover().statuses if status.origin.plugin != "acme"]
    assert len({cells_of(plugin, answer.out)[-1] for plugin in others}) == 1


def test_plugins_names_a_heavy_and_slow_declaration(cvkit, site, wording):
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
    state = cells_of("acme", done.stdout)[-1]
    assert "numpy" in state
    assert state == wording


def test_plugins_shows_disabled_and_waiting_plugins(cvkit, site, monkeypatch, wording):
    """Who asked for one to be left out, and what the other waits for; neither is a failure."""
    site("acme", "[cvkit]\nacme = patient_acme\n", patient_acme="cvkit_requires = ('no-such-thing>=2',)\n")
    monkeypatch.setenv("CVKIT_DISABLE_PLUGINS", "onecycle")
    answer = cvkit("plugins", "--no-plugin", "timm")
    assert (answer.code, answer.err) == (0, "")
    states = {plugin: cells_of(plugin, answer.out)[-1] for plugin in ("timm", "onecycle", "acme")}
    assert states["timm"].endswith(" --no-plugin")
    assert states["onecycle"].endswith(" CVKIT_DISABLE_PLUGINS")
    assert "no-such-thing>=2" in states["acme"]
    assert states == wording


def test_plugins_says_which_hooks_are_not_called(cvkit, site, wording):
    """An optional hook of a later version, or one that is misspelt and so never called."""
    hook = "from cvkit import hookimpl\n@hookimpl(optionalhook=True)\ndef cvkit_modells():\n    return []\n"
    site("acme", "[cvkit]\nacme = later_acme\n", later_acme=hook)
    state = cells_of("acme", cvkit("plugins").out)[-1]
    assert "cvkit_modells" in state
    assert state == wording(name="state")
    (why,) = [line for line in cvkit("plugins", "--why", "acme").out.splitlines() if "cvkit_modells" in line]
    assert "'cvkit_models'" in why
    assert why == wording(name="why")
    (row,) = [row for row in json.loads(cvkit("plugins", "--json").out) if row["plugin"] == "acme"]
    assert row["unsupported_hooks"] == ["cvkit_modells"]


def test_plugins_says_that_a_plugin_runs_from_its_sources(cvkit, site, tmp_path, monkeypatch, wording):
    """Where Python finds the plugin's own sources before the installed copy."""
    site("acme-nets", "[cvkit]\nacme = copied_acme\n", copied_acme="")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "copied_acme.py").write_text("# newer\n")
    (tmp_path / "home" / "pyproject.toml").write_text('[project]\nname = "acme-nets"\n')
    monkeypatch.syspath_prepend(tmp_path / "home")
    place = tmp_path / "home" / "copied_acme.py"
    state = cells_of("acme", cvkit("plugins").out)[-1]
    assert f"'{place}'" in state
    assert state == wording(name="state")
    assert without_time(cvkit("plugins", "--why", "acme").out) == wording(name="why")
    (row,) = [row for row in json.loads(cvkit("plugins", "--json").out) if row["plugin"] == "acme"]
    assert row["sources"] == str(place)


def test_plugins_suggests_the_plugin_that_was_to_be_disabled(cvkit, wording):
    """A misspelt ``--no-plugin`` disables nothing, and says so."""
    answer = cvkit("plugins", "--no-plugin", "tim")
    assert answer.code == 0
    assert "'tim'" in answer.err
    assert "'timm'" in answer.err
    assert answer.err == wording


def test_plugins_suggests_the_plugin_that_the_environment_was_to_disable(cvkit, monkeypatch):
    """The variable is held to the same."""
    monkeypatch.setenv("CVKIT_DISABLE_PLUGINS", "tim")
    assert "'timm'" in cvkit("plugins").err


@pytest.mark.usefixtures("broken_plugin")
def test_plugins_as_json_is_complete(cvkit):
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


def test_plugins_shows_a_plugin_file(cvkit, tmp_path, monkeypatch, wording):
    """The table lists a file named on the command line with the installed plugins."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "lonely_net.py").write_text("")
    out = cvkit("plugins", "--plugin-path", tmp_path / "lonely_net.py").out
    line = cells_of("lonely_net", out)
    assert line[1:3] == [f"{tmp_path}/lonely_net.py", "0"]
    assert line == wording
