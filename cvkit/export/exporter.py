"""`Exporter`: what writes a trained model as files of one format, and reads them again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from .serving import ModelToExport

Logits = Callable[[Tensor], Tensor]
"""From uint8 images (B, C, H, W) of the model's size, or of any size, to logits float32 (B, K)."""


class FileOutputs(NamedTuple):
    """What an exported file computes for images.

    Attributes:
        logits: float32 (B, K).
        probabilities: float32 (B, K), after the calibration of the run, if it has one.
        declined: Whether each image is declined, bool (B,); None if the file declines nothing.
    """

    logits: Tensor
    probabilities: Tensor
    declined: Tensor | None = None


class Exporter:
    """Writes a trained model as files of one format, and reads them again. Derive an exporter from it.

    cvkit exports a model, reads the files again, and compares the predictions of both on the test images. The result
    is the certificate. If fewer than `agreement` of the images keep their class, nothing is written.

    Attributes:
        files: The names of the files that it writes, the one with the model first.
        agreement: The share of the images, in [0, 1], that must keep their class unless the user gives another.
            Images whose classes were tied do not count as changed.
        takes_any_size: Whether the files take images of any size and frame them themselves. Then `load` returns a
            function of such images, they are compared on the original images, and `framed` is called.
    """

    files: tuple[str, ...] = ()
    agreement: float = 1.0
    takes_any_size: bool = False

    def export(self, model: ModelToExport, folder: Path) -> None:
        """Write `files` to a folder, without changing the model.

        Args:
            model: The trained model.
            folder: An empty folder.

        Raises:
            ValueError: The format does not support this model; the message is the reason.
        """
        raise NotImplementedError

    def load(self, folder: Path, model: ModelToExport) -> Logits:
        """Return a function that computes with the files as their users do, in the library that reads them.

        Args:
            folder: The folder with the files that `export` wrote.
            model: The trained model, for formats that contain weights alone and need the architecture.

        Returns:
            A function from uint8 images (B, C, H, W) of the model's size, for every B of at least 1, to logits
            float32 (B, K).
        """
        raise NotImplementedError

    def outputs(self, folder: Path, model: ModelToExport) -> Callable[[Tensor], FileOutputs] | None:
        """Return a function that computes everything that the files compute, for files with more than logits.

        The probabilities and the declined images of the files are then compared with those of the run. Files with
        logits alone are compared without the calibration of the run, because they do not contain it.

        Args:
            folder: The folder with the files that `export` wrote.
            model: The trained model.

        Returns:
            A function from the images that `load` describes to the outputs; None if the files compute logits alone.
        """
        return None

    def framed(self, folder: Path, model: ModelToExport) -> Callable[[Tensor], Tensor]:
        """Return a function that frames images as the files do. It is called if the files take images of any size.

        Args:
            folder: The folder with the files that `export` wrote.
            model: The trained model.

        Returns:
            A function from uint8 images (B, C, H', W') of one size to uint8 (B, C, H, W) of the model's size.
        """
        raise NotImplementedError

    def first_difference(self, folder: Path, model: ModelToExport, images: Tensor) -> str:
        """Return where the outputs of the files first differ from the outputs of the model.

        It is called if the files do not agree with the model.

        Args:
            folder: The folder with the files that `export` wrote.
            model: The trained model.
            images: Images whose predictions differ, uint8 (B, C, H, W).

        Returns:
            A phrase such as ``after layer 'layer1.0.conv1'``; empty if it is unknown.
        """
        return ""
