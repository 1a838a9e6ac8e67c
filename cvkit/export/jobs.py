"""The exports of a run: each exporter of its recipe with the model and the images to compare with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from ..data.resizing import framed_halves
from ..data.splits import DataInfo, Splits
from ..engine.background import background_of
from ..engine.building import build_checked
from ..errors import DataError, RunError
from ..explain.image_files import find_images
from ..explain.image_io import reader_of
from ..explain.image_source import FromFiles, FromSplit
from ..recipe import Part, Recipe
from ..runs.folder import RunFolder
from ..runs.load import LoadedModel
from .exporter import Exporter
from .job import ExportJob
from .metadata import metadata_of
from .originals import WithOriginals
from .serving import ModelToExport, on_cpu


def exports_of(
    folder: RunFolder,
    recipe: Recipe,
    loaded: LoadedModel,
    open_splits: Callable[[], Splits],
    images: Sequence[Path] = (),
    required: float | None = None,
    *,
    names: tuple[str, str],
) -> list[ExportJob]:
    """Return a job for each exporter of `recipe`.

    The files are compared with the run on the image files and folders in `images`, or on the test images of the run,
    which `open_splits` opens. `required` is the share of the images that must keep their class. `names` are what the
    user calls the images and the data, for messages. Raises `ComponentError` if an exporter refuses its options,
    `DataError` if there are no images, and `RunError` if two exporters would write to the same folder.
    """
    info = loaded.trained.info
    called = Counter(part.entry.id.rpartition("/")[2] for part in recipe.exporters)
    if twice := [name for name, count in called.items() if count > 1]:
        raise RunError(f"the exporter '{twice[0]}' is named twice, and both would write to one folder; name it once")

    @cache
    def splits() -> Splits:
        try:
            return framed_halves(replace(open_splits(), info=info))
        except DataError as error:
            raise DataError(
                f"{error}. Name the place of the data with {names[1]}, or give images to compare with: {names[0]}"
            ) from error

    samples = background_of(lambda: splits().train, info, lambda pixels: pixels, recipe.seed)
    exporters = [build_checked(part, info, samples) for part in recipe.exporters]
    source: FromFiles | FromSplit
    source, named = _from_files(recipe, info, images) if images else _from_split(splits(), info)
    model = ModelToExport(
        on_cpu(loaded.trained.model),
        info,
        recipe.model.entry.id,
        recipe.model.options,
        metadata_of(recipe, loaded.trained, folder.path.name, loaded.checkpoint_label),
        loaded.trained.abstention,
    )

    def job(part: Part, exporter: Exporter) -> ExportJob:
        compared = WithOriginals(source) if exporter.takes_any_size else source
        return ExportJob(
            loaded.trained,
            model,
            part,
            exporter,
            compared,
            named,
            folder.path.name,
            folder.path,
            required,
            recipe.train.precision,
        )

    return [job(part, exporter) for part, exporter in zip(recipe.exporters, exporters, strict=True)]


def _from_files(recipe: Recipe, info: DataInfo, images: Sequence[Path]) -> tuple[FromFiles, Sequence[str]]:
    files = find_images(images, info.classes, Path("exports"))
    given = ", ".join(map(str, images[:3])) + ", ..." * (len(images) > 3)
    return FromFiles(f"the images in {given}", files, reader_of(recipe, info.channels), info), ()


def _from_split(splits: Splits, info: DataInfo) -> tuple[FromSplit, Sequence[str]]:
    half, split = splits.final, splits.half(splits.final)
    source = FromSplit(f"the {half} images of the run", split, range(len(split)), half=half, form=info.labels)
    return source, getattr(split, "names", None) or ()
