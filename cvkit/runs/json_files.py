"""The schema of a run folder's JSON files, and the only code that reads them. It does not need torch.

Unknown fields are accepted, because a later cvkit may write them, and a field that an earlier cvkit did not write may
be missing. A new field of run.json must be declared here, because the files may come from a stranger.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ..data.framing import Decoding, FramingMode, Interpolation
from ..engine.records import EpochRecord
from ..figures.finding import Mark
from ..files.strict_json import Count, Number, Shape, read_json, require_shape
from ..recipe.settings import FolderName
from ..tasks import SINGLE_LABEL, TASKS

LARGEST = {
    "run.json": 1 << 24,
    "tuning.json": 1 << 26,
    "calibration.json": 1 << 24,
    "metrics.jsonl": 1 << 30,
    "predictions.csv": 1 << 30,
    "data.csv": 1 << 30,
}
"""Maximum sizes in bytes: 16 MiB for run.json and the calibration, 64 MiB for range tests, 1 GiB for epoch records,
predictions and the files of the data set."""

_Scalar = str | int | float | bool | None
_Pixels = Annotated[int, Field(ge=1, le=65_536)]
_MOST_VALUES = 1 << 28  # of an image, 256 MiB as uint8, so that a damaged size does not use up the memory
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Fraction = Annotated[float, Field(ge=0, le=1)]
_Measured = Annotated[
    float, Field(ge=-1e300, le=1e300)
]  # bounded, so that a difference of two, as on an axis, is finite


class _Framing(Shape):
    mode: FramingMode
    interpolation: Interpolation | None = None
    crop_pct: Annotated[float, Field(gt=0, le=1)] | None = None
    decode: Decoding = "full"


class DataInfoShape(Shape):
    """The schema of the properties of a data set, in run.json and in exported files."""

    channels: Annotated[int, Field(ge=1, le=65_536)]
    height: _Pixels
    width: _Pixels
    classes: Annotated[list[str], Field(min_length=1)]
    mean: list[Number]
    std: list[_Positive]
    framing: _Framing | None = None
    fixed_normalisation: bool = False
    task: Annotated[str, Field(pattern=f"^({'|'.join(TASKS)})$")] = SINGLE_LABEL.name

    @model_validator(mode="after")
    def _one_a_channel(self) -> Self:
        if not {len(self.mean), len(self.std)} <= {1, self.channels}:  # one number applies to all channels
            raise ValueError("mean and std must each have one number per channel")
        return self

    @model_validator(mode="after")
    def _of_a_possible_size(self) -> Self:
        if (values := self.channels * self.height * self.width) > _MOST_VALUES:
            raise ValueError(f"an image has {values:,} values, but images have at most {_MOST_VALUES:,}")
        return self

    @model_validator(mode="after")
    def _classes_with_names(self) -> Self:
        if twice := [name for name, count in Counter(self.classes).items() if count > 1]:
            raise ValueError(f"the class '{twice[0]}' is there twice")
        return self


class _Component(Shape):
    place: str
    id: str
    distribution: str
    version: str
    file: str = ""
    url: str = ""
    source: str = ""
    requires: dict[str, str] = Field({})


class _Session(Shape):
    after_step: Count
    components: list[_Component]
    environment: dict[str, _Scalar]


class _Extension(Shape):
    source: Annotated[str, Field(alias="from")]
    after_step: Count
    epochs: Count
    schedule: str
    became: str


class _Input(Shape):
    mean: list[Number]
    std: list[_Positive]
    interpolation: Interpolation | None = None
    crop_pct: Annotated[float, Field(gt=0)] | None = None


class _Pretrained(Shape):
    source: str
    sha256: str
    new_head: bool
    missing: list[str]
    unexpected: list[str]
    input: _Input | None


class _ParameterGroup(Shape):
    name: str
    lr_factor: Number
    weight_decay: bool
    weights: Count


class _Result(Shape):
    half: Literal["test", "validation"]
    score_name: str
    score: _Fraction
    loss: _Measured
    epoch: Count
    metrics: dict[str, _Measured] = Field({})


class _Repository(Shape):
    folder: str
    commit: str
    changed: list[str]
    problem: str = ""


class _Finding(Shape):
    rule: str
    mark: Mark
    text: str
    advice: str
    where: str
    weight: Number


class RunInfo(Shape):
    """The schema of run.json."""

    name: FolderName = "run"
    status: str = ""
    started: str = ""
    finished: str = ""
    finished_early: bool = False
    result: _Result | None = None
    error: str = ""
    data: str = ""
    data_is_dataset: bool = False
    data_info: DataInfoShape | None = None
    data_account: list[str] = Field([])
    warnings: list[str] = Field([])
    components: list[_Component] = Field([])
    environment: dict[str, _Scalar] = Field({})
    sessions: list[_Session] = Field([])
    trained: bool = False
    extended: list[_Extension] = Field([])
    pretrained: _Pretrained | None = None
    parameter_groups: list[_ParameterGroup] = Field([])
    fixed_weights: dict[str, str] = Field({})
    repositories: list[_Repository] = Field([])
    findings: list[_Finding] = Field([])


class _Tuned(Shape):
    tuner: str
    sets: str
    name: FolderName
    title: str
    caption: str
    value: Any
    data: dict[str, Any]
    description: str = ""


class _Tuning(Shape):
    results: list[_Tuned]


class _Record(Shape):
    epoch: Annotated[int, Field(ge=1, le=1 << 53)]
    step: Count
    train_loss: _Measured
    train_accuracy: _Fraction | None
    test_loss: _Measured | None
    test_accuracy: _Fraction | None
    learning_rate: _Measured
    images_per_second: _Positive
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    step_losses: Annotated[list[_Measured], Field(min_length=1)]
    step_lrs: list[_Measured]
    step_momenta: list[_Measured]
    accuracy_tta: _Fraction | None = None
    accuracy_unaveraged: _Fraction | None = None
    test_accuracy_tta: _Fraction | None = None  # the names until 0.1
    test_accuracy_unaveraged: _Fraction | None = None
    metrics: dict[str, _Measured] = Field({})
    validation_loss: _Measured | None = None
    validation_accuracy: _Fraction | None = None
    group_lrs: dict[str, _Measured] = Field({})
    tta_views: list[str] = Field([])
    decisions: list[str] = Field([])
    train_terms: dict[str, _Measured] = Field({})
    score_name: str = SINGLE_LABEL.score
    scores: dict[str, _Fraction] = Field({})
    thresholds: list[_Fraction] = Field([])

    @model_validator(mode="after")
    def _evaluated(self) -> Self:
        if self.test_loss is None and self.validation_loss is None:
            raise ValueError("neither test_loss nor validation_loss is a number")
        for half in ("test", "validation"):
            score = self.scores.get(half) if self.scores else getattr(self, f"{half}_accuracy")
            if (getattr(self, f"{half}_loss") is None) != (score is None):
                name = f"the {self.score_name} of {half}" if self.scores else f"{half}_accuracy"
                raise ValueError(f"{half}_loss and {name} must both be numbers or both be null")
        return self

    @model_validator(mode="after")
    def _one_a_step(self) -> Self:
        taken = len(self.step_losses)
        if len(self.step_lrs) != taken or len(self.step_momenta) not in (0, taken):
            raise ValueError("step_losses, step_lrs and step_momenta must have the same length")
        if self.step < taken:
            raise ValueError(f"step {self.step:,} is less than the number of steps in this epoch, {taken:,}")
        return self


class AbstentionShape(Shape):
    """The schema of a calibration, in calibration.json and in exported files."""

    temperatures: Annotated[list[_Positive], Field(min_length=1)]
    biases: list[Number] = Field([])
    rule: Literal["threshold", "conformal"]
    level: _Fraction

    @model_validator(mode="after")
    def _one_a_class(self) -> Self:
        if len(self.biases) != (0 if len(self.temperatures) == 1 else len(self.temperatures)):
            raise ValueError("there must be one temperature, or a temperature and a bias for each class")
        return self


class _Calibration(AbstentionShape):
    weights: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def read_calibration(content: bytes) -> dict[str, Any]:
    """Return the content of calibration.json; raise `ValueError` that names an invalid value."""
    found = read_json(content)
    require_shape(_Calibration, found)
    return dict(found)


def read_info(content: bytes) -> dict[str, Any]:
    """Return the content of run.json; raise `ValueError` that names an invalid value."""
    return checked_info(read_json(content))


def checked_info(info: Any) -> dict[str, Any]:
    """Return `info` if it is valid content of run.json; raise `ValueError` that names an invalid value."""
    require_shape(RunInfo, info)
    return dict(info)


def read_tuning(content: bytes) -> list[dict[str, Any]]:
    """Return the content of tuning.json; raise `ValueError` that names an invalid value."""
    return checked_tuning(read_json(content))


def checked_tuning(results: Any) -> list[dict[str, Any]]:
    """Return `results` if they are valid content of tuning.json; raise `ValueError` that names an invalid value."""
    require_shape(_Tuning, {"results": results})
    return list(results)


def read_record(line: bytes) -> EpochRecord:
    """Return the record in a line of metrics.jsonl; raise `ValueError` that names an invalid value."""
    return checked_record(read_json(line))


def checked_record(data: Any) -> EpochRecord:
    """Return the record in a parsed line of metrics.jsonl; raise `ValueError` that names an invalid value."""
    require_shape(_Record, data)
    try:
        return EpochRecord.from_json(data)
    except TypeError:
        unknown = ", ".join(sorted(data.keys() - _Record.model_fields.keys()))
        raise ValueError(f"it contains fields that this version of cvkit does not know: {unknown}") from None
