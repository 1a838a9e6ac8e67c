"""ONNX in 8 bits: weights and activations as integers, whose ranges are measured on training images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from pydantic import Field

from cvkit import DataInfo, ExporterFactory, ModelToExport

from .onnx_file import OnnxFile
from .quiet import quiet

if TYPE_CHECKING:
    from cvkit import Background

_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


class Int8OnnxFile(OnnxFile):
    """Write the model as an ONNX graph that computes with 8-bit integers, a quarter of the size.

    onnxruntime's static quantization replaces weights (7 bits, for each output channel) and activations (8 bits). The
    ranges of the activations are those of up to 64 training images. Classes of some images change, so only 98 % of
    the images must keep theirs, unless the user requires more.

    Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", arXiv:1712.05877.

    Args:
        info: Channels, size and classes of the images.
        samples: Training images, uint8.
        opset: The version of ONNX's operators, 18 to 23.
        framing: ``in-graph`` for a graph that takes images of any size and frames them itself, or ``outside``.
        ranges: How the range of an activation follows from its values: their extremes, the range that loses least
            information (``entropy``), or their percentiles.
    """

    agreement = 0.98

    def __init__(
        self,
        info: DataInfo,
        samples: Background,
        *,
        opset: Annotated[int, Field(ge=18, le=23)] = 18,
        framing: Literal["outside", "in-graph"] = "outside",
        ranges: Literal["minmax", "entropy", "percentile"] = "minmax",
    ) -> None:
        super().__init__(info, opset=opset, framing=framing)
        self.samples, self.method = samples, _METHODS[ranges]

    def export(self, model: ModelToExport, folder: Path) -> None:
        """Write the quantized graph and the script."""
        images = self.samples.images.cpu().numpy()
        with TemporaryDirectory(prefix="cvkit-int8-") as scratch, quiet():
            whole, prepared, made = (Path(scratch) / f"{name}.onnx" for name in ("whole", "prepared", "made"))
            onnx.save(self.graph(model), whole)
            quant_pre_process(whole, prepared, skip_symbolic_shape=True)
            quantize_static(
                prepared,
                made,
                _Images(images),
                per_channel=True,
                reduce_range=True,  # sums of 8-bit weights overflow on CPUs without VNNI: an error of 11 %, not 2 %
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8,
                calibrate_method=self.method,
                nodes_to_exclude=_after_logits(onnx.load(prepared).graph),
            )
            proto = onnx.load(made)
        self.save(proto, model, folder)


_: ExporterFactory = Int8OnnxFile


def _after_logits(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the nodes from the logits to the probabilities: 8 bits would make unlike ones equal."""
    known, names = {"logits"}, []
    for node in graph.node:  # in the order in which they run
        if known & {*node.input}:
            known |= {*node.output}
            names.append(node.name)
    return names


class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Gives onnxruntime the images one by one."""

    def __init__(self, images: np.ndarray[Any, Any]) -> None:
        self._batches: Iterator[np.ndarray[Any, Any]] = iter(np.split(images, len(images)))

    def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
        """Return the next image as the input of the graph, or None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {"images": batch}
