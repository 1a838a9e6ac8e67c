"""The framing of images as the first part of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import torch
from onnx.compose import add_prefix, merge_models
from onnx.utils import Extractor
from torch import Tensor

FRAMED = "framed"
"""The name of the framed images in the graph."""


def with_framing(network: onnx.ModelProto, framing: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph that frames ``images`` of any size and computes the outputs of `network` from the result.

    `framing` is a graph from ``images`` to ``framed``.
    """
    for node in network.graph.node:
        node.input[:] = [FRAMED if name == "images" else name for name in node.input]
    network.graph.input[0].name = FRAMED
    framing.ir_version = network.ir_version = max(framing.ir_version, network.ir_version)
    framing = add_prefix(framing, "framing/", rename_inputs=False, rename_outputs=False)
    merged: onnx.ModelProto = merge_models(framing, network, io_map=[(FRAMED, FRAMED)])
    merged.graph.value_info.append(framing.graph.output[0])
    return merged


def framed(proto: onnx.ModelProto) -> Callable[[Tensor], Tensor]:
    """Return a function that computes the framed images of a graph with framing."""
    part = Extractor(proto).extract_model(["images"], [FRAMED])
    session = onnxruntime.InferenceSession(part.SerializeToString(), providers=["CPUExecutionProvider"])

    def compute(images: Tensor) -> Tensor:
        (made,) = session.run(None, {"images": np.ascontiguousarray(images.numpy())})
        return torch.from_numpy(np.asarray(made))

    return compute
