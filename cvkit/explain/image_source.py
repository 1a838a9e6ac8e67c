"""Sources of the pictures to explain: image files, or a run's test split."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch

from ..data.label_forms import LabelForm, SingleLabels
from ..data.loading import materialize
from ..data.splits import DataInfo, Half, Split
from ..engine.predictions import predictions_of
from ..engine.trained_model import TrainedModel
from ..errors import DataError, one_line
from ..formatting import counted
from ..seeding import permutation
from .image_files import ImageFile
from .image_io import Reader
from .picture import Picture, fit_file

_AT_ONCE = 32  # pictures in memory
_PREDICTED_AT_ONCE = 250


class ImageSource(Protocol):
    """An iterable of batches of pictures."""

    @property
    def name(self) -> str:
        """A description of the source for the page."""
        ...

    @property
    def unread(self) -> list[str]:
        """A line for each picture that could not be read so far."""
        ...

    @property
    def by_outcome(self) -> bool:
        """Whether the pictures were selected by the model's predictions, so that accuracy on them is meaningless."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[list[Picture]]: ...


@dataclass(frozen=True)
class FromFiles:
    """The pictures in image files, read by `read` and resized to the size in `info`."""

    name: str
    files: Sequence[ImageFile]
    read: Reader
    info: DataInfo
    unread: list[str] = field(default_factory=list)
    by_outcome: bool = False

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[list[Picture]]:
        for start in range(0, len(self.files), _AT_ONCE):
            if pictures := [*self._read(self.files[start : start + _AT_ONCE])]:
                yield pictures

    def _read(self, files: Sequence[ImageFile]) -> Iterator[Picture]:
        for file in files:
            try:
                labels = None if file.label is None else (file.label,)
                picture = fit_file(file.path, self.read, self.info, labels)
            except DataError as error:
                self.unread.append(str(error))
            except Exception as error:  # one picture must not cost the others
                self.unread.append(f"{file.path}: cannot be resized for the model: {one_line(error)}")
            else:
                yield replace(picture, partial=self.info.labels.several)  # a folder names one of several labels


@dataclass(frozen=True)
class FromSplit:
    """The images of a split at `indices`."""

    name: str
    split: Split
    indices: Sequence[int]
    unread: list[str] = field(default_factory=list)
    by_outcome: bool = False
    half: Half = "test"
    form: LabelForm = field(default_factory=SingleLabels)

    @classmethod
    def sample(
        cls, split: Split, count: int, seed: int, half: Half = "test", form: LabelForm | None = None
    ) -> FromSplit:
        """Return a random sample of `count` images, or all if there are fewer, in the split's order."""
        chosen = sorted(permutation(len(split), "explained images", seed)[:count].tolist())
        return cls(
            f"a sample of {counted(len(split), f'{half} image')}",
            split,
            chosen,
            half=half,
            form=form or SingleLabels(),
        )

    @classmethod
    def errors(cls, split: Split, count: int, trained: TrainedModel, half: Half = "test") -> FromSplit:
        """Return up to `count` errors with the highest confidence, the most confident first."""
        logits, labels = [], []
        for start in range(0, len(split), _PREDICTED_AT_ONCE):
            part = materialize(split, range(start, min(start + _PREDICTED_AT_ONCE, len(split))))
            logits.append(trained.logits(part.images))
            labels.append(part.labels)
        made = predictions_of(trained.info.task)(torch.cat(logits), torch.cat(labels), math.nan, half)
        predictions = made.with_thresholds(trained.thresholds)
        wrong = int((~predictions.correct).sum())
        name = f"the most confident of {counted(wrong, 'error')} on {counted(len(split), f'{half} image')}"
        chosen = predictions.worst_errors(count)
        return cls(name, split, chosen.tolist(), by_outcome=True, half=half, form=trained.info.labels)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[list[Picture]]:
        for start in range(0, len(self.indices), _AT_ONCE):
            part = self.indices[start : start + _AT_ONCE]
            read = materialize(self.split, part)
            yield [
                Picture(f"{self.half} image {index}", image, image, tuple(self.form.classes_of(label)))
                for index, image, label in zip(part, read.images, read.labels, strict=True)
            ]
