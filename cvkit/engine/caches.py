"""Where a run keeps decoded images, and the notes about how images are decoded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ..data.caching import DECODED_BY, CachePlan
from ..data.loading import BatchSource, DataLoaderSource
from ..data.sample_augmentation import SampleAugmentations
from ..data.splits import Splits
from ..errors import RunError
from ..formatting import counted
from ..host.registry import Entry
from ..host.source_code import package_of, source_digest
from ..recipe import Part, Recipe
from ..signatures.nested import nests
from .selection import evaluated_halves

_VERSION = 1
"""Changes if a later cvkit decodes or frames images differently, so that it does not use caches of earlier ones."""
_FOLDER = "decoded"


def cache_plans(recipe: Recipe, splits: Splits, single: SampleAugmentations) -> dict[str, CachePlan]:
    """Return where the decoded images of each split are kept; empty without ``train.cache``.

    Raises `RunError` if images cannot be kept on the disk, because the data set has no digest.
    """
    if recipe.train.cache is None:
        return {}
    if recipe.train.cache == "memory":  # images that are evaluated once gain nothing
        return {name: CachePlan() for name in ("train", *evaluated_halves(recipe, splits))}
    if splits.folder is None:
        raise RunError(
            "train.cache is 'disk', but there is no data folder, or it is the data itself, where nothing is written; "
            "name the folder that contains the data with --data, or use train.cache: memory"
        )
    if not splits.digest:
        raise RunError(
            "train.cache is 'disk', but the data set has no digest, so cvkit could not recognise images that have "
            "changed; use train.cache: memory"
        )
    folder = splits.folder / _FOLDER
    return {name: CachePlan(folder, _key(recipe, splits, name, single)) for name in ("train", *splits.halves)}


def _key(recipe: Recipe, splits: Splits, name: str, single: SampleAugmentations) -> dict[str, Any]:
    """Return what decides the pixels of a split, as JSON values."""
    family = [_without_places(part) for part in recipe.dataset.family()]
    key = {
        "version": _VERSION,
        "split": name,
        "digest": splits.digest,
        "dataset": family[0] if len(family) == 1 else family,
        "info": splits.info.to_json(),
        "photos for": _use(recipe, single) if name == "train" else "framing",
        "libraries": DECODED_BY,
    }
    made: dict[str, Any] = json.loads(json.dumps(key, default=str))
    return made


def _without_places(part: Part) -> list[Any]:
    """Return the id, the options and the code of a data set, without where its files are and without its parts."""
    plain = {key: value for key, value in part.options.items() if key != "path" and not nests(part.option(key).type)}
    return [part.entry.id, plain, _code(part.entry)]


def _use(recipe: Recipe, single: SampleAugmentations) -> Any:
    """Return for what the training photos are decoded, which decides how far they may be reduced."""
    if not single:
        return "framing"
    if single.needed is None:
        return "augmentations"
    first = next(part for part in recipe.augmentations if part.entry.component.per_sample)
    return [first.entry.id, first.options, _code(first.entry)]


def _code(entry: Entry) -> str:
    """Return the digest of the package that a component is in; empty if it has no source files."""
    package = package_of(entry.component.target)
    return "" if package is None else source_digest(package)


def with_notes(splits: Splits, single: SampleAugmentations) -> Splits:
    """Return the splits with a note about decoding in their account."""
    if splits.account is None:
        return splits
    notes = (*splits.account.notes, *_notes(splits, single))
    return replace(splits, account=replace(splits.account, notes=notes))


def filled_caches(recipe: Recipe, sources: Iterable[tuple[str, BatchSource]]) -> Iterator[str]:
    """Decode the images of all caches; yield a line before and after each, or a line if the setting has no effect.

    Args:
        recipe: The recipe with the setting `train.cache`.
        sources: Each split's name and images.
    """
    cached = [
        (name, source, split)
        for name, source in sources
        if isinstance(source, DataLoaderSource) and (split := source.cached) is not None
    ]
    if recipe.train.cache is not None and not cached:
        yield "train.cache has no effect, because all images are in memory already"
    for name, source, split in cached:
        if not split.filled():
            yield f"train.cache: decoding {counted(len(split), f'{name} image')}"
        source.fill_cache()
        yield split.line(name)


def _notes(splits: Splits, single: SampleAugmentations) -> Iterator[str]:
    whole = bool(single) and single.needed is None
    if splits.info.framing is not None and splits.info.framing.decode == "draft":
        full = "; training photos in full, because their first augmentation does not allow it" if whole else ""
        yield f"decode: draft: JPEG photos are decoded at a half, a quarter or an eighth of their size{full}"
