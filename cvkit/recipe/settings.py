"""The settings of a recipe for training, evaluation and the report. Components have their own options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    create_model,
)
from typing_extensions import TypedDict

from ..signatures.signature import MISSING, Option
from .coercion import Words

Precision = Literal["fp32", "bf16", "fp16"]
Rank = Literal["confidence", "loss", "margin"]
Fraction = Annotated[float, Field(gt=0, lt=1)]
FolderName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"),
    Words("a folder name (letters, digits, '.', '_' and '-')"),
]


MOST_EPOCHS = 1_000_000
"""Largest number of epochs. The bound catches typing errors that would plan an endless schedule."""
Epochs = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
Workers = Annotated[int, Field(ge=0, le=256)]
PassEpochs = Annotated[
    tuple[Epochs, ...], Field(min_length=1), Words("a list in which each entry is a positive integer")
]


ObserverOptions = Annotated[dict[str, dict[str, Any]], Words("a mapping of plugins, each to its options")]


class Settings(BaseModel):
    """A group of settings. Unknown keys and values of the wrong type are errors; instances are immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def options(cls) -> dict[str, Option]:
        """Return the settings in the form of component options, so that both are checked in the same way."""
        return {
            name: Option(
                name=name,
                annotation=str(field.annotation),
                type=Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation,
                default=MISSING if field.is_required() else field.default,
            )
            for name, field in cls.model_fields.items()
        }

    def values(self) -> dict[str, Any]:
        """Return every setting by name."""
        return dict(self)


class GeneralSettings(Settings):
    """The top-level settings of a recipe."""

    name: FolderName = Field("recipe", description="Name of the run. Default: the file name of the recipe.")
    seed: NonNegativeInt = Field(0, description="Seed of all random numbers in the run.")
    requires: tuple[str, ...] = Field(
        (), description="Distributions that the recipe requires, with accepted versions, such as cvkit-acme>=1.2."
    )
    shorter: Path | None = Field(
        None, description="Path of a quicker recipe, which is suggested if this one takes long."
    )


class TrainSettings(Settings):
    """Settings of training."""

    epochs: Epochs = Field(10, description="Number of passes over the training images.")
    schedule_epochs: PassEpochs | None = Field(
        None,
        description="Epochs of each pass of the schedule; the last learning rate is then kept. null: one pass.",
    )
    batch_size: PositiveInt = Field(128, description="Images per forward and backward pass.")
    drop_last: bool = Field(True, description="Skip the last batch of an epoch if it is smaller than the others.")
    precision: Precision = Field("fp32", description="Number format of the forward pass; weights are always fp32.")
    channels_last: bool = Field(False, description="Store images and weights in channels-last memory order.")
    compile: bool = Field(False, description="Compile the model with torch.compile.")
    accumulate: PositiveInt = Field(1, description="Batches whose gradients are accumulated for one optimizer step.")
    clip_norm: PositiveFloat | None = Field(None, description="Largest norm of the gradient; null disables clipping.")
    ema: Fraction | None = Field(
        None,
        description="Largest decay per step of averaged weights, which are evaluated; null: no averaging.",
    )
    device: str = Field("auto", description="Torch device, such as cpu or cuda:0; auto chooses one.")
    checkpoint_every: PositiveInt | None = Field(
        None,
        description="Optimizer steps between checkpoints within an epoch. Every epoch also ends with a checkpoint.",
    )
    max_steps: PositiveInt | None = Field(
        None, description="Stop after this number of optimizer steps. The schedule is still planned for all epochs."
    )
    workers: Workers = Field(2, description="Processes that load images, for data that are streamed from files.")
    resident: bool | Literal["auto"] = Field(
        "auto",
        description="Keep the whole data set in device memory; auto does so if it fits. If single images are "
        "augmented, true keeps the decoded images in the memory of the machine instead, as cache: memory does.",
    )
    cache: Literal["memory", "disk"] | None = Field(
        None,
        description="Decode each image of a streamed data set once, and keep it in the memory of the machine or on "
        "the disk, in the data folder; null: decode it each time.",
    )

    @property
    def passes(self) -> tuple[int, ...]:
        """The number of epochs of each pass of the schedule, in order."""
        return self.schedule_epochs or (self.epochs,)

    def steps(self, steps_per_epoch: int) -> int:
        """Return the total number of optimizer steps of training."""
        total = self.epochs * steps_per_epoch
        return min(total, self.max_steps or total)


