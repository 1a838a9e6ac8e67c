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
import shutil
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..errors import CheckpointError
from .packing import pack, unpack

_TENSORS, _STATE, _MANIFEST = "tensors.safetensors", "state.json", "manifest.json"
_TEMPORARY = ".tmp-"
_NAME = re.compile(r"step-\d{8,}", re.ASCII)
_LOOKS = 100  # at the list of checkpoints, each time because one went while it was read


def write_checkpoint(parent: Path, step: int, state: dict[str, Any], keep: int = 2) -> Path:
    """Write `state` as the checkpoint of optimizer step `step` under `parent`, and prune to the newest `keep`.

    Those of later steps are left alone: a run that went back passed them over, and will write them again. Raises
    `CheckpointError` if it cannot be written; what was there before is then untouched.
    """
    data, tensors = pack(state)
    target = parent / f"step-{step:08}"
    temporary = parent / f"{_TEMPORARY}{target.name}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        save_file(tensors, temporary / _TENSORS)
        (temporary / _STATE).write_text(json.dumps(data, allow_nan=False), encoding="utf-8")
        manifest = {name: _fingerprint(temporary / name) for name in (_TENSORS, _STATE)}
        (temporary / _MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        for file in temporary.iterdir():
            _sync(file)
        _sync(temporary)
        _take_away(target)
        temporary.rename(target)
        _sync(parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
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
    if not folder.exists():
        return
    if _foreign(folder):
        folder.rename(_unused(folder.with_name(f"{folder.name}-replaced")))
        return
    going = _unused(folder.with_name(f"{_TEMPORARY}{folder.name}-old"))
    folder.rename(going)
    shutil.rmtree(going, ignore_errors=True)


def _foreign(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return True
    return not {entry.name for entry in folder.iterdir()} <= {_TENSORS, _STATE, _MANIFEST}


def _unused(path: Path) -> Path:
    """Return `path`, or where something is there already, the first of ``path-2``, ``path-3``... that is free."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return next(candidate for candidate in chain([path], numbered) if not candidate.exists())


def clear_leftovers(parent: Path) -> None:
    """Remove what a kill left half-written under `parent`; only for the one process that writes there.

    A kill may also have come where the checkpoint of the same step had just been taken away for a new one, which is
    then whole: that is put in its place.
    """
    for leftover in parent.glob(f"{_TEMPORARY}*"):
        target = parent / leftover.name.removeprefix(_TEMPORARY)
        if _NAME.fullmatch(target.name) and not target.exists():
            with suppress(OSError, CheckpointError):
                read_checkpoint(leftover)
                leftover.rename(target)
        shutil.rmtree(leftover, ignore_errors=True)


def read_newest(parent: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the newest intact state under `parent`, or None, and a line for each damaged one passed over.

    A training may be at work there: where a checkpoint goes while it is read, the newest are looked for again. Raises
    `CheckpointError` where they go faster than they can be read.
    """
    for _ in range(_LOOKS):
        damaged: list[str] = []
        for folder in _checkpoints(parent):
            try:
                return read_checkpoint(folder), damaged
            except _Gone:
                break
            except CheckpointError as error:
                damaged.append(f"{error}; it is passed over")
        else:
            return None, damaged
    raise CheckpointError(f"the checkpoints in {parent} are replaced faster than they can be read; try again later")


class _Gone(CheckpointError):
    """A checkpoint was removed or replaced while it was read, which is no damage."""


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the state a checkpoint folder holds; raise `CheckpointError` if a byte of it is not as written."""
    before = _manifest(folder)
    try:
        state = _verified(folder, before)
    except CheckpointError:
        if before != _manifest(folder) or not folder.exists():
            raise _Gone(f"checkpoint {folder.name} is there no longer") from None
        raise
    if before != _manifest(folder):
        raise _Gone(f"checkpoint {folder.name} is there no longer")
    return state


def _manifest(folder: Path) -> bytes | None:
    """Return what tells one checkpoint from the next at the same place; None where it cannot be read."""
    try:
        return (folder / _MANIFEST).read_bytes()
    except OSError:
        return None


def _verified(folder: Path, manifest: bytes | None) -> dict[str, Any]:
    try:
        expected = json.loads((folder / _MANIFEST).read_bytes() if manifest is None else manifest)
        for name in (_TENSORS, _STATE):
            if _fingerprint(folder / name) != expected[name]:
                raise CheckpointError(f"checkpoint {folder.name}: '{name}' is damaged")
        state = unpack(json.loads((folder / _STATE).read_text(encoding="utf-8")), load_file(folder / _TENSORS))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(f"checkpoint {folder.name} cannot be read: {error}") from error
    return dict(state)


def _checkpoints(parent: Path) -> list[Path]:
    """Checkpoint folders, newest first; a link is none, as what it leads to is not the run's."""
    try:
        entries = list(parent.iterdir())
    except FileNotFoundError:
        return []
    found = [entry for entry in entries if _NAME.fullmatch(entry.name) and not entry.is_symlink() and entry.is_dir()]
    return sorted(found, key=_step_of, reverse=True)


def _step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _fingerprint(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}


def _sync(path: Path) -> None:
    """Flush a file or a folder's entries to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
