"""`ExportedClassifier`: a file that was exported from a run, as a classifier."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.splits import DataInfo
from ..engine.prediction_rule import PredictionRule
from ..errors import RunError, one_line
from ..explain.image_io import FileReader
from ..formatting import counted
from .certified import require_certified
from .decoding import FileDecoding
from .exporter import FileOutputs
from .metadata import KEY, FileMetadata, read_metadata
from .serving import INPUT

ONNX, PROGRAM = ".onnx", ".pt2"


@dataclass(frozen=True)
class ExportedClassifier:
    """Predicts images with an exported file, in the library that reads it; a `Classifier`.

    Attributes:
        path: The file.
        info: Channels, size, framing and classes of the images.
        prediction_rule: How logits become probabilities and predicted classes.
        compute: From uint8 images (B, C, H, W) to everything that the file computes.
        run: The name of the run folder that the file was exported from; empty if the file does not say it.
        checkpoint: After which step and epoch of the run the weights were saved, in words; empty likewise.
        framing_in_graph: Whether the file takes images of any size and frames them itself.
        decoding: How the run decodes image files.
    """

    path: Path
    info: DataInfo
    prediction_rule: PredictionRule
    compute: Callable[[Tensor], FileOutputs]
    run: str = ""
    checkpoint: str = ""
    framing_in_graph: bool = False
    decoding: FileDecoding = field(default_factory=FileDecoding)

    @classmethod
    def open(cls, path: Path, *, trusted: bool = False) -> ExportedClassifier:
        """Return the classifier in a file.

        Args:
            path: A ``.onnx`` or ``.pt2`` file that ``cvkit export`` wrote.
            trusted: Whether the file comes from a source that you trust. A ``.pt2`` file contains pickled objects,
                so reading it can run code; reading a ``.onnx`` file does not.

        Returns:
            The classifier, on the CPU.

        Raises:
            RunError: There is no such file, it has another format, is damaged or was not written by cvkit, its
                bytes are not those of the certificate beside it, its outputs are not those of its classes, a library
                is missing, or it is a ``.pt2`` file and not trusted.
        """
        if not path.is_file():
            raise RunError(f"there is no file '{path}'; give a file that cvkit export wrote, such as model.onnx")
        if path.suffix not in (ONNX, PROGRAM):
            raise RunError(
                f"'{path}' is neither {ONNX} nor {PROGRAM}, the formats that cvkit reads; "
                "give a file of one of them that cvkit export wrote"
            )
        if path.suffix == PROGRAM and not trusted:
            raise RunError(
                f"'{path}' was not read: torch unpickles objects in {PROGRAM} files, which can run code. If you "
                "trust its source, add --trust to the command, or call ExportedClassifier.open(path, trusted=True); "
                "otherwise, export the run to onnx"
            )
        require_certified(path)
        found = _onnx(path) if path.suffix == ONNX else _program(path)
        found.logits(torch.zeros(1, found.info.channels, found.info.height, found.info.width, dtype=torch.uint8))
        return found

    def file_reader(self) -> FileReader:
        """Return what reads image files as the run does; raise `DataError` if files cannot be read for the model."""
        return self.decoding.file_reader(self.info.channels)

    def logits(self, images: Tensor, batch_size: int = 250) -> Tensor:
        """Return the logits of images, computed in batches.

        Args:
            images: Images of the model's size, uint8 (B, C, H, W), or of any size if the framing is in the graph.
            batch_size: The largest number of images at once.

        Returns:
            float32 (B, K).

        Raises:
            RunError: The library that reads the file cannot compute with these images, or the file does not compute
                a number for each class.
        """
        return self.outputs(images, batch_size).logits

    def outputs(self, images: Tensor, batch_size: int = 250) -> FileOutputs:
        """Return everything that the file computes for images, in batches.

        Args:
            images: Images, as for `logits`.
            batch_size: The largest number of images at once.

        Returns:
            The logits, the probabilities and what is declined.

        Raises:
            RunError: The library that reads the file cannot compute with these images.
        """
        try:
            parts = [self.compute(part) for part in images.split(batch_size)]
            declined = [part.declined for part in parts if part.declined is not None]
            logits, chances = (torch.cat(each) for each in zip(*(part[:2] for part in parts), strict=True))
            found = FileOutputs(logits, chances, torch.cat(declined) if declined else None)
        except Exception as error:  # each library has errors of its own
            raise RunError(f"'{self.path}' cannot predict images {tuple(images.shape)}: {one_line(error)}") from error
        expected = (len(images), self.info.num_classes)
        if found.logits.shape != expected or not found.logits.is_floating_point():
            raise RunError(
                f"'{self.path}' computes {found.logits.dtype} {tuple(found.logits.shape)} for "
                f"{counted(len(images), 'image')}, but its metadata has "
                f"{counted(self.info.num_classes, 'class')}; export the run again"
            )
        return found


def _onnx(path: Path) -> ExportedClassifier:
    try:
        import onnxruntime
    except ImportError as error:
        raise RunError(f"reading '{path}' requires onnxruntime: pip install 'cvkit-core[onnx]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # its warnings are about its own optimisations
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        known = session.get_modelmeta().custom_metadata_map
    except Exception as error:  # onnxruntime has a class for each of its states
        raise RunError(f"'{path}' cannot be read by onnxruntime: {one_line(error)}") from error
    found = _metadata(path, known.get(KEY))

    def compute(images: Tensor) -> FileOutputs:
        results = session.run(None, {INPUT: np.ascontiguousarray(images.cpu().numpy())})
        return FileOutputs(*(torch.from_numpy(np.asarray(result)) for result in results))

    return _classifier(path, found, compute)


def _program(path: Path) -> ExportedClassifier:
    found: dict[str, Any] = {f"{KEY}.json": ""}
    try:
        with _torch_silent():
            module = torch.export.load(path, extra_files=found).module()
    except Exception as error:  # torch has no common error for damaged files
        raise RunError(f"'{path}' cannot be read by torch.export: {one_line(error)}") from error
    text = found[f"{KEY}.json"]
    metadata = _metadata(path, text.decode() if isinstance(text, bytes) else text)

    @torch.no_grad()
    def compute(images: Tensor) -> FileOutputs:
        return FileOutputs(*module(images.cpu()))

    return _classifier(path, metadata, compute)


@contextmanager
def _torch_silent() -> Iterator[None]:
    """Keep torch from printing the traceback of an error that it raises as well."""
    log = logging.getLogger("torch.export")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def _classifier(path: Path, found: FileMetadata, compute: Callable[[Tensor], FileOutputs]) -> ExportedClassifier:
    return ExportedClassifier(
        path,
        found.info,
        found.prediction_rule,
        compute,
        found.run,
        found.checkpoint,
        found.framing_in_graph,
        found.decoding,
    )


def _metadata(path: Path, text: str | None) -> FileMetadata:
    if not text:
        raise RunError(f"'{path}' contains no classes: cvkit export did not write it, or its metadata was removed")
    try:
        return read_metadata(text)
    except ValueError as error:
        raise RunError(f"'{path}': {one_line(error)}") from error
