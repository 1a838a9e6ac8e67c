"""Checkpoints: complete state, written so that a kill at any moment leaves either the old or the new, read safely.

A checkpoint is a folder ``step-00000027/`` of ``tensors.safetensors``, ``state.json`` and, written last, a
``manifest.json`` of sizes and SHA-256 digests. It is made beside its place and renamed into it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..errors import CheckpointError
from .packing import pack, unpack

_TENSORS, _STATE, _MANIFEST = "tensors.safetensors", "state.json", "manifest.json"
_TEMPORARY = ".tmp-"


def write_checkpoint(parent: Path, step: int, state: dict[str, Any], keep: int = 2) -> Path:
    """Write `state` as the checkpoint of optimizer step `step` under `parent`, and prune to the newest `keep`.

    Raises `CheckpointError` if it cannot be written; what was there before is then untouched.
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
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
        _sync(parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise CheckpointError(
            f"the checkpoint of step {step} could not be written to {parent}: {error}. Earlier checkpoints are "
            "untouched; make room and continue with: cvkit resume"
        ) from error
    for stale in _checkpoints(parent)[keep:]:
        shutil.rmtree(stale, ignore_errors=True)
    return target


def clear_leftovers(parent: Path) -> None:
    """Remove what a kill left half-written under `parent`; only for the one process that writes there."""
    for leftover in parent.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def read_newest(parent: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """Return the newest intact state under `parent`, or None, and a line for each damaged one passed over."""
    damaged: list[str] = []
    for folder in _checkpoints(parent):
        try:
            return read_checkpoint(folder), damaged
        except CheckpointError as error:
            damaged.append(f"{error}; falling back to an older checkpoint")
    return None, damaged


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the state a checkpoint folder holds; raise `CheckpointError` if a byte of it is not as written."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        for name in (_TENSORS, _STATE):
            if _fingerprint(folder / name) != manifest[name]:
                raise CheckpointError(f"checkpoint {folder.name}: '{name}' is damaged")
        state = unpack(json.loads((folder / _STATE).read_text(encoding="utf-8")), load_file(folder / _TENSORS))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(f"checkpoint {folder.name} cannot be read: {error}") from error
    return dict(state)


def _checkpoints(parent: Path) -> list[Path]:
    """Checkpoint folders, newest first."""
    return sorted(parent.glob("step-*"), reverse=True)


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
