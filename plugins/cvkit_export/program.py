"""torch.export: the module from pixels to probabilities as a ``.pt2`` file, for torch alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from cvkit import DataInfo, ExportedClassifier, Exporter, ExporterFactory, FileOutputs, ModelToExport

from .quiet import quiet

MODEL = "model.pt2"


class Program(Exporter):
    """Write the model with torch.export, for programs that have torch but not the code of the model.

    The module takes uint8 images (B, C, H, W) of the model's size and returns logits and probabilities. Load it with
    ``torch.export.load("model.pt2").module()``. The extra file ``cvkit.json`` in it contains the classes, the
    framing, the thresholds and the run. Reading a ``.pt2`` file unpickles objects, which can run code, so read only
    files of your own.

    Args:
        info: Channels, size and classes of the images.
    """

    files = (MODEL,)

    def __init__(self, info: DataInfo) -> None:
        self.info = info

    def export(self, model: ModelToExport, folder: Path) -> None:
        """Write the program."""
        shape = (2, self.info.channels, self.info.height, self.info.width)  # a batch of 1 would become a constant
        images = torch.zeros(shape, dtype=torch.uint8)
        with quiet(), torch.no_grad():
            program = torch.export.export(
                model.serving(), (images,), dynamic_shapes=({0: torch.export.Dim("batch")},)
            )
            torch.export.save(program, folder / MODEL, extra_files={"cvkit.json": model.metadata_text()})

    def load(self, folder: Path, model: ModelToExport) -> Callable[[Tensor], Tensor]:
        """Return the logits that the program computes on the CPU."""
        with quiet():
            return ExportedClassifier.open(folder / MODEL, trusted=True).logits  # it was just written

    def outputs(self, folder: Path, model: ModelToExport) -> Callable[[Tensor], FileOutputs]:
        """Return all outputs of the program on the CPU."""
        with quiet():
            return ExportedClassifier.open(folder / MODEL, trusted=True).outputs


_: ExporterFactory = Program
