"""ONNX: a graph from uint8 pixels to logits and probabilities, and a script that predicts files with it."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import onnx
import torch
from pydantic import Field
from torch import Tensor

from cvkit import DataInfo, ExportedClassifier, Exporter, ExporterFactory, ModelToExport

from .onnx_layers import first_difference
from .quiet import quiet

MODEL, SCRIPT = "model.onnx", "predict.py"
_LARGEST = 1_900_000_000  # bytes of weights; a protobuf message has at most 2 GB


class OnnxFile(Exporter):
    """Write the model as an ONNX graph for any batch size, and a script that predicts image files with it.

    The graph takes ``images``, uint8 (B, C, H, W) of the model's size, and returns ``logits`` and ``probabilities``,
    float32 (B, K). The normalisation is in the graph. The metadata contain the classes, the framing, the thresholds
    and the run. ``predict.py`` needs onnxruntime, NumPy and Pillow only.

    Args:
        info: Channels, size and classes of the images.
        opset: The version of ONNX's operators, 18 to 23; programs of the last years read 18.
    """

    files = (MODEL, SCRIPT)

    def __init__(self, info: DataInfo, *, opset: Annotated[int, Field(ge=18, le=23)] = 18) -> None:
        self.info, self.opset = info, opset

    def export(self, model: ModelToExport, folder: Path) -> None:
        """Write the graph and the script."""
        proto = self.graph(model)
        onnx.helper.set_model_props(proto, properties(model))
        onnx.checker.check_model(proto)
        onnx.save(proto, folder / MODEL)
        (folder / SCRIPT).write_text(script(), encoding="utf-8")

    def graph(self, model: ModelToExport) -> onnx.ModelProto:
        """Return the graph of a model, without metadata."""
        size = sum(tensor.nbytes for tensor in model.network.state_dict().values())
        if size > _LARGEST:
            raise ValueError(f"its weights have {size:,} bytes, and a file of this format has at most 2 GB")
        shape = (2, self.info.channels, self.info.height, self.info.width)  # a batch of 1 would become a constant
        images = torch.zeros(shape, dtype=torch.uint8)
        serving = model.serving()
        with quiet():
            program = torch.onnx.export(
                serving,
                (images,),
                dynamo=True,
                opset_version=self.opset,
                input_names=["images"],
                output_names=[*serving.output_names],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
        if program is None:
            raise ValueError("torch returned no graph")
        proto: onnx.ModelProto = program.model_proto
        return proto

    def load(self, folder: Path, model: ModelToExport) -> Callable[[Tensor], Tensor]:
        """Return the logits that onnxruntime computes on the CPU."""
        return ExportedClassifier.open(folder / MODEL).logits

    def first_difference(self, folder: Path, model: ModelToExport, images: Tensor) -> str:
        """Compare the outputs of the layers, in the order in which they run."""
        return first_difference(onnx.load(folder / MODEL), model, images)


_: ExporterFactory = OnnxFile


def properties(model: ModelToExport) -> dict[str, str]:
    """Return the metadata of a graph."""
    return {"cvkit": model.metadata_text()}


def script() -> str:
    """Return the text of the script that predicts files."""
    return files("cvkit_export").joinpath(SCRIPT).read_text(encoding="utf-8")
