"""Measure how long `import cvkit` and `cvkit list` take as whole processes, and which heavy libraries they import.

    python benchmarks/listing.py [--compared PYTHON]

The benchmark writes thirty distributions to a temporary folder. Each is a package with twenty components of all
kinds. One of them cannot be imported. Their implementations import torch, as those of real plugins do. The command
runs in new processes, with and without that folder in PYTHONPATH. Each turn runs every command once, so that other
work on the machine slows all of them alike. `--compared` adds rows for the Python of another environment, such as one
with an older commit; it should have the same other packages, because the metadata of each one is read.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cvkit

KINDS = tuple(cvkit.KINDS)
HEAVY = ("torch", "numpy", "pydantic", "yaml")
LOADED = f"""
import atexit, sys
atexit.register(lambda: print("loaded:", *({set(HEAVY)!r} & set(sys.modules)), file=sys.stderr))
from cvkit.cli import main
sys.argv = ["cvkit", *sys.argv[1:]]
main()
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plugins", type=int, default=30, help="number of plugins")
    parser.add_argument("--components", type=int, default=20, help="number of components of each plugin")
    parser.add_argument("--runs", type=int, default=15, help="number of turns")
    parser.add_argument("--compared", metavar="PYTHON", help="the Python of another environment to time as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        write_plugins(site, arguments.plugins, arguments.components)
        # Compiled files are kept, as they are for users, but apart from those of the checkouts.
        alone = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(site / "compiled")}
        many = alone | {"PYTHONPATH": folder}
        commands = {"python -c pass": ([sys.executable, "-c", "pass"], alone)}
        for python, remark in {sys.executable: "", arguments.compared: ", compared"}.items():
            if python:
                commands |= {
                    f"import cvkit{remark}": ([python, "-c", "import cvkit"], alone),
                    f"declaration of a plugin{remark}": (
                        [python, "-c", "from cvkit import Component, hookimpl"],
                        alone,
                    ),
                    f"cvkit list{remark}": ([python, "-m", "cvkit", "list"], alone),
                }
        commands[f"cvkit list, {arguments.plugins} more plugins"] = ([sys.executable, "-m", "cvkit", "list"], many)
        rows = measure(commands, arguments.runs)
        done = run([sys.executable, "-c", LOADED, "list"], many)
    print(f"{'':<34}{'median':>8}{'least':>8}{'CPU':>8}   milliseconds, {arguments.runs} turns; CPU is a median")
    for name, (wall, cpu) in rows.items():
        print(f"{name:<34}{statistics.median(wall):>8.0f}{min(wall):>8.0f}{statistics.median(cpu):>8.0f}")
    print(f"\ncomponents listed: {len(done.stdout.splitlines()) - 1}")
    print(done.stderr.strip())


def write_plugins(site: Path, plugins: int = 30, components: int = 20, broken: int = 1) -> None:
    """Write the distributions ``acme-0``, ``acme-1``, ... to `site`; the last `broken` of them cannot be imported."""
    for number in range(plugins):
        name = f"acme_{number}"
        package, info = site / name, site / f"{name}-1.{number}.dist-info"
        package.mkdir(parents=True)
        info.mkdir()
        names = [(f"{KINDS[index % len(KINDS)][:-1]}_{number}_{index}", index) for index in range(components)]
        (package / "__init__.py").write_text(declaration(name, names, number >= plugins - broken))
        (package / "parts.py").write_text(
            "import torch\n" + "".join(f"def {part}(first): ...\n" for part, _ in names)
        )
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: acme-{number}\nVersion: 1.{number}\nRequires-Dist: cvkit-core>=0.1\n"
        )
        (info / "entry_points.txt").write_text(f"[cvkit]\nacme{number} = {name}\n")


def declaration(package: str, names: list[tuple[str, int]], broken: bool) -> str:
    """Return the source code that declares the components, with one hook for each kind."""
    lines = ["import nowhere_at_all" if broken else "", "from cvkit import Component, hookimpl"]
    for place, kind in enumerate(KINDS):
        yields = [
            f"    yield Component({part!r}, '{package}.parts:{part}', 'Number {index} of {package}')"
            for part, index in names
            if index % len(KINDS) == place
        ]
        if yields:
            lines += ["@hookimpl", f"def cvkit_{kind}():", *yields]
    return "\n".join(lines) + "\n"


Times = tuple[list[float], list[float]]


def measure(commands: dict[str, tuple[list[str], dict[str, str]]], turns: int) -> dict[str, Times]:
    """Return the wall times and the CPU times of each command in milliseconds, without a first warm-up turn."""
    times: dict[str, Times] = {name: ([], []) for name in commands}
    for _ in range(turns + 1):
        for name, (command, environment) in commands.items():
            start, used = time.perf_counter(), cpu_of_children()
            run(command, environment)
            for passed, seconds in zip(
                times[name], (time.perf_counter() - start, cpu_of_children() - used), strict=True
            ):
                passed.append(1000 * seconds)
    return {name: (wall[1:], cpu[1:]) for name, (wall, cpu) in times.items()}


def cpu_of_children() -> float:
    """Return the CPU seconds of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command and capture its output."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


if __name__ == "__main__":
    main()
