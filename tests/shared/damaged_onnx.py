"""ONNX files whose weights are changed, as a faulty exporter might."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx


def with_noise(file: Path, layer: int, scale: float = 1.0) -> None:
    """Add noise to the weights of the n-th convolution of an ONNX file, as a faulty exporter might."""
    proto = onnx.load(file)
    convolutions = [node for node in proto.graph.node if node.op_type == "Conv"]
    name = convolutions[layer].input[1]
    (weights,) = [tensor for tensor in proto.graph.initializer if tensor.name == name]
    values = onnx.numpy_helper.to_array(weights)
    noise = np.random.default_rng(0).normal(0, scale, values.shape).astype(values.dtype)
    weights.CopyFrom(onnx.numpy_helper.from_array(values + noise, name))
    onnx.save(proto, file)
