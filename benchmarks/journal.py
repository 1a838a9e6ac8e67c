"""Record the results of a benchmark as soon as they are known, so that nothing is lost if the benchmark is killed."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Skipped(Exception):
    """Raised with the reason if something cannot be measured on this machine."""


class Journal:
    """A journal in `folder`: ``figures.jsonl``, the table ``figures.md``, and ``failures.txt``.

    Several processes may append to it one after another. `part` is the name of the part that the figures belong to.
    """

    def __init__(self, folder: Path, part: str) -> None:
        self.folder, self.part = folder, part

    def begin(self, heading: str) -> None:
        """Start the table with a heading."""
        with (self.folder / "figures.md").open("a", encoding="utf-8") as page:
            page.write(f"{heading}\n\n| part | what | value | details |\n| --- | --- | --- | --- |\n")

    def figure(self, what: str, value: Any, details: str = "", *, shown: bool = True, **data: Any) -> None:
        """Record one figure, with `data` in the JSON line; print it, and add it to the table if `shown` is true."""
        text = f"{value:.5g}" if isinstance(value, float) else str(value)
        entry = {"part": self.part, "what": what, "value": value, "details": details, "time": time.time(), **data}
        with (self.folder / "figures.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(entry, default=str) + "\n")
        if shown:
            cells = (" ".join(cell.split()).replace("|", "/") for cell in (self.part, what, text, details))
            with (self.folder / "figures.md").open("a", encoding="utf-8") as page:
                page.write(f"| {' | '.join(cells)} |\n")
        print(f"[{self.part}] {what}: {text}" + (f" ({details})" if details else ""), flush=True)

    def entries(self) -> list[dict[str, Any]]:
        """Return the figures of all parts so far."""
        file = self.folder / "figures.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []

    def failed(self, what: str, error: BaseException) -> None:
        """Record a failure; print its traceback and write it to ``failures.txt``."""
        trace = "".join(traceback.format_exception(error))
        with (self.folder / "failures.txt").open("a", encoding="utf-8") as file:
            file.write(f"== {self.part}: {what}\n{trace}\n")
        print(trace, flush=True)
        reason = next(iter(str(error).strip().splitlines()), "")
        self.figure(what, "FAILED", f"{type(error).__name__}: {reason[:200]}; see failures.txt")

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Record an error inside the context as a failure of `what`, or as skipped, and continue."""
        try:
            yield
        except Skipped as reason:
            self.figure(what, "skipped", str(reason))
        except Exception as error:
            self.failed(what, error)
