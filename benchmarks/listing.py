"""Measure how long `cvkit list` takes with many installed plugins, and which heavy libraries it imports.

    python benchmarks/listing.py

The benchmark writes thirty distributions to a temporary folder. Each is a package with twenty components of all
kinds. One of them cannot be imported. Their implementations import torch, as those of real plugins do. The command
runs in a new process with that folder in PYTHONPATH, in addition to the installed plugins.
"""

from __future__ import annotations

import argparse
import os
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
    parser.add_argument("--runs", type=int, default=11, help="number of runs of each command")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        write_plugins(site, arguments.plugins, arguments.components)
        alone, many = {**os.environ}, {**os.environ, "PYTHONPATH": folder}
        rows = [
            ("python, nothing imported", measure(["-c", "pass"], alone, arguments.runs)),
            ("cvkit list, installed plugins", measure(["-m", "cvkit", "list"], alone, arguments.runs)),
            (f"cvkit list, {arguments.plugins} more plugins", measure(["-m", "cvkit", "list"], many, arguments.runs)),
        ]
        done = run(["-c", LOADED, "list"], many)
    print(f"{'':<34}{'median':>8}{'least':>8}   seconds, {arguments.runs} runs")
    for name, seconds in rows:
        print(f"{name:<34}{statistics.median(seconds):>8.3f}{min(seconds):>8.3f}")
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


def measure(arguments: list[str], environment: dict[str, str], runs: int) -> list[float]:
    """Return the wall time of each run in seconds, without a first warm-up run."""
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        run(arguments, environment)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run Python with `arguments` and capture its output."""
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)


if __name__ == "__main__":
    main()
