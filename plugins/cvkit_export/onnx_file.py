"""ONNX: a graph from uint8 pixels to logits and probabilities, and a script that predicts files with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import onnx
import torch
from pydantic import Field
from torch import Tensor, nn

from cvkit import DataInfo, ExportedClassifier, Exporter, ExporterFactory, FileOutputs, ModelToExport

from .onnx_framing import FRAMED, framed, with_framing
from .onnx_layers import first_difference
from .quiet import quiet
from .script import SCRIPT, script

MODEL = "model.onnx"
_LARGEST = 1_900_000_000  # bytes of weights; a protobuf message has at most 2 GB


class OnnxFile(Exporter):
    """Write the model as an ONNX graph for any batch size, and a script that predicts image files with it.

    The graph takes ``images``, uint8 (B, C, H, W) of the model's size, and returns ``logits`` and ``probabilities``,
    float32 (B, K). The normalisation is in the graph. The metadata contain the classes, the framing, the thresholds
    and the run. ``predict.py`` needs onnxruntime, NumPy and Pillow only.

    Args:
        info: Channels, size and classes of the images.
        opset: The version of ONNX's operators, 18 to 23; programs of the last years read 18.
        framing: ``in-graph`` for a graph that takes images of any size, and resizes and crops them itself as the
            run's evaluation does; ``outside`` if the program that uses it does so.
    """

    files = (MODEL, SCRIPT)

    def __init__(
        self,
        info: DataInfo,
        *,
        opset: Annotated[int, Field(ge=18, le=23)] = 18,
        framing: Literal["outside", "in-graph"] = "outside",
    ) -> None:
        self.info, self.opset, self.takes_any_size = info, opset, framing == "in-graph"

    def export(self, model: ModelToExport, folder: Path) -> None:
        """Write the graph and the script."""
        self.save(self.graph(model), model, folder)

    def save(self, proto: onnx.ModelProto, model: ModelToExport, folder: Path) -> None:
        """Write a graph that `graph` returned, with its framing and metadata, and the script."""
        if self.takes_any_size:
            side = (self.info.height + 1, self.info.width + 2)  # other sizes would become constants
            framing = self._traced(model.framing(), side, [FRAMED], {0: "batch", 2: "height", 3: "width"})
            proto = with_framing(proto, framing)
        onnx.helper.set_model_props(proto, {"cvkit": model.metadata_text(framing_in_graph=self.takes_any_size)})
        onnx.checker.check_model(proto)
        onnx.save(proto, folder / MODEL)
        text = script(model, framing_in_graph=self.takes_any_size)
        (folder / SCRIPT).write_text(text, encoding="utf-8")

    def graph(self, model: ModelToExport) -> onnx.ModelProto:
        """Return the graph of a model for images of its size, without metadata."""
        size = sum(tensor.nbytes for tensor in model.network.state_dict().values())
        if size > _LARGEST:
            raise ValueError(f"its weights have {size:,} bytes, and a file of this format has at most 2 GB")
        serving = model.serving()
        return self._traced(serving, (self.info.height, self.info.width), serving.output_names, {0: "batch"})

    def _traced(
        self, module: nn.Module, size: tuple[int, int], outputs: Sequence[str], dynamic: dict[int, str]
    ) -> onnx.ModelProto:
        """Return the graph of a module for uint8 images; `dynamic` names the axes of any length."""
        images = torch.zeros((2, self.info.channels, *size), dtype=torch.uint8)  # one image would become a constant
        with quiet():
            program = torch.onnx.export(
                module,
                (images,),
                dynamo=True,
                opset_version=self.opset,
                input_names=["images"],
                output_names=[*outputs],
                dynamic_shapes=({axis: torch.export.Dim(name) for axis, name in dynamic.items()},),
                verbose=False,
            )
        if program is None:
            raise ValueError("torch returned no graph")
        proto: onnx.ModelProto = program.model_proto
        return proto

    def load(self, folder: Path, model: ModelToExport) -> Callable[[Tensor], Tensor]:
        """Return the logits that onnxruntime computes on the CPU."""
        return ExportedClassifier.open(folder / MODEL).logits

    def outputs(self, folder: Path, model: ModelToExport) -> Callable[[Tensor], FileOutputs]:
        """Return all outputs of the graph in onnxruntime on the CPU."""
        return ExportedClassifier.open(folder / MODEL).outputs

    def framed(self, folder: Path, model: ModelToExport) -> Callable[[Tensor], Tensor]:
        """Return the first part of the graph, which frames images, in onnxruntime on the CPU."""
        return framed(onnx.load(folder / MODEL))

    def first_difference(self, folder: Path, model: ModelToExport, images: Tensor) -> str:
        """Compare the outputs of the layers, in the order in which they run; framed images stay as they are."""
        if self.takes_any_size and torch.allclose(self.load(folder, model)(images), model.logits(images), atol=1e-3):
            return "in the framing, because the outputs are equal for images of the model's size"
        return first_difference(onnx.load(folder / MODEL), model, images)


_: ExporterFactory = OnnxFile
