"""`Certificate`: what was measured when an exported file predicted the test images, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..data.splits import DataInfo
from ..files.strict_json import json_line
from .framing_gaps import FramingGap
from .replay import TIE, Replay

BATCH_TOLERANCE = 1e-3
"""How much more a probability may differ with another batch size than in the comparison of all images."""


@dataclass(frozen=True)
class ChangedImage:
    """An image that the file predicts differently from the run's model.

    Attributes:
        name: Its file, or its position in the split.
        true: The names of its true classes; None if they are not known.
        before: The classes that the model predicts, and ``declined`` if it declines the image.
        after: The same for the file.
        gap: The largest difference of a probability.
        tied: Whether the classes were tied, so that the change does not count.
    """

    name: str
    true: tuple[str, ...] | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    gap: float
    tied: bool


@dataclass(frozen=True)
class Certificate:
    """The measurement that an exported file computes the same as the run that it comes from.

    Attributes:
        exporter: The full id of the exporter.
        options: The options of the exporter.
        run: The name of the run folder.
        inputs_digest: The SHA-256 of the path of the run folder.
        source: The images that were predicted, as a phrase.
        images: The number of images.
        unread: A line for each image file that could not be read.
        agreement: The share of the images that keep their class and stay declined or not, in [0, 1]; tied images
            count as equal.
        required: The share that was required.
        changed: Every image whose predicted classes changed, or that is declined only before or only after.
        accuracy_before: The share of the labelled images that the model classifies correctly; None without labels.
        accuracy_after: The same for the file.
        worst_gap: The largest difference of a probability over all images and classes.
        worst_image: The name of the image with this difference.
        batch_gaps: The largest difference of a probability, by the batch size, on the first images.
        latency_before: Milliseconds in which the model predicts one image on the CPU.
        latency_after: Milliseconds in which the file predicts one image on the CPU.
        notes: What the comparison does not show, as sentences.
        environment: Versions of the libraries and the number of threads.
        framing: How the framing of the file differs from that of the run; None if the file does not frame images.
        files: The SHA-256 of each file. In the file with the model, the digest of this certificate counts as zeros.
    """

    exporter: str
    options: Mapping[str, Any]
    run: str
    inputs_digest: str
    source: str
    images: int
    unread: tuple[str, ...]
    agreement: float
    required: float
    changed: tuple[ChangedImage, ...]
    accuracy_before: float | None
    accuracy_after: float | None
    worst_gap: float
    worst_image: str
    batch_gaps: Mapping[int, float]
    latency_before: float
    latency_after: float
    notes: tuple[str, ...]
    environment: Mapping[str, Any]
    framing: FramingGap | None
    files: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether enough images keep their class, and the probabilities do not depend on the batch size."""
        return self.agreement >= self.required and not self.bad_batch_sizes

    @property
    def bad_batch_sizes(self) -> list[int]:
        """The batch sizes with which a probability differs by more than in the comparison of all images."""
        return [size for size, gap in self.batch_gaps.items() if not gap <= self.worst_gap + BATCH_TOLERANCE]

    @property
    def counted_changes(self) -> int:
        """The number of images whose class changed without a tie."""
        return sum(not image.tied for image in self.changed)

    def to_json(self) -> bytes:
        """Return the certificate as JSON text; an infinite difference is null."""
        values = asdict(self) | {"passed": self.passed, "tie": TIE}
        return json_line(values, indent=1)


def changed_images(found: Replay, info: DataInfo) -> tuple[ChangedImage, ...]:
    """Return every image whose predicted classes changed."""

    def named(classes: Sequence[int], declined: bool = False) -> tuple[str, ...]:
        return (*(info.classes[index] for index in classes), *(["declined"] if declined else []))

    return tuple(
        ChangedImage(
            found.names[index],
            None if (true := found.labels[index]) is None else named(true),
            named(found.classes_before[index], bool(found.declined_before[index])),
            named(found.classes_after[index], bool(found.declined_after[index])),
            float(found.gaps[index]),
            found.is_tied(index),
        )
        for index in found.changed()
    )


def accuracy(found: Replay, predicted: Sequence[Sequence[int]]) -> float | None:
    """Return the share of the labelled images whose predicted classes are the true ones; None without labels."""
    pairs = [(label, made) for label, made in zip(found.labels, predicted, strict=True) if label is not None]
    return sum({*label} == {*made} for label, made in pairs) / len(pairs) if pairs else None
