"""Find the first layer of an ONNX graph whose output differs from that of the torch model.

torch.onnx notes for each node of the graph in which modules it was traced. The output of the last node of a module is
compared with what the module returns in torch. Nodes that torch's optimiser merged have the name of one module only,
so modules whose output has another shape, or none in the graph, are skipped.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from cvkit import ModelToExport

_SCOPES = "pkg.torch.onnx.name_scopes"
_PREFIX = "network."
_TOLERANCE = 1e-3  # of the largest value of the layer's output; rounding is about 1e-6 of it


def first_difference(proto: onnx.ModelProto, model: ModelToExport, images: Tensor) -> str:
    """Return the first differing layer as a phrase, or an empty text if no layer of the graph can be compared."""
    expected = _outputs_in_torch(model, images)
    ends = _ends(proto, expected)
    if not ends:
        return ""
    proto.graph.output.extend(onnx.helper.make_empty_tensor_value_info(value) for value in ends.values())
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    found = dict(zip(ends, session.run([*ends.values()], {"images": images.numpy()}), strict=True))
    before = ""
    for name, output in expected.items():
        if name not in found or found[name].shape != tuple(output.shape):
            continue
        gap = float(np.abs(found[name].astype(np.float64) - output.double().numpy()).max())
        if not gap <= _TOLERANCE * max(1e-6, float(output.abs().max())):
            since = f"; they agree after '{before}'" if before else ""
            return f"after layer '{name}', by up to {gap:.2g}{since}"
        before = name
    return "after the last layer that can be compared, " + f"'{before}'" if before else ""


@torch.no_grad()
def _outputs_in_torch(model: ModelToExport, images: Tensor) -> dict[str, Tensor]:
    """Return the output of each module without children, in the order in which they run."""
    serving = model.serving()
    outputs: dict[str, Tensor] = {}

    def noted(name: str) -> Any:
        def note(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and name not in outputs:
                outputs[name] = output.detach().clone()  # a later layer may write to it

        return note

    for name, module in serving.network.named_modules():
        if name and not [*module.children()]:
            module.register_forward_hook(noted(name))
    serving(images)
    return outputs


def _ends(proto: onnx.ModelProto, layers: dict[str, Tensor]) -> dict[str, str]:
    """Return, for each layer that has nodes in the graph, the name of its last value."""
    produced = {output.name for output in proto.graph.output}
    ends: dict[str, str] = {}
    for node in proto.graph.node:
        for place in node.metadata_props:
            if place.key == _SCOPES and node.output[0] not in produced:
                for scope in _names(place.value):
                    if (layer := scope.removeprefix(_PREFIX)) in layers:
                        ends[layer] = node.output[0]
    return ends


def _names(text: str) -> list[str]:
    try:
        return [str(name) for name in ast.literal_eval(text)]
    except (ValueError, SyntaxError):
        return []
