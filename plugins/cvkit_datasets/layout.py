"""Recognise how a folder of images is organised: splits with classes, or one folder for each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cvkit import IMAGE_FORMATS, DataAccount, DataError, LeftOut, composed_name, readable_name

from .finding import FoundImage, Tree, listed
from .samples import SPLIT_NAMES, Sample, SplitName

_LIKE_SPLITS = {"training", "testing", "eval", "evaluation", "dev", "development", "holdout"}
EXPECTED = "image_folder expects train/, val/ and test/ with one folder for each class, or one folder for each class"


@dataclass(frozen=True)
class Layout:
    """The labelled images of a folder, what was left out, and notes about guesses."""

    samples: list[Sample]
    left_out: list[LeftOut]
    notes: list[str]


def layout_of(base: Path, tree: Tree, *, several: bool = False) -> Layout:
    """Return the images of `tree` with their classes and splits; raise `DataError` if the layout is not clear.

    If images may have `several` labels, each file has a set of labels: its folder, or none outside of such folders.
    """
    tops = [name for name in tree.folders if "/" not in name]
    splits = {top: SPLIT_NAMES[top.lower()] for top in tops if top.lower() in SPLIT_NAMES}
    if not tops:
        above = f". If {base} is the folder of one class, name the folder above it" if tree.images else ""
        raise DataError(f"{base} contains no folders; {EXPECTED}{above}{_table_hint(tree)}")
    _require_clear(base, tree, tops, splits)
    _require_no_other_splits(base, tree)
    samples: list[Sample] = []
    left_out = list(tree.left_out)
    for image in tree.images:
        split, label = _place(image, splits)
        if label is None and not (several and bool(split) == bool(splits)):
            left_out.append(LeftOut(readable_name(image.name), "not in the folder of a class"))
        else:
            own = () if label is None else (composed_name(label),)
            label_set = own if several else None
            samples.append(Sample(readable_name(image.name), image.path, "".join(own), split, label_set=label_set))
    labels = {label for sample in samples for label in sample.labels}
    if not splits and len(labels) == 1:
        (label,) = labels
        raise DataError(
            f"{base} contains images in one folder only, '{label}', so there is one class. Classification requires "
            f"at least two. If the folders in '{label}' are the classes, set path to '{base / label}'"
        )
    filled = {name for image in tree.images for name in _parents(image.name)}
    left_out += [LeftOut(readable_name(name), "contains no images") for name in tree.folders if name not in filled]
    return Layout(samples, left_out, [*_spellings(tree, splits)])


def _place(image: FoundImage, splits: dict[str, SplitName]) -> tuple[SplitName | None, str | None]:
    """Return the split and the folder name of the class, None if the image lies outside of the class folders."""
    *folders, _ = image.name.split("/")
    split = splits.get(folders[0]) if folders else None
    inner = folders[1:] if split else folders
    return split, inner[0] if inner else None


def _require_clear(base: Path, tree: Tree, tops: list[str], splits: dict[str, SplitName]) -> None:
    images = Counter(image.name.partition("/")[0] for image in tree.images)
    seen = ", ".join(f"{readable_name(top)}/ (images: {images[top]:,})" for top in tops[:10])
    seen += f" and {len(tops) - 10:,} more" if len(tops) > 10 else ""
    if splits and "train" not in splits.values():
        raise DataError(f"{base} contains {listed([*splits])}, but no train/; it contains {seen}. {EXPECTED}")
    for split in set(splits.values()):
        if len(names := [top for top, one in splits.items() if one == split]) > 1:
            raise DataError(f"{base} contains {listed(names)}, which all mean {split}; keep one of them")
    beside = [readable_name(top) for top in tops if splits and top not in splits and images[top]]
    if beside:
        raise DataError(
            f"{base} contains images in {listed(beside)} beside train/, so it is unclear whether they are classes. "
            f"It contains {seen}. Move them into train/ or out of this folder. {EXPECTED}"
        )


def _require_no_other_splits(base: Path, tree: Tree) -> None:
    """Raise `DataError` if folders with names like those of splits contain folders that others contain too."""
    inner: dict[str, set[str]] = {}
    for name in tree.folders:
        top, _, rest = name.partition("/")
        if rest and "/" not in rest:
            inner.setdefault(top, set()).add(rest)
    for top, own in inner.items():
        others = [other for other, names in inner.items() if other != top and names & own]
        if top.lower() in _LIKE_SPLITS and others:
            raise DataError(
                f"{base} contains {listed([readable_name(one) for one in (top, *others)])}, which contain folders of "
                "the same names, so they look like splits and not like classes. Rename them to train, val and test"
            )


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _spellings(tree: Tree, splits: dict[str, SplitName]) -> Iterator[str]:
    """Yield a note for each class whose folders spell its name with different bytes."""
    spelled: dict[str, set[str]] = {}
    for image in tree.images:
        if (label := _place(image, splits)[1]) is not None:
            spelled.setdefault(composed_name(label), set()).add(label)
    for label, names in spelled.items():
        if len(names) > 1:
            yield f"{len(names)} spellings of '{label}' in Unicode are read as one class"


def _table_hint(tree: Tree) -> str:
    tables = [one.name for one in tree.left_out if one.name.endswith((".csv", ".tsv", ".jsonl", ".parquet"))]
    return f". There is a table, '{tables[0]}': the data set image_table reads tables" if tables else ""


def require_classes(
    source: Path, samples: Iterable[Sample], classes: tuple[str, ...], left_out: tuple[LeftOut, ...]
) -> None:
    """Raise `DataError` if an evaluated split has classes that the training images lack, or if there is only one.

    The message says what was left out and why, because that is often the reason.
    """
    reasons = "".join(f"\n  {line}" for line in DataAccount({}, left_out).lines()[1:])
    trained = {label for one in samples if one.split in (None, "train") for label in one.labels}
    if not trained:
        raise DataError(f"{source} contains no images for training; cvkit reads {', '.join(IMAGE_FORMATS)}{reasons}")
    for split in ("validation", "test"):
        if unknown := sorted({label for one in samples if one.split == split for label in one.labels} - trained):
            alike = {name.casefold(): name for name in trained}
            hint = "".join(
                f"; '{name}' and '{alike[name.casefold()]}' differ in case only"
                for name in unknown
                if name.casefold() in alike
            )
            raise DataError(
                f"{source}: {split} images have classes without training images: {listed(unknown)}{hint}. The "
                f"training images have {listed(sorted(trained))}"
            )
    if len(classes) < 2:
        raise DataError(f"{source} has only the class '{classes[0]}'; classification requires at least two{reasons}")


def require_labels(source: Path, samples: Iterable[Sample], left_out: tuple[LeftOut, ...]) -> None:
    """Raise `DataError` if images have sets of labels, but no training image has a label."""
    reasons = "".join(f"\n  {line}" for line in DataAccount({}, left_out).lines()[1:])
    train = [one for one in samples if one.split in (None, "train")]
    if not train:
        raise DataError(f"{source} contains no images for training; cvkit reads {', '.join(IMAGE_FORMATS)}{reasons}")
    if not any(one.labels for one in train):
        raise DataError(f"{source}: no training image has a label{reasons}")
