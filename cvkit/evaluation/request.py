"""What a user asks to evaluate: the run's own images or others, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from ..data.splits import DataInfo
from ..errors import CheckpointError, DataError, RunError
from ..explain.image_io import reader_of
from ..prediction.opened import OpenedClassifier, data_info_of, opened_run
from ..recipe import EvaluationSettings, Recipe
from ..runs.folder import RunFolder
from ..runs.load import LoadedModel
from ..runs.run_data import Warn
from .evaluating import Advance, Evaluation, LabelledEvaluator, Name
from .given_images import GivenImages, TableColumns, given_images
from .measures import Measures, RunMeasures, seen_views
from .own_data import OwnData

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
        name: The model and the images, as the name of a folder of results.
        total: The number of images.
        measure: Evaluates; it calls its argument with the number of images that were just evaluated.
    """

    of: LabelledEvaluator
    what: str
    name: str
    total: int
    measure: Callable[[Advance], Evaluation]


def prepared(folder: RunFolder, recipe: Recipe, loaded: LoadedModel, request: Request, warn: Warn) -> Task:
    """Return the evaluation of a run whose model is loaded; `warn` gets lines about the data set of the run.

    Raises `DataError` if the images cannot be found or their classes are not those of the model, and `RunError` if
    the recipe has no views.
    """
    views = seen_views(recipe) if request.views else ()
    own = _own_data(folder, recipe, request, loaded.digest, warn)
    measures = RunMeasures.of(folder, recipe, lambda: own.splits)
    of = LabelledEvaluator(opened_run(folder, recipe, loaded, views), measures, views)
    return _task(of, folder.path.name, request, own)


def prepared_file(
    opened: OpenedClassifier, run: tuple[RunFolder, Recipe] | None, request: Request, warn: Warn
) -> Task:
    """Return the evaluation of an exported file: on other images, or with the data, loss and metrics of a run.

    Raises `DataError` if the images cannot be found or their classes are not those of the file, and `RunError` if the
    classes of the run differ from those of the file.
    """
    if request.views:
        raise RunError("an exported file computes one view of each image; leave out --views, or evaluate the run")
    # Files of several runs have the same name, and none replaces the results of another.
    name = f"{opened.name}-{opened.digest()[:8]}"
    if run is None:
        if request.data is None or request.split is not None:
            raise DataError(
                "an exported file has no images of its own; name labelled images with --data, or its run with --run"
            )
        thresholds = opened.classifier.prediction_rule.thresholds
        settings = EvaluationSettings.model_validate({"thresholds": thresholds} if thresholds else {})
        return _task(LabelledEvaluator(opened, Measures(evaluation=settings)), name, request, None)
    folder, recipe = run
    _require_same(opened.info, data_info_of(folder), folder)
    state, damaged = folder.newest_state()
    own = _own_data(folder, recipe, request, None if state is None else state["data"], warn)
    precision = recipe.train.precision
    notes = () if precision == "fp32" else (f"the run evaluates in {precision}, and the exported file in fp32",)
    opened = replace(
        opened,
        open_reader=partial(reader_of, recipe, opened.info.channels),
        batch_size=min(recipe.evaluation.batch_size, recipe.train.batch_size),
        workers=recipe.train.workers,
        warnings=(*damaged,),  # those of the file are about reading images without its run
    )
    measures = RunMeasures.of(folder, recipe, lambda: own.splits, notes)
    return _task(LabelledEvaluator(opened, measures), name, request, own)


def _own_data(folder: RunFolder, recipe: Recipe, request: Request, digest: str | None, warn: Warn) -> OwnData:
    """Return the data set of the run; ``--data`` is its place only together with a split."""
    return OwnData(folder, recipe, None if request.split is None else request.data, digest, warn)


def _task(of: LabelledEvaluator, model: str, request: Request, own: OwnData | None) -> Task:
    """Return the evaluation of the images that are asked for; `own` is the data set of the run, if any.

    `model` is the name of the model.
    """
    if own is None or (request.data is not None and request.split is None):
        if request.data is None:
            raise DataError("there are no images to evaluate; name them with --data")
        images = given_images(request.data, of.info, request.columns, ignore_unknown=request.ignore_unknown)
        return _of_files(of, images, request, f"'{request.data}'", f"{model}-{request.data.resolve().stem}")
    try:
        splits = own.splits
    except (DataError, CheckpointError) as error:
        images = own.measured(request.split, of.info, error)
        return _of_files(of, images, request, _of_run(images.half), f"{model}-{images.half}")
    split: Name = request.split or splits.final
    total = len(getattr(splits, split) or ())
    return Task(of, _of_run(split), f"{model}-{split}", total, lambda advance: of.of_split(splits, split, advance))


def _of_files(of: LabelledEvaluator, images: GivenImages, request: Request, what: str, name: str) -> Task:
    def measure(advance: Advance) -> Evaluation:
        return of.of_files(images, advance, batch_size=request.batch_size, workers=request.workers)

    return Task(of, what, name, len(images.files), measure)


def _of_run(split: str) -> str:
    return f"the {split} images of the run"


def _require_same(file: DataInfo, run: DataInfo, folder: RunFolder) -> None:
    """Raise `RunError` unless a file and a run have the same classes in the same order, task and channels."""
    if file.classes != run.classes:
        alone = [name for name in file.classes if name not in run.classes]
        absent = [name for name in run.classes if name not in file.classes]
        sides = [f"only in the file: {', '.join(alone[:5])}"] if alone else []
        sides += [f"only in the run: {', '.join(absent[:5])}"] if absent else []
        raise RunError(
            f"the classes of '{folder.path}' are not those of the exported file "
            f"({'; '.join(sides) or 'their order differs'}); give --run the run that the file was exported from"
        )
    if (file.task, file.channels) != (run.task, run.channels):
        raise RunError(
            f"the images of '{folder.path}' have the task {run.task} and {run.channels} channels, but the exported "
            f"file {file.task} and {file.channels}; give --run the run that the file was exported from"
        )
