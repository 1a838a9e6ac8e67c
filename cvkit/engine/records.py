"""What is measured: a `EpochRecord` for each epoch, and the `Predictions` of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch measured. Losses are means over samples, accuracies fractions in [0, 1].

    Training figures are running ones: taken on augmented images while the weights move. `step_losses`,
    `step_lrs` and `step_momenta` hold one value per optimizer step (`step_momenta` is empty where the optimizer
    has no momentum or beta). `learning_rate` is the last step's. `seconds` is training time without evaluation;
    `images_per_second` is over that time. `test_accuracy_tta`, where asked for, averages over horizontal flips.
    `test_accuracy_unaveraged`: of the trained weights, where those evaluated are averages of them.
    `metrics`: the value of each of the recipe's metrics on the test images, by name.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    learning_rate: float
    images_per_second: float
    seconds: float
    step_losses: tuple[float, ...]
    step_lrs: tuple[float, ...]
    step_momenta: tuple[float, ...] = ()
    test_accuracy_tta: float | None = None
    test_accuracy_unaveraged: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> EpochRecord:
        """Return the record that `to_json` wrote."""
        series = {key: tuple(data[key]) for key in ("step_losses", "step_lrs", "step_momenta")}
        return cls(**{**data, **series})


@dataclass(frozen=True)
class Predictions:
    """What a model says of every image of a split, in the split's order, on the CPU.

    `logits`: float32 (N, K). `labels`: int64 (N,). `loss`: the mean loss over the split.
    """

    logits: Tensor
    labels: Tensor
    loss: float

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, float32 (N, K)."""
        return self.logits.softmax(dim=1)

    @cached_property
    def predicted(self) -> Tensor:
        """The most probable class of each image, int64 (N,)."""
        return self.logits.argmax(dim=1)

    @cached_property
    def correct(self) -> Tensor:
        """Whether each image was classified correctly, bool (N,)."""
        return self.predicted == self.labels

    @property
    def accuracy(self) -> float:
        """The fraction classified correctly, from the exact count."""
        return int(self.correct.sum()) / len(self.labels)
