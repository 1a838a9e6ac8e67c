"""The data set of a run: `Splits` with training, validation and test images, and a `DataInfo`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from ..errors import CheckpointError
from ..tasks import SINGLE_LABEL, TASKS
from .account import DataAccount
from .framing import Framing

if TYPE_CHECKING:
    from torch import Tensor

    from .label_forms import LabelForm

Half = Literal["validation", "test"]
"""A split that is evaluated."""

HOW_TO_HAVE_VALIDATION_IMAGES = (
    "add validation: 0.1 to the dataset of the recipe (cifar10, cifar100, image_folder, image_table), or wrap "
    "another data set: dataset: {name: validation_split, of: NAME}"
)
"""What to do if a run has no validation images, for errors of what needs them."""


@dataclass(frozen=True)
class DataInfo:
    """The properties of a data set's images and classes.

    Attributes:
        channels: Channels of an image.
        height: Height of the model's input in pixels.
        width: Width of the model's input in pixels.
        classes: Names of the classes in label order.
        mean: Mean of each channel over the training images in [0, 1].
        std: Standard deviation of each channel over the training images in [0, 1].
        framing: How images are brought to the input size; None if every image of the data set has that size.
        fixed_normalisation: Whether `mean` and `std` are used although the model has pretrained weights that were
            trained with others.
        task: ``single_label`` if each image has one class, ``multi_label`` if it has a set of labels.
    """

    channels: int
    height: int
    width: int
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    framing: Framing | None = None
    fixed_normalisation: bool = False
    task: str = SINGLE_LABEL.name

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task is '{self.task}', but the tasks are {', '.join(TASKS)}")

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.classes)

    @property
    def labels(self) -> LabelForm:
        """The form of the labels, which depends on the task."""
        from .label_forms import label_form  # torch loads here

        return label_form(self.task)

    def to_json(self) -> dict[str, Any]:
        """Return the properties as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DataInfo:
        """Return the properties from the values of `to_json`.

        Args:
            data: The values of `to_json`. Unknown keys, which a later cvkit may write, are ignored.
        """
        known = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        own: dict[str, Any] = {key: tuple(data[key]) for key in ("classes", "mean", "std")}
        if known.get("framing"):
            own["framing"] = Framing(**known["framing"])
        return cls(**{**known, **own})


@runtime_checkable
class Split(Protocol):
    """A map-style data set: ``split[i]`` is (image, label).

    The image is uint8 (C, H, W). All images have the size in the data set's info, unless that has a framing. The
    label is an integer; if the task is ``multi_label``, it is a sequence or a tensor of K numbers, 1 for each label
    of the image and 0 for the others. A split of files may have ``names``, a sequence of their paths in the data
    set's folder, and ``files``, their absolute paths, from which the digests in predictions.csv are computed; or
    ``digests``, the SHA-256 of the bytes of each file in hexadecimal. The
    training images may have ``weights``, a number for each, which the sampler `weighted` uses. If the data set
    declares ``soft_labels``, they have ``soft_labels``, float (N, K): for each image, the share of each class.
    Each row sums to 1. If training images are repeated on purpose, they have ``originals``: a number for each
    image, the same for its repetitions. The audit and data.csv contain such an image once.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, Any]: ...


@dataclass(frozen=True)
class TensorSplit:
    """A split in memory. It can be stored on the device and shuffled by an index.

    Attributes:
        images: uint8 (N, C, H, W).
        labels: int64 (N,); float32 (N, K) of 0 and 1 if the task is ``multi_label``.
        masks: bool (N, H, W), true on the object; None if unknown. If the task is ``multi_label``, bool (N, K, H, W),
            true on the object of each label.
        soft_labels: float (N, K), the share of each class; None if every image has one class.
        originals: A number for each image, the same for repetitions of an image; None if no image is repeated.
    """

    images: Tensor
    labels: Tensor
    masks: Tensor | None = None
    soft_labels: Tensor | None = None
    originals: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int, /) -> tuple[Tensor, Any]:
        return self.images[index], self.labels[index].tolist()

    def objects(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the images, a class for each, int64 (M,), and the masks of the classes if they are known.

        An image with several labels is returned with each of them, and an image without a label is left out.
        """
        if self.labels.ndim == 1:
            return self.images, self.labels, self.masks
        rows, labels = self.labels.nonzero(as_tuple=True)
        return self.images[rows], labels, None if self.masks is None else self.masks[rows, labels]


@dataclass(frozen=True)
class Splits:
    """The training, validation and test images of a data set. At least one of the latter two exists.

    During training, choices are made on the validation images. The test images measure the result.

    The part of the digest before a colon names the method that computes it. Digests of different methods cannot be
    compared.

    Attributes:
        train: Training images.
        test: Test images; None if there are only validation images.
        info: Channels, size and classes.
        digest: Identifies the content; empty if it is expensive to compute.
        validation: Validation images; None if there are none.
        account: What was read and what was left out; None if the data set does not say.
        folder: The data folder, in which ``train.cache: disk`` keeps decoded images. A run sets it.
    """

    train: Split
    test: Split | None
    info: DataInfo
    digest: str = ""
    validation: Split | None = None
    account: DataAccount | None = None
    folder: Path | None = None

    @property
    def final(self) -> Half:
        """The images that measure the result of a run: the test images, if there are any."""
        return "validation" if self.test is None else "test"

    @property
    def halves(self) -> tuple[Half, ...]:
        """The names of the evaluated splits that exist."""
        names: tuple[Half, ...] = ("test", "validation")
        return tuple(name for name in names if getattr(self, name) is not None)

    def half(self, name: Half) -> Split:
        """Return the validation or test images.

        Args:
            name: Which images.

        Raises:
            ValueError: The data set has no such images.
        """
        split: Split | None = getattr(self, name)
        if split is None:
            raise ValueError(f"the data set has no {name} images")
        return split

    def incomparable(self, digest: str) -> str:
        """Return why a checkpoint's digest cannot be compared with this data set's; empty if it can.

        Args:
            digest: The digest in a checkpoint.
        """
        if not self.digest:
            return "has no digest"
        if _made_by(digest) != _made_by(self.digest):
            return "has a digest that was computed by a different method than the checkpoint's"
        return ""

    def are_known(self, digest: str) -> bool:
        """Return whether this data set is known to contain the training data of a checkpoint.

        Args:
            digest: The digest in the checkpoint.
        """
        return bool(digest) and digest == self.digest

    def require(self, digest: str, places: Iterable[Path] = ()) -> None:
        """Raise an error if this data set is known to differ from the training data of a checkpoint.

        Args:
            digest: The digest in the checkpoint.
            places: Where the data set is, for the message.

        Raises:
            CheckpointError: The digests differ.
        """
        if digest != self.digest and not self.incomparable(digest):
            where = " and ".join(f"'{place}'" for place in places) or "the data set"
            raise CheckpointError(
                f"the content of {where} is not what this run was trained on; restore it, or name the place of the "
                "original data with --data"
            )


def _made_by(digest: str) -> str:
    return digest.rpartition(":")[0]
