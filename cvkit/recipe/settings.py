"""The recipe's own settings: how to train, evaluate and report. Components bring their own options."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

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
"""Epochs of a run. The bound only keeps a slip of the keyboard from planning a schedule that is never computed."""
Epochs = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
Workers = Annotated[int, Field(ge=0, le=256)]
PassEpochs = Annotated[tuple[Epochs, ...], Field(min_length=1), Words("a list, each a positive integer")]


ObserverOptions = Annotated[dict[str, dict[str, Any]], Words("a mapping of plugins, each to its options")]


class Settings(BaseModel):
    """A group of settings: every key known, every value of its exact type, never changed in place."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def options(cls) -> dict[str, Option]:
        """Return the settings in the form of a component's options, so that both are checked alike."""
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
    """What stands at the top of a recipe."""

    name: FolderName = Field("recipe", description="What the run is called; the recipe's file name by default.")
    seed: NonNegativeInt = Field(0, description="Everything random in the run follows from this number.")
    requires: tuple[str, ...] = Field(
        (), description="Distributions the recipe needs, each with the versions it accepts, such as cvkit-acme>=1.2."
    )
    shorter: str | None = Field(None, description="A quicker recipe, named to the user where this one takes long.")


class TrainSettings(Settings):
    """How the model is trained."""

    epochs: Epochs = Field(10, description="Passes over the training images.")
    schedule_epochs: PassEpochs | None = Field(
        None, description="Epochs of each pass of the schedule; then its last rate is held. null is one over all."
    )
    batch_size: PositiveInt = Field(128, description="Images in a batch, the unit of one forward and backward pass.")
    drop_last: bool = Field(True, description="Leave out an epoch's last batch where it is smaller than the others.")
    precision: Precision = Field("fp32", description="Number format of the forward pass; the weights stay fp32.")
    channels_last: bool = Field(False, description="Keep images and weights in channels-last memory order.")
    compile: bool = Field(False, description="Compile the model with torch.compile.")
    accumulate: PositiveInt = Field(1, description="Batches whose gradients make one optimizer step.")
    clip_norm: PositiveFloat | None = Field(None, description="Largest norm of the gradient; null does not clip.")
    ema: Fraction | None = Field(
        None, description="Largest decay per step of the averaged weights that are evaluated; null does not average."
    )
    device: str = Field("auto", description="Where to run, as torch names it, such as cpu or cuda:0; auto chooses.")
    checkpoint_every: PositiveInt | None = Field(
        None, description="Optimizer steps between checkpoints within an epoch; every epoch's end has one anyway."
    )
    max_steps: PositiveInt | None = Field(
        None, description="Stop after so many optimizer steps; the schedule is still planned for all epochs."
    )
    workers: Workers = Field(2, description="Processes that load images, for data streamed from files.")
    resident: bool | Literal["auto"] = Field(
        "auto", description="Keep the data set on the device whole; auto does so where it fits."
    )

    @property
    def passes(self) -> tuple[int, ...]:
        """Epochs of each pass of the schedule, one after another."""
        return self.schedule_epochs or (self.epochs,)

    def steps(self, steps_per_epoch: int) -> int:
        """Return how many optimizer steps the training takes in all."""
        total = self.epochs * steps_per_epoch
        return min(total, self.max_steps or total)


class EvaluationSettings(Settings):
    """How the model is tested."""

    batch_size: PositiveInt = Field(
        500,
        description="Images in a batch of the evaluation; of streamed images, at most train.batch_size.",
    )
    flip_tta: bool = Field(False, description="Also score the mean over each image and its mirror image.")


class ReportSettings(Settings):
    """What the report shows."""

    misclassified: NonNegativeInt = Field(48, description="Misread images to show and explain.")
    rank: Rank = Field("confidence", description="What makes one misread image worse than another.")
    augmented: NonNegativeInt = Field(16, description="Augmented training images to show.")


class PluginSettings(Settings):
    """Which installed plugins take part."""

    disable: tuple[str, ...] = Field((), description="Plugins to leave out, by name.")
    observers: ObserverOptions = Field({}, description="Options of the plugins that observe the run, by plugin.")


SECTIONS: dict[str, type[Settings]] = {
    "train": TrainSettings,
    "evaluation": EvaluationSettings,
    "report": ReportSettings,
    "plugins": PluginSettings,
}
"""The recipe's groups of settings, by key."""
