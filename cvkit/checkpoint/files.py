"""Checkpoints: complete state, written so that a kill at any moment leaves either the old or the new, read safely.

A checkpoint is a folder ``step-00000027/`` of ``tensors.safetensors``, ``state.json`` and, written last, a
``manifest.json`` of sizes and SHA-256 digests. It is made beside its place and renamed into it. Only a folder of
exactly such a name is one, and only one that holds nothing else is ever removed: the rest is a user's.
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
from .serialization import pack, unpack

_TENSORS, _STATE, _MANIFEST = "tensors.safetensors", "state.json", "manifest.json"
_NAME = re.compile(r"step-\d{8,}", re.ASCII)
_UNFINISHED = re.compile(rf"{re.escape(TEMPORARY)}({_NAME.pattern})(-[0-9a-f]+)?", re.ASCII)
_LARGEST = {_TENSORS: 1 << 40, _STATE: 1 << 28, _MANIFEST: 1 << 16}
"""Bytes. More is no checkpoint: a terabyte of tensors, 256 MiB of settings and of the series of one epoch."""

Check = Callable[[dict[str, Any]], None]
"""Raises `CheckpointError` for a state that cannot be used."""

_LOOKS = 100  # at the list of checkpoints, each time because one went while it was read


def write_checkpoint(parent: Path, step: int, state: dict[str, Any], keep: int = 2) -> Path:
    """Write `state` as the checkpoint of optimizer step `step` under `parent`, and prune to the newest `keep`.

    Those of later steps are left alone: a run that went back passed them over, and will write them again. Raises
    `CheckpointError` if it cannot be written; what was there before is then untouched.
    """
    data, tensors = pack(state)
    target = parent / f"step-{step:08}"
    temporary = parent / f"{TEMPORARY}{target.name}-{secrets.token_hex(8)}"
    try:
        make_folder(parent, below=parent.parent)
        temporary.mkdir()
        write_file(temporary / _STATE, json.dumps(data, allow_nan=False).encode())
        save_file(tensors, temporary / _TENSORS)
        # safetensors lets the owner alone read it, whatever the umask says
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
            f"the checkpoint of step {step} could not be written to {parent}: {error}. Earlier checkpoints are "
            "untouched; make room and continue with: cvkit resume"
        ) from error
    own = [folder for folder in _checkpoints(parent) if _step_of(folder) <= step and not _foreign(folder)]
    for stale in own[keep:]:
        _take_away(stale)
    return target


def _take_away(folder: Path) -> None:
    """Remove a checkpoint, at once for whoever reads beside; one that holds more than cvkit wrote is set aside."""
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
    """Return `path`, or where something is there already, the first of ``path-2``, ``path-3``... that is free."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(candidate for candidate in chain([path], numbered) if not os.path.lexists(candidate))


def clear_leftovers(parent: Path) -> None:
    """Remove what a kill left half-written under `parent`; only for the one process that writes there.

    A kill may also have come where the checkpoint of the same step had just been taken away for a new one, which is
    then whole: that is put in its place.
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
    """Return the newest intact state under `parent`, or None, and a line for each damaged one passed over.

    One that `check` raises for is passed over like a damaged one.
    A training may be at work there: where a checkpoint goes while it is read, the newest are looked for again. Raises
    `CheckpointError` where they go faster than they can be read.
    """
    for _ in range(_LOOKS):
        damaged: list[str] = []
        for folder in _checkpoints(parent):
            try:
                return read_checkpoint(folder, check), damaged
            except _Gone:
                break
            except CheckpointError as error:
                damaged.append(f"{error}; it is passed over")
        else:
            return None, damaged
    raise CheckpointError(f"the checkpoints in {parent} are replaced faster than they can be read; try again later")


class _Gone(CheckpointError):
    """A checkpoint was removed or replaced while it was read, which is no damage."""


def read_checkpoint(folder: Path, check: Check | None = None) -> dict[str, Any]:
    """Return the state a checkpoint folder holds; raise `CheckpointError` if a byte of it is not as written.

    The same where `check` raises one.
    """
    before = _manifest(folder)
    try:
        state = _verified(folder, before)
        if check is not None:
            check(state)
    except CheckpointError as error:
        if before != _manifest(folder) or not folder.exists():
            raise _Gone(f"checkpoint {folder.name} is there no longer") from None
        raise CheckpointError(f"checkpoint {folder.name} {error}") from error
    if before != _manifest(folder):
        raise _Gone(f"checkpoint {folder.name} is there no longer")
    return state


def _manifest(folder: Path) -> bytes | None:
    """Return what tells one checkpoint from the next at the same place; None where it cannot be read."""
    try:
        return _read(folder / _MANIFEST)
    except OSError:
        return None


def _verified(folder: Path, manifest: bytes | None) -> dict[str, Any]:
    try:
        expected = read_json(_read(folder / _MANIFEST) if manifest is None else manifest)
        for name in (_TENSORS, _STATE):
            if not _is_as_written(folder / name, expected[name]):
                raise CheckpointError(f"is damaged: '{name}' is not as it was written")
        return dict(unpack(read_json(_read(folder / _STATE)), load_file(folder / _TENSORS)))
    except OSError as error:
        where = f"'{Path(error.filename).name}': " if error.filename else ""
        raise CheckpointError(f"cannot be read: {where}{error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise CheckpointError(f"cannot be read: {one_line(error)}") from error


def _checkpoints(parent: Path) -> list[Path]:
    """Checkpoint folders, newest first; a link is none, as what it leads to is not the run's."""
    try:
        entries = list(parent.iterdir()) if is_folder(parent) else []
    except FileNotFoundError:
        entries = []
    if not entries and os.path.lexists(parent) and not is_folder(parent):
        what = "a link, which is not followed" if parent.is_symlink() else "not a folder"
        raise CheckpointError(f"'{parent}' is {what}; put the folder with the checkpoints in its place")
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
    """Whether a file has the size and the digest that the manifest says; it is read only where the size is right."""
    with _opened(file) as stream:
        if _size(stream) != expected["bytes"]:
            return False
        return bool(hashlib.file_digest(stream, "sha256").hexdigest() == expected["sha256"])


def _opened(file: Path) -> BufferedReader:
    return open_file(file, _LARGEST[file.name], below=file.parent.parent)


def _size(stream: BufferedReader) -> int:
    return os.fstat(stream.fileno()).st_size
