"""Whether a plugin's declaration is light: importing it, and asking what it offers, loads no heavy library."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

from ..host.discovery import HEAVY_MODULES
from ..host.entry_points import GROUP
from ..kinds import KINDS
from .suite import promise


def assert_light_declaration(distribution: str) -> None:
    """Raise `ContractBroken` unless every plugin that an installed distribution declares is declared lightly.

    In a process of its own each entry point of the group ``cvkit`` is imported and its component hooks are called.
    The message names the first of numpy, torch and torchvision to be loaded, and the plugin's line that led there.
    """
    __tracebackhide__ = True
    contract = f"declaring a plugin loads none of {', '.join(HEAVY_MODULES)}, as `cvkit list` asks every plugin"
    with promise(contract) as broken:
        declared = _declared(distribution)
        if not declared:
            broken(
                f"'{distribution}' is not installed, or has no entry point in the group '{GROUP}'",
                f"Write [project.entry-points.{GROUP}] in its pyproject.toml, and install it: pip install -e .",
            )
        for entry_point in declared:
            found = _declare_elsewhere(entry_point)
            if "heavy" in found:
                broken(
                    f"plugin '{entry_point.name}' loads {found['heavy']} at {found['where']}",
                    "Name the factory as text, 'module:attribute', and import what it needs in that module",
                )
            if not found.get("hooks"):
                broken(f"plugin '{entry_point.name}' declares nothing: {found.get('error', 'it has no hook')}")


def _declared(distribution: str) -> list[metadata.EntryPoint]:
    try:
        return list(metadata.distribution(distribution).entry_points.select(group=GROUP))
    except metadata.PackageNotFoundError:
        return []


def _declare_elsewhere(entry_point: metadata.EntryPoint) -> dict[str, Any]:
    """Return what `main` says of an entry point in a process of its own."""
    program = f"from {__name__} import main; main()"
    arguments = [sys.executable, "-c", program, entry_point.name, entry_point.value]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # it finds what is found here
    process = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    said = process.stdout.splitlines()[-1:]
    if process.returncode or not said:
        return {"error": "".join(process.stderr.strip().splitlines()[-1:])}
    found: dict[str, Any] = json.loads(said[0])
    return found


def main() -> None:
    """Declare the plugin that the command line names, and print what was seen, a line of JSON."""
    name, value = sys.argv[1:]
    entry_point = metadata.EntryPoint(name, value, GROUP)
    homes = _homes(entry_point.module.partition(".")[0])

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import" and (heavy := arguments[0].partition(".")[0]) in HEAVY_MODULES:
            _say({"heavy": heavy, "where": _blame(homes)})
            os._exit(0)  # at once: the plugin may catch exceptions, and importing torch takes seconds

    sys.addaudithook(watch)
    plugin = entry_point.load()
    hooks = [hook for hook in dir(plugin) if hook.startswith("cvkit_")]
    for kind in KINDS.values():
        if kind.hook in hooks:
            list(getattr(plugin, kind.hook)() or ())
    _say({"hooks": hooks})


def _say(found: dict[str, Any]) -> None:
    print(f"\n{json.dumps(found)}", flush=True)  # noqa: T201  # read by the process that started this one


def _homes(package: str) -> list[str]:
    """Return where a top-level package or module lives."""
    spec = importlib.util.find_spec(package)
    return [*(spec.submodule_search_locations or [spec.origin or ""])] if spec else []


def _blame(homes: list[str]) -> str:
    """Return the plugin's innermost line that is being executed, as ``file:line (text)``."""
    for frame in reversed(traceback.extract_stack()):
        if any(Path(frame.filename).is_relative_to(home) for home in homes):
            return f"{frame.filename}:{frame.lineno} ({frame.line})"
    return "a line that is not its own"
