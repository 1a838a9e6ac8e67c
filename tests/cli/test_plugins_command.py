"""``cvkit plugins``: who is here, and who is not well."""

from __future__ import annotations

import os
import subprocess
import sys

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
    assert line.endswith("failed: ModuleNotFoundError: No module named 'nowhere_at_all'")
    assert len([line for line in answer.out.splitlines() if line.endswith("works")]) == len(discover().statuses) - 1


def test_plugins_names_what_a_heavy_declaration_loads(tmp_path):
    """A plugin that makes every command slow is named, with what it loads."""
    (tmp_path / "heavy_acme.py").write_text("import numpy\n")
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cvkit]\nacme = heavy_acme\n")
    done = subprocess.run(
        [sys.executable, "-m", "cvkit", "plugins"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("acme ")]
    assert line.endswith("works, but its declaration loads numpy")
