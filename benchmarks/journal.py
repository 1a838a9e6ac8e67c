"""What a benchmark finds, printed and written the moment it is known: whatever ends it costs nothing of that."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Skipped(Exception):
    """Raised by what cannot be measured here, with the reason."""


class Journal:
    """Appends to `folder`: ``figures.jsonl``, a line each, ``figures.md``, a table, and ``failures.txt``.

    Several processes may write one after another. `part`: what the figures belong to.
    """

    def __init__(self, folder: Path, part: str) -> None:
        self.folder, self.part = folder, part

    def begin(self, heading: str) -> None:
        """Begin the table under a heading."""
        with (self.folder / "figures.md").open("a", encoding="utf-8") as page:
            page.write(f"{heading}\n\n| part | what | value | details |\n| --- | --- | --- | --- |\n")

    def figure(self, what: str, value: Any, details: str = "", *, shown: bool = True, **data: Any) -> None:
        """Note one figure; `data` is kept beside it. What is not `shown` is printed, and left out of the table."""
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
        """Return every figure so far, of all parts."""
        file = self.folder / "figures.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []

    def failed(self, what: str, error: BaseException) -> None:
        """Note that something failed; its traceback goes to ``failures.txt``, and is printed."""
        trace = "".join(traceback.format_exception(error))
        with (self.folder / "failures.txt").open("a", encoding="utf-8") as file:
            file.write(f"== {self.part}: {what}\n{trace}\n")
        print(trace, flush=True)
        reason = next(iter(str(error).strip().splitlines()), "")
        self.figure(what, "FAILED", f"{type(error).__name__}: {reason[:200]}; see failures.txt")

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Note whatever is raised meanwhile as a failure of `what`, or why it was skipped, and go on."""
        try:
            yield
        except Skipped as reason:
            self.figure(what, "skipped", str(reason))
        except Exception as error:
            self.failed(what, error)
