"""A data set as a run is given it: `Splits`, training and test images, with a `DataInfo`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class DataInfo:
    """What is known of a data set before the first image is read.

    `classes`: their names, in label order. `mean`, `std`: per channel, of the training images in [0, 1].
    """

    channels: int
    height: int
    width: int
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DataInfo:
        """Return what `to_json` wrote; what it holds besides, as a later cvkit's may, is passed over."""
        known = {field.name: data[field.name] for field in fields(cls)}
        tuples: dict[str, Any] = {key: tuple(data[key]) for key in ("classes", "mean", "std")}
        return cls(**{**known, **tuples})


@runtime_checkable
class Split(Protocol):
    """A map-style data set: ``split[i]`` is (image uint8 (C, H, W), label), every image of one size."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]: ...


@dataclass(frozen=True)
class TensorSplit:
    """A split held in memory whole: it can live on the device and be shuffled by an index.

    `images`: uint8 (N, C, H, W). `labels`: int64 (N,). `masks`: bool (N, H, W), where the object is, if known.
    """

    images: Tensor
    labels: Tensor
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]:
        return self.images[index], int(self.labels[index])


@dataclass(frozen=True)
class Splits:
    """The two halves of a data set and what is known of it; `digest` identifies the content, if cheaply known.

    What stands before a colon in the digest names how it is made; where that changes, two digests say nothing of
    whether the content is the same.
    """

    train: Split
    test: Split
    info: DataInfo
    digest: str = ""

    def incomparable(self, digest: str) -> str:
        """Return why a checkpoint's digest cannot be compared with this data set's; empty where it can be."""
        if not self.digest:
            return "has no digest"
        if _made_by(digest) != _made_by(self.digest):
            return "has a digest that is made in another way than the checkpoint's"
        return ""

    def are_known(self, digest: str) -> bool:
        """Whether the content is known to be what a checkpoint says its model was trained on."""
        return bool(digest) and digest == self.digest

    def require(self, digest: str) -> None:
        """Raise `CheckpointError` where the content is known not to be what a checkpoint's model was trained on."""
        if digest != self.digest and not self.incomparable(digest):
            raise CheckpointError(
                "the content of the data set is not what this run was trained on; give the folder that holds it with "
                "--data"
            )


def _made_by(digest: str) -> str:
    return digest.rpartition(":")[0]
