"""The settings of a recipe for training, evaluation and the report. Components have their own options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from .coercion import Words
from .finetune_settings import FinetuneSettings
from .settings_group import MOST_EPOCHS, Settings

Precision = Literal["fp32", "bf16", "fp16"]
Rank = Literal["confidence", "loss", "margin"]
View = Literal[
    "identity",
    "horizontal_flip",
    "vertical_flip",
    "shift_up",
    "shift_down",
    "shift_left",
    "shift_right",
    "pixel_up_left",
    "pixel_down_right",
    "flipped_pixel_up_left",
    "flipped_pixel_down_right",
    "crop_90",
    "crop_80",
]
Fraction = Annotated[float, Field(gt=0, lt=1)]
FolderName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"),
    Words("a folder name (letters, digits, '.', '_' and '-')"),
]


Epochs = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
Workers = Annotated[int, Field(ge=0, le=256)]
PassEpochs = Annotated[
    tuple[Epochs, ...], Field(min_length=1), Words("a list in which each entry is a positive integer")
]


ObserverOptions = Annotated[dict[str, dict[str, Any]], Words("a mapping of plugins, each to its options")]
LossWeights = Annotated[
    dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]],
    Words("a mapping of loss terms, each to a number of at least 0"),
]


USUAL_THRESHOLD = 0.5
ThresholdRule = Annotated[
    Literal["validation"] | Fraction | tuple[Fraction, ...],
    Words("'validation', a number between 0 and 1, or a list of such numbers, one for each label"),
]


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
    batch_size: PositiveInt = Field(
        128, description="Images per forward and backward pass, of all processes together."
    )
    drop_last: bool = Field(True, description="Skip the last batch of an epoch if it is smaller than the others.")
    precision: Precision = Field("fp32", description="Number format of the forward pass; weights are always fp32.")
    channels_last: bool = Field(False, description="Store images and weights in channels-last memory order.")
    compile: bool = Field(False, description="Compile the model with torch.compile.")
    accumulate: PositiveInt = Field(1, description="Batches whose gradients are accumulated for one optimizer step.")
    sync_batch_norm: bool = Field(
        False,
        description="If several GPUs train together: normalise batches by the statistics of the images of all GPUs.",
    )
    clip_norm: PositiveFloat | None = Field(None, description="Largest norm of the gradient; null disables clipping.")
    ema: Fraction | None = Field(
        None,
        description="Largest decay per step of averaged weights, which are evaluated; null: no averaging.",
    )
    loss_weights: LossWeights = Field(
        {},
        description="Weight of each further term of the training loss that the model declares, such as an auxiliary "
        "output, by name; the loss of the logits has weight 1. Terms that are left out have the weight of the model.",
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
    views: tuple[View, ...] = Field(
        (),
        description="Also evaluate with the mean of the logits over these views of each image. shift_...: moved by a "
        "sixteenth; pixel_...: moved by one pixel in two directions, flipped_: after a horizontal flip; crop_90, "
        "crop_80: the middle 90 or 80 %, enlarged.",
    )
    flip_tta: bool = Field(
        False, description="Also evaluate with predictions averaged over each image and its mirror image."
    )
    views_at: Literal["each_epoch", "final"] = Field(
        "each_epoch",
        description="When views or flip_tta are used: after each epoch, or only after the last planned one.",
    )
    thresholds: ThresholdRule = Field(
        USUAL_THRESHOLD,
        description="For images with a set of labels: the lowest probability at which a label is predicted, one "
        "number or one for each label in the order of the classes; validation: chosen for each label by F1 on the "
        "validation images, after each epoch.",
    )


class SelectionSettings(Settings):
    """Choices that a run makes by a value on the validation images after each epoch."""

    metric: str | None = Field(
        None,
        description="What decides: loss, train_loss, or the name of one of the metrics; null: the main score, which "
        "is accuracy, or mean_average_precision for images with a set of labels.",
    )
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


class ReportSettings(Settings):
    """Settings of the report."""

    misclassified: NonNegativeInt = Field(48, description="Number of misclassified images to show and explain.")
    rank: Rank = Field(
        "confidence",
        description="Measure that ranks misclassified images; errors of label sets are always ranked by confidence.",
    )
    neighbours: NonNegativeInt = Field(
        10_000,
        description="Largest number of training images among which the report looks for those most similar to each "
        "error, a random sample if there are more; 0: none.",
    )
    augmented: NonNegativeInt = Field(16, description="Number of augmented training images to show.")
    audit: NonNegativeInt = Field(
        3_000,
        description="Largest data set of files, in images, in which the report looks for damaged images and "
        "duplicates; 0: the report has no section about the data.",
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
