"""What the server answers: predictions and explanations of an uploaded image as JSON values."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

from PIL import Image

from ..errors import CvkitError, DataError
from ..explain.selection import class_index
from ..formatting import counted
from ..host.entry_points import CORE
from .served_model import ServedModel

_LONGEST = 1024  # pixels of the longer side of a map that is sent


class RefusedUpload(Exception):
    """An upload that cannot be answered; the message says why, and contains no path of the server's machine."""


class NotPossible(Exception):
    """A request that this model can answer for no upload; the message says why, and what to do instead."""


class Answers:
    """Answers requests with a trained model, one at a time, because one prediction uses all cores or the GPU."""

    def __init__(self, model: ServedModel) -> None:
        self._model, self._lock = model, Lock()

    def about(self) -> dict[str, Any]:
        """Return what the model is: its name, checkpoint, task, classes and input size, and what it cannot do."""
        model, info = self._model, self._model.info
        size = f"images of {info.height} x {info.width} pixels"
        return {
            "name": model.name,
            "summary": f"{counted(len(info.classes), 'class')}, {size}, {model.label}",
            "checkpoint": model.checkpoint,
            "task": info.task,
            "classes": list(info.classes),
            "input": {"channels": info.channels, "height": info.height, "width": info.width},
            "maps": model.explain is not None,
            "notes": list(model.notes),
            "cvkit": version(CORE),
        }

    def prediction(self, upload: bytes, top: int) -> dict[str, Any]:
        """Return the most probable classes of an image.

        Args:
            upload: The bytes of an image file.
            top: How many classes to return, at least 1.

        Returns:
            ``predictions``: a class and its probability each, the most probable first; ``labels``: the predicted
            classes; ``declined``: whether the calibration of the run declines the image.

        Raises:
            RefusedUpload: The bytes cannot be read as an image.
        """
        with self._as_file(upload) as path:
            found = self._model.predict(path, top)
        ranked = [{"class": name, "probability": chance} for name, chance in found.ranked()]
        return {"predictions": ranked, "labels": list(found.labels), "declined": found.declined}

    def explanation(self, upload: bytes, target: str | None) -> dict[str, Any]:
        """Return which pixels of an image support a class.

        Args:
            upload: The bytes of an image file.
            target: The class to explain, by name; None for the most probable one.

        Returns:
            ``class``, ``method``, ``signed``, ``warnings``, and ``map``: the image blended with the map, a PNG in a
            data URI.

        Raises:
            RefusedUpload: The bytes cannot be read as an image, there is no such class, or the method cannot explain
                this model.
            NotPossible: The model has no maps, because it is an exported file.
        """
        explain = self._model.explain
        if explain is None:
            raise NotPossible("; ".join(self._model.notes))
        if target is not None:
            try:
                class_index(target, self._model.info.classes)
            except DataError as error:
                raise RefusedUpload(str(error)) from error
        with self._as_file(upload) as path:
            found = explain(path, target)
        return {
            "class": found.target,
            "method": found.method,
            "signed": found.signed,
            "warnings": list(found.warnings),
            "map": _data_uri(found.overlay),
        }

    @contextmanager
    def _as_file(self, upload: bytes) -> Iterator[Path]:
        """Yield the upload as a file, because data sets read files, and an image must be read as in training."""
        with self._lock, tempfile.TemporaryDirectory(prefix="cvkit-serve-") as folder:
            path = Path(folder) / "upload"
            path.write_bytes(upload)
            try:
                yield path
            except (CvkitError, ValueError) as error:
                if str(path) not in str(error):  # not about the upload
                    raise
                raise RefusedUpload(str(error).replace(str(path), "the upload")) from error


def _data_uri(image: Image.Image) -> str:
    small = image.copy()
    small.thumbnail((_LONGEST, _LONGEST))
    pixels = io.BytesIO()
    small.save(pixels, "png")
    return f"data:image/png;base64,{base64.b64encode(pixels.getvalue()).decode()}"
