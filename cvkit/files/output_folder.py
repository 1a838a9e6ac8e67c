"""`OutputFolder`: a folder that a command writes atomically, and that never replaces other files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import FolderError
from .scratch import Scratch, clear_leftovers


@dataclass(frozen=True)
class OutputFolder:
    """The folder at `path` for the results of `command`, which only writes files and folders in `names`.

    `option` is the option of the command that names the folder.
    """

    path: Path
    command: str
    names: frozenset[str]
    option: str = "--output"

    def require_new(self) -> None:
        """Raise `FolderError` if something is at the place of the folder, unless it is an empty folder."""
        if os.path.lexists(self.path) and (self.path.is_symlink() or not _is_empty(self.path)):
            raise FolderError(
                f"'{self.path}' exists, and `{self.command}` replaces nothing; remove it, or choose another "
                f"{self.option}"
            )

    def require_safe_to_replace(self) -> None:
        """Raise `FolderError` unless the folder does not exist or only contains files that the command writes."""
        if not os.path.lexists(self.path):
            return
        if not self.path.is_dir() or self.path.is_symlink():
            raise FolderError(f"'{self.path}' exists and is not a folder; choose another {self.option}")
        if foreign := sorted({item.name for item in self.path.iterdir()} - self.names):
            raise FolderError(
                f"'{self.path}' contains files that `{self.command}` did not write ({', '.join(foreign[:3])}); "
                f"choose another {self.option}"
            )

    def require_outside(self, inputs: Iterable[Path]) -> None:
        """Raise `FolderError` if the folder is one of these folders of inputs, or is in one, also through links."""
        place = self.path.resolve()
        for folder in inputs:
            if folder.resolve() in (place, *place.parents):
                raise FolderError(
                    f"'{self.path}' is inside '{folder}', which `{self.command}` reads and never writes to; choose "
                    f"another {self.option}"
                )

    @contextmanager
    def replace_atomically(self) -> Iterator[Path]:
        """Yield an empty folder that replaces this one at the end, or is removed after an error.

        The earlier folder is kept until then, and after an error. If several commands run at once, the folder of the
        last one to end is kept. Raises `FolderError` if the folder cannot be written, or if it contains other files
        by then.
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
        except BrokenPipeError:  # raised by the terminal, not by a file
            raise
        except OSError as error:
            problem = error
        finally:
            earlier = scratch.close()
            for parent in above:
                with suppress(OSError):  # another process may have written there
                    parent.rmdir()
        if problem is not None:
            where = f"; the earlier results are in '{earlier}'" if earlier else ""
            raise FolderError(
                f"could not write '{self.path}': {problem.strerror}{where}; choose another {self.option}"
            ) from problem

    def write(self, files: Mapping[str, bytes]) -> list[Path]:
        """Replace the content of the folder by `files`, given by relative name; return the top-level paths."""
        with self.replace_atomically() as making:
            for name, content in files.items():
                (making / name).parent.mkdir(exist_ok=True)
                (making / name).write_bytes(content)
        return [self.path / name for name in dict.fromkeys(name.partition("/")[0] for name in files)]


def _is_empty(folder: Path) -> bool:
    try:
        return folder.is_dir() and not any(folder.iterdir())
    except OSError:
        return False
