"""What a user asks to evaluate: the run's own images or others, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from ..data.splits import Splits
from ..prediction.opened import opened_run
from ..recipe import Recipe
from ..runs.folder import RunFolder
from ..runs.load import LoadedModel
from ..runs.run_data import Warn, open_data_of
from .evaluating import Advance, Evaluation, Name, RunEvaluator, seen_views
from .given_images import TableColumns, given_images

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Request:
    """What to evaluate, and how.

    Attributes:
        data: Other labelled images: a folder or a table; with `split`, the new place of the run's data set; None for
            the run's data set at its place.
        split: Images of the run's data set; None for those that measured the result, unless `data` is given.
        columns: The columns of a table.
        ignore_unknown: Whether images of classes that the model does not have are left out.
        views: Whether logits are averaged over the views of the recipe.
        batch_size: Files that are predicted at once; None as in the run.
        workers: Processes that load files; None as in the run.
    """

    data: Path | None = None
    split: SplitName | None = None
    columns: TableColumns = field(default_factory=TableColumns)
    ignore_unknown: bool = False
    views: bool = False
    batch_size: int | None = None
    workers: int | None = None


@dataclass(frozen=True)
class Task:
    """An evaluation that is ready.

    Attributes:
        of: What evaluates.
        what: The images in words.
        suffix: A word for the images, for the name of a folder.
        total: The number of images.
        measure: Evaluates; it calls its argument with the number of images that were just evaluated.
    """

    of: RunEvaluator
    what: str
    suffix: str
    total: int
    measure: Callable[[Advance], Evaluation]


def prepared(folder: RunFolder, recipe: Recipe, loaded: LoadedModel, request: Request, warn: Warn) -> Task:
    """Return the evaluation of a run whose model is loaded; `warn` gets lines about the data set of the run.

    Raises `DataError` if the images cannot be found or their classes are not those of the model, and `RunError` if
    the recipe has no views.
    """
    info = loaded.trained.info
    others = request.data is not None and request.split is None

    @cache
    def own() -> Splits:
        return open_data_of(folder, recipe, None if others else request.data, loaded.digest, warn)

    of = RunEvaluator(
        folder, recipe, opened_run(folder, recipe, loaded), own, seen_views(recipe) if request.views else ()
    )
    if request.data is not None and others:
        images = given_images(request.data, info, request.columns, ignore_unknown=request.ignore_unknown)

        def measure(advance: Advance) -> Evaluation:
            return of.of_files(images, advance, batch_size=request.batch_size, workers=request.workers)

        return Task(of, f"'{request.data}'", request.data.resolve().stem, len(images.files), measure)
    name: Name = request.split or own().final
    total = len(getattr(own(), name) or ())
    return Task(of, f"the {name} images of the run", name, total, lambda advance: of.of_split(own(), name, advance))
