"""The git repositories of a run's code: their commits, and whether files differ from them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..host.source_code import package_of
from ..recipe import Recipe

_PATIENCE = 10  # seconds; a repository on a slow disk must not delay a run
_NAMED = 3


def repositories(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the git repositories that the code of cvkit and of the recipe's components is in, as JSON values.

    Each has its `folder`, its `commit`, and the names of the Python files of the run's packages that are `changed` or
    not committed. Installed packages are in no repository, because their versions identify them. The list is empty
    if git is not installed.
    """
    git = shutil.which("git")
    packages = [Path(__file__).parents[1], *(package_of(part.entry.component.target) for _, part in recipe.parts())]
    found: dict[str, dict[str, Any]] = {}
    for package in dict.fromkeys(path for path in packages if path is not None and git is not None):
        folder = package if package.is_dir() else package.parent
        top = _asked(git, folder, "rev-parse", "--show-toplevel")
        # An environment in a project's folder is in its repository, which ignores it: `ls-files` is then empty.
        if not top or not _asked(git, folder, "ls-files", "--", "*.py"):
            continue
        known = found.setdefault(
            top, {"folder": top, "commit": _asked(git, folder, "rev-parse", "HEAD"), "changed": []}
        )
        status = _asked(git, folder, "status", "--porcelain", "--untracked-files=all", "--", "*.py")
        known["changed"] += [line[3:] for line in status.splitlines() if line[3:] not in known["changed"]]
    return list(found.values())


def uncommitted(found: Iterable[dict[str, Any]]) -> list[str]:
    """Return a sentence for each repository whose code is not committed."""
    return [
        f"code in the repository {Path(each['folder']).name} was not committed ({_named(each['changed'])})"
        for each in found
        if each["changed"]
    ]


def _named(files: list[str]) -> str:
    more = f" and {len(files) - _NAMED:,} more" if len(files) > _NAMED else ""
    return ", ".join(files[:_NAMED]) + more


def _asked(git: str | None, folder: Path, *arguments: str) -> str:
    """Return what git answers, without the last line break; empty if it fails."""
    command = [git or "git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout.rstrip("\n")
