"""Run a command of cvkit in a terminal, and measure for how long nothing moves on it.

    python benchmarks/silence.py -- run recipes/shapes.yaml

Prints each silence of more than two seconds with what was on the screen before it, and the longest one. A silence is
a time in which the command writes nothing at all to its terminal. Works on Linux and macOS.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from typing import BinaryIO

LONG = 2.0
_CODES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\r")


def silences(
    arguments: list[str], columns: int, record: BinaryIO | None = None
) -> tuple[list[tuple[float, float, str]], float, int]:
    """Run ``cvkit`` with `arguments` on a terminal of that many columns.

    `record` receives all that it writes. Returns each silence as its start in seconds, its length and the last text
    before it; the seconds until the end; and the exit code.
    """
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "cvkit", *arguments]
    began = last = time.monotonic()
    process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=environment)
    os.close(other)
    found: list[tuple[float, float, str]] = []
    before = "(the start)"
    while True:
        ready, _, _ = select.select([main], [], [], 0.5)
        if not ready and process.poll() is None:
            continue
        try:
            written = os.read(main, 65536) if ready else b""
        except OSError:  # the terminal has no more writers
            written = b""
        now = time.monotonic()
        found.append((last - began, now - last, before))
        if not written:
            break
        last = now
        if record is not None:
            record.write(written)
        lines = [line.strip() for line in _CODES.sub(b"", written).decode(errors="replace").splitlines()]
        before = next((line for line in reversed(lines) if line), before)
    code = process.wait()
    return found, time.monotonic() - began, code


def main() -> None:
    """Measure the command that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--record", type=argparse.FileType("wb"), help="File for what the command writes.")
    parser.add_argument("arguments", nargs="+", help="Arguments of cvkit.")
    given = parser.parse_args()
    found, seconds, code = silences(given.arguments, given.columns, given.record)
    for start, length, before in found:
        if length > LONG:
            print(f"  at {start:6.1f} s: {length:5.1f} s of silence after: {before[:80]}")
    longest = max(length for _, length, _ in found)
    print(f"cvkit {' '.join(given.arguments)}: exit {code}, {seconds:.1f} s, longest silence {longest:.1f} s")


if __name__ == "__main__":
    main()
