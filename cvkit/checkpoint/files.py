"""Write and read checkpoints atomically: after a kill at any moment, either the old or the new one is complete.

A checkpoint is a folder ``step-00000027/`` with ``tensors.safetensors``, ``state.json`` and, written last,
``manifest.json`` with sizes and SHA-256 digests. It is written to a temporary folder and then renamed. Only folders
with exactly such a name are checkpoints, and only those without other files are ever removed: other files belong to
the user.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader
from itertools import chain, count
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..errors import CheckpointError, one_line
from ..files.safe_io import (
    TEMPORARY,
    is_folder,
    make_folder,
    open_file,
    read_file,
    remove,
    sync_file,
    sync_folder,
    write_file,
)
from ..files.strict_json import read_json
from .serialization import unpack
from .state_copy import StateCopy

_TENSORS, _STATE, _MANIFEST = "tensors.safetensors", "state.json", "manifest.json"
_NAME = re.compile(r"step-\d{8,}", re.ASCII)
_UNFINISHED = re.compile(rf"{re.escape(TEMPORARY)}({_NAME.pattern})(-[0-9a-f]+)?", re.ASCII)
_LARGEST = {_TENSORS: 1 << 40, _STATE: 1 << 28, _MANIFEST: 1 << 16}
"""Maximum sizes in bytes: a terabyte of tensors, 256 MiB of settings and of the series of one epoch."""

Check = Callable[[dict[str, Any]], None]
"""Raises `CheckpointError` for a state that is not valid."""

_LOOKS = 100  # how often to list the checkpoints again, each time because one was removed while it was read


def write_checkpoint(parent: Path, step: int, state: dict[str, Any] | StateCopy, keep: int = 2) -> Path:
    """Write `state` as the checkpoint of optimizer step `step` under `parent`, and keep only the newest `keep`.

    Checkpoints of later steps are not removed: a resumed run has skipped them and will replace them. Raises
    `CheckpointError` if the checkpoint cannot be written; the existing checkpoints are then unchanged.
    """
    copy = state if isinstance(state, StateCopy) else StateCopy.of(state)
    target = parent / f"step-{step:08}"
    temporary = parent / f"{TEMPORARY}{target.name}-{secrets.token_hex(8)}"
    try:
        make_folder(parent, below=parent.parent)
        temporary.mkdir()
        write_file(temporary / _STATE, json.dumps(copy.data, allow_nan=False).encode())
        copy.wait()
        save_file(dict(copy.tensors), temporary / _TENSORS)
        # safetensors makes the file readable only for its owner, regardless of the umask
        (temporary / _TENSORS).chmod((temporary / _STATE).stat().st_mode & 0o777)
        sync_file(temporary / _TENSORS)
        manifest = {name: _fingerprint(temporary / name) for name in (_TENSORS, _STATE)}
        write_file(temporary / _MANIFEST, json.dumps(manifest, indent=2).encode())
        _take_away(target)
        temporary.rename(target)
        sync_folder(parent)
    except (OSError, SafetensorError) as error:
        remove(temporary)
        raise CheckpointError(
            f"could not write the checkpoint of step {step} to {parent}: {error}. Earlier checkpoints are "
            "unchanged; free some space and continue with: cvkit resume"
        ) from error
    own = [folder for folder in _checkpoints(parent) if _step_of(folder) <= step and not _foreign(folder)]
    for stale in own[keep:]:
        _take_away(stale)
    return target


def remove_checkpoints(parent: Path) -> None:
    """Remove all checkpoints under `parent`, except those that contain other files, which belong to the user.

    Raises `CheckpointError` if one cannot be removed.
    """
    try:
        for folder in _checkpoints(parent):
            if not _foreign(folder):
                _take_away(folder)
    except OSError as error:
        raise CheckpointError(f"could not remove the checkpoints in {parent}: {error.strerror}") from error


def _take_away(folder: Path) -> None:
    """Remove a checkpoint in one step for concurrent readers; rename it instead if it contains other files."""
    if not os.path.lexists(folder):
        return
    if _foreign(folder):
        folder.rename(_unused(folder.with_name(f"{folder.name}-replaced")))
        return
    going = _unused(folder.with_name(f"{TEMPORARY}{folder.name}-old"))
    folder.rename(going)
    remove(going)


def _foreign(folder: Path) -> bool:
    if not is_folder(folder):
        return True
    return not {entry.name for entry in folder.iterdir()} <= {_TENSORS, _STATE, _MANIFEST}


def _unused(path: Path) -> Path:
    """Return `path`, or the first of ``path-2``, ``path-3``... that does not exist."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(candidate for candidate in chain([path], numbered) if not os.path.lexists(candidate))


