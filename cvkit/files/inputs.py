"""Folders of results that are named after their inputs: results of other inputs with the same names are kept."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from .safe_io import read_file
from .strict_json import read_json

INPUTS = "inputs_digest"
"""The key in the JSON results whose value is the digest of their inputs."""

_DIGITS = 8  # of the digest in the name of a folder
_LARGEST = 1 << 28  # bytes of the JSON results


def inputs_digest(inputs: Any) -> str:
    """Return a SHA-256 of paths and other inputs, as JSON values; a path counts with its links resolved.

    Args:
        inputs: A path, any other value of JSON, or a list of inputs.
    """

    def plain(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        return os.path.realpath(value) if isinstance(value, Path) else value

    return sha256(json.dumps(plain(inputs)).encode()).hexdigest()


def place_for(parent: Path, name: str, results: str, digest: str) -> Path:
    """Return the folder `name` in `parent`; with a part of the digest in its name if it has results of other inputs.

    Args:
        parent: The folder for all results.
        name: The name that follows from the names of the inputs.
        results: The path of the JSON results in the folder, in which `INPUTS` is the digest.
        digest: The digest of the inputs.
    """
    try:
        found = read_json(read_file(parent / name / results, _LARGEST))
    except FileNotFoundError:
        return parent / name
    except (OSError, ValueError):
        found = None
    same = isinstance(found, dict) and found.get(INPUTS) == digest
    return parent / (name if same else f"{name}-{digest[:_DIGITS]}")
