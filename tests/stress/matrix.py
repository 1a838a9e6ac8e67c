"""Runs tests under every instruction set and number of threads that this machine's CPU has.

    python tests/stress/matrix.py                     # the tests whose numbers depend on the CPU's kernels
    python tests/stress/matrix.py --all               # the whole suite
    python tests/stress/matrix.py tests/engine        # these

torch chooses its kernels by what the CPU can do, so a network trained here ends in other weights than one trained
there. `ATEN_CPU_CAPABILITY` holds torch's own kernels to an instruction set, `ONEDNN_MAX_CPU_ISA` those of oneDNN.
Prints a line for each environment as soon as it is done, and exits with 1 where a test failed in any.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]

TORCH = {"default": set(), "avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"}}
ONEDNN = {
    "SSE41": {"sse4_1"},
    "AVX2": {"avx2"},
    "AVX512_CORE": TORCH["avx512"],
    "AVX512_CORE_BF16": TORCH["avx512"] | {"avx512_bf16"},
}
"""The flags of /proc/cpuinfo that each value of the two variables asks for."""

THREADS = ("1", "2")

NUMERIC = (
    "tests/diagnostics",
    "tests/engine",
    "tests/plugins",
    "tests/diagnostics/test_diagnose.py",
    "tests/cli_end_to_end/test_range_test_leaves_nothing.py",
    "tests/testing",
)
"""The tests that train a network or compare two computations of the same numbers."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests in every environment, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tests", nargs="*", default=NUMERIC, help="files or folders of tests")
    parser.add_argument("--all", action="store_true", help="run the whole suite")
    asked = parser.parse_args(arguments)
    tests = ["tests"] if asked.all else asked.tests
    chosen = list(environments(cpu_flags()))
    print(f"{platform.machine()}, {len(chosen)} environments, tests: {' '.join(tests)}")
    print("| torch | oneDNN | threads | result | seconds |\n| --- | --- | --- | --- | --- |", flush=True)
    failed = [tried(variables, tests) for variables in chosen]
    print(*(line for lines in failed for line in lines), sep="\n")
    return int(any(failed))


def environments(flags: set[str]) -> Iterator[dict[str, str]]:
    """Yield the variables of each environment that a CPU of these flags has; one it lacks is not asked for.

    The largest set of torch's is what it takes by default, so it is asked for once, as the default.
    """
    *lesser, _ = [name for name, needed in TORCH.items() if needed <= flags]
    torch_sets = list(dict.fromkeys(["default", *lesser]))  # the last is what torch takes by default
    onednn_sets = [name for name, needed in ONEDNN.items() if needed <= flags] or [""]
    for torch_set, onednn_set, threads in itertools.product(torch_sets, onednn_sets, THREADS):
        variables = {"ATEN_CPU_CAPABILITY": torch_set, "ONEDNN_MAX_CPU_ISA": onednn_set, "OMP_NUM_THREADS": threads}
        yield {name: value for name, value in variables.items() if value}


def cpu_flags() -> set[str]:
    """Return the flags of this machine's CPU; none where the system does not list them."""
    listed = Path("/proc/cpuinfo")
    if not listed.is_file():
        return set()
    return set(re.findall(r"\w+", "".join(re.findall(r"^flags\s*:(.*)$", listed.read_text(), re.MULTILINE)[:1])))


def tried(variables: dict[str, str], tests: Sequence[str]) -> list[str]:
    """Run `tests` under these variables, print the table's row, and return what failed; empty where all passed."""
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=no", *tests]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).strip().splitlines() or ["nothing was printed"]
    names = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "OMP_NUM_THREADS")
    cells = [*(variables.get(name, "own") for name in names), counted(lines)]
    print(f"| {' | '.join(cells)} | {time.monotonic() - started:.0f} |", flush=True)
    if not done.returncode:
        return []
    setting = " ".join(f"{name}={value}" for name, value in variables.items())
    found = [line for line in lines if line.startswith(("FAILED", "ERROR"))] or lines[-1:]
    return [f"{setting}: {line}" for line in found]


def counted(lines: Sequence[str]) -> str:
    """Return how many tests passed, failed and were skipped, in pytest's words, or the last line where it says none.

    Other lines that say how many of something passed may follow it.
    """
    named = "|".join(("passed", "failed", "skipped", "error", "deselected", "warning"))
    found = [line for line in lines if re.match(rf"\W*\d+ ({named})", line)]
    return re.sub(r"\s+in [\d.]+s.*", "", (found or lines)[-1].strip("= "))


if __name__ == "__main__":
    sys.exit(main())