def clear_leftovers(parent: Path) -> None:
    """Remove incomplete checkpoints that a kill left under `parent`. Only the process that writes there may call it.

    A kill may also happen when the previous checkpoint of the same step is removed and the new one is complete but
    not yet renamed. Such a checkpoint is renamed now.
    """
    if not is_folder(parent):
        return
    for leftover in parent.glob(f"{TEMPORARY}*"):
        if (named := _UNFINISHED.fullmatch(leftover.name)) and not os.path.lexists(parent / named[1]):
            with suppress(OSError, CheckpointError):
                read_checkpoint(leftover)
                leftover.rename(parent / named[1])
        remove(leftover)


def read_newest(parent: Path, check: Check | None = None) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the newest intact state under `parent`, or None, and a line for each damaged checkpoint it skipped.

    A checkpoint for which `check` raises is skipped like a damaged one. Another process may be training: if a
    checkpoint is removed while it is read, the list is read again. Raises `CheckpointError` if checkpoints are
    removed faster than they can be read.
    """
    for _ in range(_LOOKS):
        damaged: list[str] = []
        for folder in _checkpoints(parent):
            try:
                return read_checkpoint(folder, check), damaged
            except _Gone:
                break
            except CheckpointError as error:
                damaged.append(f"{error}; it is skipped")
        else:
            return None, damaged
    raise CheckpointError(f"the checkpoints in {parent} are replaced faster than they can be read; try again later")


class _Gone(CheckpointError):
    """A checkpoint was removed or replaced while it was read. This is not damage."""


def read_checkpoint(folder: Path, check: Check | None = None) -> dict[str, Any]:
    """Return the state in a checkpoint folder; raise `CheckpointError` if any byte has changed.

    Errors of `check` are raised too.
    """
    before = _manifest(folder)
    try:
        state = _verified(folder, before)
        if check is not None:
            check(state)
    except CheckpointError as error:
        if before != _manifest(folder) or not folder.exists():
            raise _Gone(f"checkpoint {folder.name} was removed or replaced") from None
        raise CheckpointError(f"checkpoint {folder.name} {error}") from error
    if before != _manifest(folder):
        raise _Gone(f"checkpoint {folder.name} was removed or replaced")
    return state


def _manifest(folder: Path) -> bytes | None:
    """Return the content of the manifest, which identifies a checkpoint; None if it cannot be read."""
    try:
        return _read(folder / _MANIFEST)
    except OSError:
        return None


def _verified(folder: Path, manifest: bytes | None) -> dict[str, Any]:
    try:
        expected = read_json(_read(folder / _MANIFEST) if manifest is None else manifest)
        for name in (_TENSORS, _STATE):
            if not _is_as_written(folder / name, expected[name]):
                raise CheckpointError(f"is damaged: '{name}' was changed after it was written")
        return dict(unpack(read_json(_read(folder / _STATE)), load_file(folder / _TENSORS)))
    except OSError as error:
        where = f"'{Path(error.filename).name}': " if error.filename else ""
        raise CheckpointError(f"cannot be read: {where}{error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise CheckpointError(f"cannot be read: {one_line(error)}") from error


def _checkpoints(parent: Path) -> list[Path]:
    """Return the checkpoint folders, newest first. Links are ignored: their targets do not belong to the run."""
    try:
        entries = list(parent.iterdir()) if is_folder(parent) else []
    except FileNotFoundError:
        entries = []
    if not entries and os.path.lexists(parent) and not is_folder(parent):
        what = "a link, and cvkit does not follow links" if parent.is_symlink() else "not a folder"
        raise CheckpointError(f"'{parent}' is {what}; replace it with the folder that contains the checkpoints")
    found = [entry for entry in entries if _NAME.fullmatch(entry.name) and is_folder(entry)]
    return sorted(found, key=_step_of, reverse=True)


def _step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _read(file: Path) -> bytes:
    return read_file(file, _LARGEST[file.name], below=file.parent.parent)


def _fingerprint(file: Path) -> dict[str, Any]:
    with _opened(file) as stream:
        return {"bytes": _size(stream), "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _is_as_written(file: Path, expected: dict[str, Any]) -> bool:
    """Return whether a file has the size and the digest in the manifest; it is read only if the size is correct."""
    with _opened(file) as stream:
        if _size(stream) != expected["bytes"]:
            return False
        return bool(hashlib.file_digest(stream, "sha256").hexdigest() == expected["sha256"])


def _opened(file: Path) -> BufferedReader:
    return open_file(file, _LARGEST[file.name], below=file.parent.parent)


def _size(stream: BufferedReader) -> int:
    return os.fstat(stream.fileno()).st_size
