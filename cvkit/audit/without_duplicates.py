"""The accuracy of a run with and without the images that have a duplicate among the training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..formatting import counted, score_percent


@dataclass(frozen=True)
class Accuracies:
    """Correct predictions and images, of a split and of its images with a duplicate in training."""

    correct: int
    images: int
    leaked_correct: int
    leaked: int

    @classmethod
    def of(cls, correct: Tensor, leaked: Sequence[int]) -> Accuracies:
        """Count the correct predictions, bool (N,), in the split and at the positions in `leaked`."""
        chosen = correct[torch.tensor([*leaked], dtype=torch.int64)]
        return cls(int(correct.sum()), len(correct), int(chosen.sum()), len(chosen))

    def sentence(self, split: str, name: str = "accuracy") -> str:
        """Return the accuracies, or what `name` says, as a sentence."""
        whole = (
            f"The {name} on {counted(self.images, f'{split} image')} is {score_percent(self.correct / self.images)}"
        )
        if not self.leaked:
            return f"{whole}. None of them has a duplicate among the training images."
        on_these = score_percent(self.leaked_correct / self.leaked)
        if self.leaked == self.images:
            return f"{whole}. All of them have a duplicate among the training images."
        rest = self.images - self.leaked
        without = score_percent((self.correct - self.leaked_correct) / rest)
        return (
            f"{whole}. On those that have a duplicate among the training images ({self.leaked:,}) it is {on_these}, "
            f"and on the others ({rest:,}) it is {without}."
        )
