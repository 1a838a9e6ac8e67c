"""What an exported file contains beside the weights, as JSON: classes, framing, thresholds, and the run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from typing import Annotated, Any

from pydantic import Field

from ..data.resizing import DEFAULT
from ..data.splits import DataInfo
from ..engine.abstention import Abstention
from ..engine.prediction_rule import PredictionRule, prediction_rule_of
from ..engine.trained_model import TrainedModel
from ..files.strict_json import Shape, read_json, require_shape
from ..recipe import Recipe, dump
from ..recipe.coercion import plain_value
from ..runs.json_files import AbstentionShape, DataInfoShape
from .decoding import FileDecoding

KEY = "cvkit"
"""The name under which formats with named metadata contain the JSON text of the metadata."""

FORMAT = 1
"""The version of the metadata; a reader refuses a later one."""

CERTIFICATE_PLACE = "0" * 64
"""Stands in a file for the SHA-256 of its certificate, which is made after the file."""


class _DecodingShape(Shape):
    bits: Annotated[int, Field(ge=9, le=16)] = 16
    max_megapixels: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    reader: str = ""


class _MetadataShape(Shape):
    format: Annotated[int, Field(ge=1)]
    info: DataInfoShape
    thresholds: list[Annotated[float, Field(ge=0, le=1)]]
    calibration: AbstentionShape | None = None
    run: str = ""
    checkpoint: str = ""
    framing_in_graph: bool = False
    decoding: _DecodingShape = _DecodingShape()


_DECODED = {field.name for field in fields(FileDecoding)}  # a later version may write more


@dataclass(frozen=True)
class FileMetadata:
    """What the metadata of a file says.

    Attributes:
        info: Channels, size, framing and classes of the images.
        prediction_rule: How logits become probabilities and predicted classes.
        run: The name of the run folder; empty if the file does not say it.
        checkpoint: After which step and epoch the weights were saved, in words; empty likewise.
        framing_in_graph: Whether the file takes images of any size and frames them itself.
        decoding: How the run decodes image files.
    """

    info: DataInfo
    prediction_rule: PredictionRule
    run: str
    checkpoint: str
    framing_in_graph: bool
    decoding: FileDecoding


def metadata_of(recipe: Recipe, trained: TrainedModel, run: str, checkpoint: str) -> dict[str, Any]:
    """Return the metadata of a run's model as JSON values.

    `run` is the name of the run folder and `checkpoint` describes the weights.
    """
    part = recipe.model
    return metadata_values(trained, part.entry.id, part.options) | {
        "run": run,
        "decoding": FileDecoding.of(recipe).to_json(),
        "recipe": recipe.name,
        "recipe_sha256": hashlib.sha256(dump(recipe).encode()).hexdigest(),
        "checkpoint": checkpoint,
    }


def metadata_values(trained: TrainedModel, model: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata of a model with this id and these options, without those of its run.

    The framing is always given, also for a data set whose images all have the model's size: as `cvkit.load` frames
    files then.
    """
    info = trained.info
    return {
        "format": FORMAT,
        "cvkit_version": version("cvkit-core"),
        "model": model,
        "model_options": plain_value(dict(options)),
        "info": info.to_json() | {"framing": (info.framing or DEFAULT).to_json()},
        "thresholds": list(trained.thresholds),
        "calibration": None if trained.abstention is None else trained.abstention.to_json(),
        "decoding": FileDecoding().to_json(),
        "certificate_sha256": CERTIFICATE_PLACE,
    }


def read_metadata(text: str) -> FileMetadata:
    """Return what the metadata of a file says.

    Raises `ValueError` if they are damaged, do not fit together, or if a later version of cvkit wrote them.
    """
    values = read_json(text.encode())
    require_shape(_MetadataShape, values)
    if values["format"] > FORMAT:
        raise ValueError(f"its metadata has format {values['format']}; this version of cvkit reads up to {FORMAT}")
    info = DataInfo.from_json(values["info"])
    if len(info.mean) != info.channels or len(info.std) != info.channels:
        raise ValueError("its metadata has another number of channels than of means or standard deviations")
    thresholds = tuple(values["thresholds"])
    if len(thresholds) not in (0, info.num_classes):
        raise ValueError("its metadata has another number of thresholds than of classes")
    calibration = values.get("calibration")
    abstention = None if calibration is None else Abstention.from_json(calibration)
    if abstention is not None and len(abstention.temperatures) not in (1, info.num_classes):
        raise ValueError("its metadata has another number of temperatures than of classes")
    rule = prediction_rule_of(info.task, thresholds, abstention)
    in_graph = values.get("framing_in_graph", False)
    decoding = FileDecoding(**{name: value for name, value in values.get("decoding", {}).items() if name in _DECODED})
    return FileMetadata(info, rule, values.get("run", ""), values.get("checkpoint", ""), in_graph, decoding)