class EvaluationSettings(Settings):
    """Settings of evaluation."""

    test: Literal["auto", "final", "each_epoch"] = Field(
        "auto",
        description="When the test images are evaluated: final: once, after training; each_epoch: also after each "
        "epoch; auto: final if there are validation images, else each_epoch.",
    )

    batch_size: PositiveInt = Field(
        500,
        description="Images per batch of the evaluation; for streamed images, at most train.batch_size.",
    )
    flip_tta: bool = Field(
        False, description="Also evaluate with predictions averaged over each image and its mirror image."
    )


class SelectionSettings(Settings):
    """Choices that a run makes by a value on the validation images after each epoch."""

    metric: str = Field("accuracy", description="What decides: accuracy, loss, or the name of one of the metrics.")
    goal: Literal["auto", "max", "min"] = Field(
        "auto",
        description="Whether the highest or the lowest value is the best; auto: min for loss and for metrics whose "
        "lowest value is the best, such as ece, else max.",
    )
    keep_best: bool = Field(
        False, description="Evaluate and report the weights of the best epoch instead of those of the last one."
    )
    patience: PositiveInt | None = Field(
        None, description="Stop early after this number of epochs without a better value; null: never."
    )
    min_change: NonNegativeFloat = Field(0.0, description="Smallest difference that counts as a better value.")

    @property
    def chooses(self) -> bool:
        """Whether the run makes any choice."""
        return self.keep_best or self.patience is not None


class Freeze(TypedDict, total=False):
    """What is not trained."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]  # pydantic reads it here

    epochs: Annotated[int, Field(ge=0, le=MOST_EPOCHS)]
    batch_norm: Literal["always", "with_body", "never"]
    body: list[str]


FreezeOption = Annotated[
    Freeze, Words("a mapping with epochs (a number), batch_norm (always, with_body or never) and body (a list)")
]


class _FinetuneSettings(Settings):
    head: Literal["zeros", "normal", "model"] | None = Field(
        None,
        description="Initial weights of the last layer: zeros; normal: with a standard deviation of 0.01; model: as "
        "the model draws them. null: zeros if pretrained weights were loaded but none for this layer, else model.",
    )
    freeze: FreezeOption | None = Field(
        None,
        description="What is not trained. epochs: so many epochs, from the first one, train only the head (default "
        "0). batch_norm: when weights and statistics of the body's batch normalisation do not change: always, "
        "with_body (default) or never. body: patterns of the names of modules that are frozen (default: all but the "
        "head).",
    )
    head_lr: PositiveFloat = Field(
        1.0,
        description="Learning rate of the head relative to the body's. The rates of the optimizer and the scheduler "
        "are the head's, so 10 trains the body with a tenth of them.",
    )
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="Factor between the learning rates of a layer and of the layer above it, in (0, 1]; the head has "
        "the rates of the optimizer and the scheduler. null: one rate for the whole body.",
    )
    no_decay: tuple[Literal["bias", "norm"], ...] = Field(
        (), description="Weights without weight decay: bias: all biases; norm: the weights of normalisation layers."
    )

    @property
    def source(self) -> Path | None:
        """The run folder whose model is the start, the setting ``from``."""
        found: Path | None = getattr(self, "from")
        return found

    @property
    def groups(self) -> bool:
        """Whether the optimizer gets more than one parameter group."""
        return self.head_lr != 1.0 or self.layer_decay is not None or bool(self.no_decay)


_From = (Path | None, Field(None, description="Folder of another run whose trained model is the start; null: none."))


class FinetuneSettings(create_model("_From", __base__=_FinetuneSettings, **{"from": _From})):  # type: ignore[misc]  # `from` is a keyword
    """Settings of fine-tuning, for any model and optimizer."""


class ReportSettings(Settings):
    """Settings of the report."""

    misclassified: NonNegativeInt = Field(48, description="Number of misclassified images to show and explain.")
    rank: Rank = Field("confidence", description="Measure that ranks misclassified images.")
    augmented: NonNegativeInt = Field(16, description="Number of augmented training images to show.")
    audit: NonNegativeInt = Field(
        3_000,
        description="Largest data set of files, in images, in which the report looks for damaged images and "
        "duplicates; 0: the report says nothing about the data's faults.",
    )


class PluginSettings(Settings):
    """Settings of the installed plugins."""

    disable: tuple[str, ...] = Field((), description="Names of plugins to disable.")
    observers: ObserverOptions = Field({}, description="Options of plugins that observe the run, by plugin name.")


SECTIONS: dict[str, type[Settings]] = {
    "train": TrainSettings,
    "evaluation": EvaluationSettings,
    "selection": SelectionSettings,
    "finetune": FinetuneSettings,
    "report": ReportSettings,
    "plugins": PluginSettings,
}
"""The groups of settings of a recipe, by key."""
