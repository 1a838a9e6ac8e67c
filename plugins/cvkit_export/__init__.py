"""Declare exporters: formats in which other programs use a trained model."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl

_ONNX = ("onnx>=1.17", "onnxscript>=0.5", "onnxruntime>=1.20")  # the extra `onnx`


@hookimpl
def cvkit_exporters() -> Iterator[Component]:
    """Declare one exporter for each format."""
    yield Component(
        "onnx",
        "cvkit_export.onnx_file:OnnxFile",
        summary="ONNX: pixels in, probabilities out, with a script that predicts files without torch",
        requires=_ONNX,
    )
    yield Component(
        "onnx_int8",
        "cvkit_export.int8:Int8OnnxFile",
        summary="ONNX in 8-bit integers, with ranges measured on training images; the classes of some images change",
        requires=_ONNX,
    )
    yield Component(
        "torch", "cvkit_export.program:Program", summary="torch.export: pixels in, probabilities out, for torch alone"
    )
    yield Component(
        "safetensors",
        "cvkit_export.weights:Safetensors",
        summary="Weights of a timm or torchvision model for that library, with a model card",
    )
    yield Component(
        "hub",
        "cvkit_export.weights:Hub",
        summary="A timm model in the layout of the Hugging Face hub; nothing is uploaded",
        requires=("timm>=1.0.16",),  # the first that reads such a folder as local-dir:
    )
