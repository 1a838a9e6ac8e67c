"""Check that declaring a plugin is cheap: importing it and calling its declaring hooks loads no heavy library."""

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
from ..host.validation import COMMANDS_HOOK
from ..kinds import KINDS
from .contract import promise


def assert_light_declaration(distribution: str) -> None:
    """Check that declaring the plugins of a distribution loads no heavy library.

    A separate process imports each entry point in the group ``cvkit`` and calls its component hooks. The error names
    the first of numpy, torch and torchvision that is loaded, and the line of the plugin that caused it.

    Args:
        distribution: The name of an installed distribution.

    Raises:
        ContractBroken: A plugin loads a heavy library, or declares nothing, or the distribution has no plugin.
    """
    __tracebackhide__ = True
    contract = f"declaring a plugin loads none of {', '.join(HEAVY_MODULES)}, because `cvkit list` loads every plugin"
    with promise(contract) as broken:
        declared = _declared(distribution)
        if not declared:
            broken(
                f"'{distribution}' is not installed, or has no entry point in the group '{GROUP}'",
                f"Add [project.entry-points.{GROUP}] to its pyproject.toml, and install it: pip install -e .",
            )
        for entry_point in declared:
            found = _declare_elsewhere(entry_point)
            if "heavy" in found:
                broken(
                    f"plugin '{entry_point.name}' loads {found['heavy']} at {found['where']}",
                    "Declare the factory as text, 'module:attribute', and import the library in that module",
                )
            if not found.get("hooks"):
                broken(f"plugin '{entry_point.name}' declares nothing: {found.get('error', 'it has no hooks')}")


def _declared(distribution: str) -> list[metadata.EntryPoint]:
    try:
        return list(metadata.distribution(distribution).entry_points.select(group=GROUP))
    except metadata.PackageNotFoundError:
        return []


def _declare_elsewhere(entry_point: metadata.EntryPoint) -> dict[str, Any]:
    """Run `main` for an entry point in a separate process, and return its result."""
    program = f"from {__name__} import main; main()"
    arguments = [sys.executable, "-c", program, entry_point.name, entry_point.value]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # with the same modules as this process
    process = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    said = process.stdout.splitlines()[-1:]
    if process.returncode or not said:
        return {"error": "".join(process.stderr.strip().splitlines()[-1:])}
    found: dict[str, Any] = json.loads(said[0])
    return found


def main() -> None:
    """Declare the plugin that the command line names, and print the result as a line of JSON."""
    name, value = sys.argv[1:]
    entry_point = metadata.EntryPoint(name, value, GROUP)
    homes = _homes(entry_point.module.partition(".")[0])

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import" and (heavy := arguments[0].partition(".")[0]) in HEAVY_MODULES:
            _say({"heavy": heavy, "where": _blame(homes)})
            os._exit(0)  # immediately: the plugin may catch exceptions, and importing torch takes seconds

    sys.addaudithook(watch)
    plugin = entry_point.load()
    hooks = [hook for hook in dir(plugin) if hook.startswith("cvkit_")]
    for kind in KINDS.values():
        if kind.hook in hooks:
            list(getattr(plugin, kind.hook)() or ())
    if COMMANDS_HOOK in hooks:
        list(getattr(plugin, COMMANDS_HOOK)() or ())
    _say({"hooks": hooks})


def _say(found: dict[str, Any]) -> None:
    print(f"\n{json.dumps(found)}", flush=True)  # noqa: T201  # the parent process reads this line


def _homes(package: str) -> list[str]:
    """Return the folders of a top-level package, or the file of a module."""
    spec = importlib.util.find_spec(package)
    return [*(spec.submodule_search_locations or [spec.origin or ""])] if spec else []


def _blame(homes: list[str]) -> str:
    """Return the plugin's innermost line in the current call stack, as ``file:line (text)``."""
    for frame in reversed(traceback.extract_stack()):
        if any(Path(frame.filename).is_relative_to(home) for home in homes):
            return f"{frame.filename}:{frame.lineno} ({frame.line})"
    return "a line outside the plugin"
