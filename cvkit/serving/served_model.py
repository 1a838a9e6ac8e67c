"""`ServedModel`: what a server needs of a model, which is that of a run or of an exported file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..api.answers import ImageExplanation, Prediction
from ..api.files import predictions_of_files
from ..api.model import Model
from ..data.splits import DataInfo
from ..errors import DataError
from ..prediction.opened import OpenedClassifier

WITHOUT_MAPS = (
    "an exported file has no maps of the pixels that support a class; serve the folder of its run to see them"
)


@dataclass(frozen=True)
class ServedModel:
    """A model that predicts uploaded images. Create it with `of_run` or `of_file`.

    Attributes:
        name: The name of the recipe or of the file.
        label: Which weights they are, in words.
        checkpoint: After which step and epoch the weights were saved, in words; empty if the file does not say it.
        info: Channels, size and classes of the images.
        predict: Predicts the image in a file, with so many classes; raises `DataError` if it cannot be read.
        explain: Explains the class of this name for the image in a file, or the most probable class; None if the
            model cannot be explained.
        notes: What the model cannot do, a line each.
    """

    name: str
    label: str
    checkpoint: str
    info: DataInfo
    predict: Callable[[Path, int], Prediction]
    explain: Callable[[Path, str | None], ImageExplanation] | None
    notes: tuple[str, ...] = ()

    @classmethod
    def of_run(cls, model: Model) -> ServedModel:
        """Return the model of a run."""
        state = model.checkpoint
        return cls(
            model.recipe.name,
            state,
            state,
            model.info,
            lambda path, top: model.predict(path, top=top),
            lambda path, target: model.explain(path, target=target),
        )

    @classmethod
    def of_file(cls, opened: OpenedClassifier) -> ServedModel:
        """Return the model in an exported file."""

        def predict(path: Path, top: int) -> Prediction:
            (found,) = predictions_of_files(opened, [path], top, 0, 1)
            if found.error:
                raise DataError(found.error)
            return found

        return cls(opened.name, opened.label, opened.checkpoint, opened.info, predict, None, (WITHOUT_MAPS,))
