"""`OutputFolder`: a folder that a command writes, put in place whole, and never in place of anybody else's files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import RunError
from .scratch import Scratch, clear_leftovers


@dataclass(frozen=True)
class OutputFolder:
    """The folder at `path`, for what `command` writes, which is files and folders of these `names` alone."""

    path: Path
    command: str
    names: frozenset[str]

    def require_safe_to_replace(self) -> None:
        """Raise `RunError` unless the folder is free, or holds nothing but what the command wrote earlier."""
        if not os.path.lexists(self.path):
            return
        if not self.path.is_dir() or self.path.is_symlink():
            raise RunError(f"'{self.path}' is not a folder, and is left as it is; choose another --output")
        if foreign := sorted({item.name for item in self.path.iterdir()} - self.names):
            raise RunError(
                f"'{self.path}' holds what `{self.command}` did not write ({', '.join(foreign[:3])}), and is left as "
                "it is; choose another --output"
            )

    @contextmanager
    def replace_atomically(self) -> Iterator[Path]:
        """Yield an empty folder that takes this one's place at the end; after an error there is no trace of it.

        What was in the place stays there until then, and after an error. Of several commands at once, the folder of
        the last to end stays. Raises `RunError` where it cannot be written, or where the place holds somebody else's
        files by then.
        """
        clear_leftovers(self.path.parent)
        above = [parent for parent in self.path.parents if not parent.exists()]
        scratch = Scratch(self.path.parent)
        problem: OSError | None = None
        try:
            scratch.make()
            yield scratch.new
            self.require_safe_to_replace()
            scratch.exchange(self.path.name)
            above = []
        except BrokenPipeError:  # of the terminal, not of a file
            raise
        except OSError as error:
            problem = error
        finally:
            kept = scratch.close()
            for parent in above:
                with suppress(OSError):  # another process may have put something there meanwhile
                    parent.rmdir()
        if problem is not None:
            where = f"; the earlier results lie in '{kept}'" if kept else ""
            raise RunError(
                f"'{self.path}' cannot be written: {problem.strerror}{where}; choose another --output"
            ) from problem

    def write(self, files: Mapping[str, bytes]) -> list[Path]:
        """Write files, by relative name, in place of all that was there; return what there is to open."""
        with self.replace_atomically() as making:
            for name, content in files.items():
                (making / name).parent.mkdir(exist_ok=True)
                (making / name).write_bytes(content)
        return [self.path / name for name in dict.fromkeys(name.partition("/")[0] for name in files)]
