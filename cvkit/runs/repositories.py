"""The git repositories of a run's code: their commits, and whether files differ from them.

The repository of a package is found without git: it is the nearest folder above with an entry ``.git``. So code is
never taken for committed because git is missing, fails or takes too long.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import CvkitError, one_line
from ..host.source_code import package_of
from ..recipe import Recipe

_PATIENCE = 10  # seconds for all repositories together; a slow disk must not delay a run
_NAMED = 3
_UNKNOWN = "unknown"
_INSTALLED = ("site-packages", "dist-packages")
_OF_CALLER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")  # set if a hook of git starts the run


class _NoAnswer(CvkitError):
    """Git gave no answer; the message is a phrase about why."""


def repositories(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the git repositories that the code of cvkit and of the recipe's components is in, as JSON values.

    Each has its `folder`, its `commit`, and the names of the Python files of the run's packages that are `changed` or
    not committed. The commit is "unknown" if git did not answer, and "none" if nothing was committed; then `problem`
    is a phrase about why. A package in no repository, or that its repository ignores, is an entry of its own.
    Installed packages are left out, because their versions identify them.
    """
    packages = [Path(__file__).parents[1], *(package_of(part.entry.component.target) for _, part in recipe.parts())]
    tops: dict[Path, list[Path]] = {}
    found: list[dict[str, Any]] = []
    for package in dict.fromkeys(path.resolve() for path in packages if path is not None and not _installed(path)):
        folder = package if package.is_dir() else package.parent
        top = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
        if top is None:
            found.append(_entry(package, "none", "is in no git repository"))
        elif folder not in tops.setdefault(top, []):
            tops[top].append(folder)
    git = _Git(time.monotonic() + _PATIENCE)
    return [*(entry for top, folders in tops.items() for entry in _of_repository(git, top, folders)), *found]


def uncommitted(found: Iterable[dict[str, Any]]) -> list[str]:
    """Return a sentence for each repository whose code is not committed, or not known to be."""
    lines = []
    for each in found:
        name = Path(each["folder"]).name
        if each.get("problem"):
            lines.append(f"code in {name} {each['problem']}")
        elif each["changed"]:
            lines.append(f"code in the repository {name} was not committed ({_named(each['changed'])})")
    return lines


def _of_repository(git: _Git, top: Path, folders: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yield the repository `top` if it contains code of `folders`, and each folder that it ignores."""
    patterns = {folder: _pattern(folder.relative_to(top).as_posix()) for folder in folders}
    try:
        # A package that is ignored has no such file: it has neither committed nor new ones.
        kept = git.ask(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns.values())
        names = [top / name for name in kept.split("\0") if name]
        ignored = [folder for folder in folders if not any(folder in name.parents for name in names)]
        if len(ignored) < len(folders):
            status = git.ask(
                top, "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--", *patterns.values()
            )
            commit, changed = _read(status)
            yield _entry(top, commit, "" if changed or commit != "none" else "has no commit", changed)
        yield from (_entry(folder, "none", "is ignored by its git repository") for folder in ignored)
    except _NoAnswer as error:
        yield _entry(top, _UNKNOWN, f"may not be committed ({error})")


def _entry(folder: Path, commit: str, problem: str, changed: Sequence[str] = ()) -> dict[str, Any]:
    entry = {"folder": str(folder), "commit": commit, "changed": list(changed)}
    return entry | ({"problem": problem} if problem else {})


def _read(status: str) -> tuple[str, list[str]]:
    """Return the commit, or "none", and the changed files of an answer of ``git status --porcelain=v2 -z``."""
    commit, changed = "none", []
    lines = iter(status.split("\0"))
    for line in lines:
        kind, _, rest = line.partition(" ")
        if line.startswith("# branch.oid ") and not line.endswith("(initial)"):
            commit = line.split(" ")[2]
        elif fields := {"1": 7, "2": 8, "u": 9, "?": 0}.get(kind, -1) + 1:
            changed.append(rest.split(" ", fields - 1)[-1])
            if kind == "2":
                next(lines, None)  # the earlier name of a file that was renamed
    return commit, changed


def _pattern(folder: str) -> str:
    return "*.py" if folder == "." else f"{glob.escape(folder)}/*.py"


def _installed(package: Path) -> bool:
    """Whether an installer put the package where it is; a package that is installed to be edited is elsewhere."""
    return any(folder.name in _INSTALLED for folder in package.parents) or any(
        package.parent.glob("*.dist-info/RECORD")
    )


def _named(files: list[str]) -> str:
    more = f" and {len(files) - _NAMED:,} more" if len(files) > _NAMED else ""
    return ", ".join(files[:_NAMED]) + more


class _Git:
    """Asks git until `deadline`, a time of the monotonic clock."""

    def __init__(self, deadline: float) -> None:
        self._git, self._deadline = shutil.which("git"), deadline

    def ask(self, folder: Path, *arguments: str) -> str:
        """Return what git answers about the repository in `folder`; raise `_NoAnswer` if it fails."""
        if self._git is None:
            raise _NoAnswer("git is not installed")
        left = self._deadline - time.monotonic()
        late = _NoAnswer(f"git did not answer within {_PATIENCE} seconds")
        if left <= 0:
            raise late
        command = [self._git, "--no-optional-locks", "-C", str(folder), *arguments]
        own = {name: value for name, value in os.environ.items() if name not in _OF_CALLER}
        try:
            done = subprocess.run(command, capture_output=True, timeout=left, check=True, env=own)
        except subprocess.TimeoutExpired:
            raise late from None
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines()
            raise _NoAnswer(said[0] if said else f"git failed with exit code {error.returncode}") from None
        except OSError as error:
            raise _NoAnswer(one_line(error)) from None
        return os.fsdecode(done.stdout).encode(errors="replace").decode()
