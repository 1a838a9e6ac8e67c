"""What a loaded model returns, which a notebook shows."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image
from torch import Tensor

from ..engine.prediction_rule import PredictionRule
from ..errors import DataError
from ..figures.map_legends import AGAINST, FOR
from ..figures.thumbnails import colour_bar
from ..formatting import percent
from .results import table


@dataclass(frozen=True, repr=False)
class Prediction:
    """The most probable classes of one image.

    Attributes:
        name: The path of the file, or "image N" for the Nth image of the call.
        classes: The most probable classes, the most probable first.
        probabilities: Their probabilities, in [0, 1].
        labels: The predicted classes, the most probable first: one, unless the images of the run have sets of labels.
        digest: The SHA-256 of the bytes of the file; empty for other images.
        error: Why a file could not be predicted, so that it has no classes; empty for all others.
        declined: Whether the calibration of the run declines the image, so that a person should decide.
        prediction_set: The classes of the prediction set, the most probable first; None unless the run was calibrated
            with an error rate.
    """

    name: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    labels: tuple[str, ...] = ()
    digest: str = ""
    error: str = ""

    declined: bool = False
    prediction_set: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls, name: str, chances: Tensor, rule: PredictionRule, classes: Sequence[str], top: int, digest: str = ""
    ) -> Prediction:
        """Return the prediction of an image from its probabilities.

        Args:
            name: The name of the image.
            chances: The probability of each class, (K,).
            rule: How the model decides.
            classes: The names of the classes.
            top: How many classes the prediction has.
            digest: The digest of the file.
        """
        best, possible = chances.topk(min(top, len(classes))), rule.prediction_set(chances)
        return cls(
            name,
            tuple(classes[index] for index in best.indices.tolist()),
            tuple(best.values.tolist()),
            tuple(classes[index] for index in rule.predicted(chances)),
            digest,
            declined=bool(rule.declined(chances[None])),
            prediction_set=None if possible is None else tuple(classes[index] for index in possible),
        )

    def ranked(self) -> list[tuple[str, float]]:
        """Return pairs of a class and its probability, the most probable first."""
        return list(zip(self.classes, self.probabilities, strict=True))

    @property
    def label(self) -> str:
        """The most probable class; raises `DataError` if the file could not be predicted."""
        self._require_predicted()
        return self.classes[0]

    @property
    def probability(self) -> float:
        """The probability of the most probable class; raises `DataError` if the file could not be predicted."""
        self._require_predicted()
        return self.probabilities[0]

    @property
    def decision(self) -> str:
        """The predicted labels as text, or "declined"."""
        return "declined" if self.declined else ", ".join(self.labels) or "no label"

    def _require_predicted(self) -> None:
        if self.error:
            raise DataError(self.error)

    def __repr__(self) -> str:
        if self.error:
            return f"Prediction({self.name!r}: {self.error})"
        ranked = ", ".join(f"{name} {percent(value, 1)}" for name, value in self.ranked())
        usual = self.labels == self.classes[:1] and not self.declined
        labels = "" if usual else f"{self.decision}; most probable "
        return f"Prediction({self.name!r}: {labels}{ranked})"

    def _repr_html_(self) -> str:
        return PredictionList([self])._repr_html_()


class PredictionList(list[Prediction]):
    """Predictions, one for each image, in order; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        sets = any(each.declined or each.labels != each.classes[:1] for each in self if not each.error)
        rows = [
            (
                each.name,
                *([each.error or each.decision] if sets or each.error else []),
                *(f"{name} {percent(p, 1)}" for name, p in zip(each.classes, each.probabilities, strict=True)),
            )
            for each in self
        ]
        named = ("image", "predicted", "most probable") if sets else ("image", "predicted")
        return table((*named, *[""] * (max(map(len, rows), default=0) - len(named))), rows)


@dataclass(frozen=True)
class ImageExplanation:
    """An explanation of one image; a notebook shows it.

    Attributes:
        name: The path of the file, or "image 1".
        method: The name of the explainer.
        target: The class that is explained.
        heat: How much each pixel of the model's input supports the class, float32 (H, W) in [0, 1]; in [-1, 1] if it
            is `signed`, with negative values for pixels that speak against the class.
        overlay: The image blended with the heat.
        warnings: Why the explanation may be wrong.
        signed: Whether the heat has negative values. The overlay shows them in blue, and positive values in orange.
        notes: What the explainer reports about the heat, such as how well a concept is distinguished.
    """

    name: str
    method: str
    target: str
    heat: Tensor = field(repr=False)
    overlay: Image.Image = field(repr=False)
    warnings: tuple[str, ...] = ()
    signed: bool = False
    notes: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        pixels = io.BytesIO()
        self.overlay.save(pixels, "png")
        source = f"data:image/png;base64,{base64.b64encode(pixels.getvalue()).decode()}"
        text = html.escape(f"{self.method} for {self.target}, {self.name}")
        notes = "".join(f"<br>{html.escape(line)}" for line in (*self.notes, *self.warnings))
        style = "min-width: 224px; image-rendering: pixelated" if max(self.overlay.size) < 224 else "max-width: 512px"
        image = f'<img src="{source}" alt="{text}" style="{style}">'
        return f"<figure>{image}<figcaption>{text}{_legend() if self.signed else ''}{notes}</figcaption></figure>"


def _legend() -> str:
    """Return the colours of signed maps with their meaning, as HTML."""
    source = f"data:image/png;base64,{base64.b64encode(colour_bar(signed=True)).decode()}"
    bar = f'<img src="{source}" alt="to" style="width: 8rem; height: 0.9rem; vertical-align: middle">'
    return f"<br>{AGAINST} {bar} {FOR}"
