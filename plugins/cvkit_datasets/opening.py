"""Turn labelled image files into `Splits`: read the headers, assign the splits, count, and compute the digest."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cvkit import DataAccount, DataError, DataInfo, Framing, ImageCount, LeftOut, Splits, composed_name

from .contents import digest_of
from .file_split import FileSplit
from .finding import listed, natural
from .headers import checked_files
from .layout import require_classes, require_labels
from .options import Reading, SplitPlan
from .samples import Sample, SplitName
from .splitting import assigned
from .splitting_sets import assigned_sets

_SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def opened(
    source: Path,
    samples: Sequence[Sample],
    reading: Reading,
    plan: SplitPlan,
    classes: tuple[str, ...],
    left_out: Sequence[LeftOut],
    notes: Sequence[str],
) -> Splits:
    """Return the splits of these samples.

    `classes` gives their order; if it is empty, they are in natural order. `left_out` and `notes` begin the account.
    `source` is the folder or the table. Raises `DataError` if files, classes or groups do not suit the options.
    """
    base = source if source.is_dir() else source.parent
    good, damaged, seen = checked_files(samples, reading)
    several = any(sample.label_set is not None for sample in good)
    names = _ordered({label for sample in good for label in sample.labels}, classes, several)
    if several:
        require_labels(source, good, (*left_out, *damaged))
    else:
        require_classes(source, good, names, (*left_out, *damaged))
    try:
        split = assigned_sets(good, plan) if several else assigned(good, plan)
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    numbers = {name: number for number, name in enumerate(names)}
    split.sort(key=lambda sample: ([numbers[label] for label in sample.labels], natural(sample.name)))
    parts = {name: [sample for sample in split if sample.split == name] for name in _SPLITS}
    counts: dict[str, dict[str, int]] = {name: _counted(part, names) for name, part in parts.items() if part}
    lacking = [_lack(name, own, several) for name, own in counts.items() if not all(own.values())]
    train, validation, test = (FileSplit.of(parts[name], names, reading) if parts[name] else None for name in _SPLITS)
    if train is None:
        raise DataError(f"{source} contains no training images")
    if train.weights is not None and not any(train.weights):
        raise DataError(f"{source} has the weight 0 for each of the {len(train):,} training images")
    used = {label for sample in parts["train"] if sample.weight for label in sample.labels}
    unused = [name for name in names if train.weights is not None and name not in used]
    if unused:
        lacking.append(
            f"the sampler weighted never uses {listed(unused)}, whose training images all have the weight 0"
        )
    mean, std = reading.statistics
    return Splits(
        train=train,
        validation=validation,
        test=test,
        info=DataInfo(
            reading.channels,
            *reading.input_size,
            names,
            mean,
            std,
            framing=None if reading.framing is None else Framing(reading.framing, decode=reading.decode),
            fixed_normalisation=reading.mean is not None or reading.std is not None,
            task="multi_label" if several else "single_label",
        ),
        digest=digest_of(base, [sample.path for sample in split], about=_about(split, names, reading)),
        account=DataAccount(
            counts, (*left_out, *damaged), (*notes, *seen, *lacking), images=_images(parts) if several else {}
        ),
    )


def _counted(samples: Sequence[Sample], names: Sequence[str]) -> dict[str, int]:
    """Return the number of images of each class."""
    found = Counter(label for sample in samples for label in sample.labels)
    return {name: found[name] for name in names}


def _lack(split: str, counts: Mapping[str, int], several: bool) -> str:
    """Return a note about the classes without images in a split."""
    absent = [name for name, count in counts.items() if not count]
    note = f"the {split} images lack {listed(absent)}"
    if not several or split != "train":
        return note
    alike = {name.casefold(): name for name, count in counts.items() if count}
    pairs = [f"'{name}' and '{alike[name.casefold()]}'" for name in absent if name.casefold() in alike]
    cases = f"; {', '.join(pairs)} differ in case only" if pairs else ""
    return f"{note}{cases}. The model has an output for each, and learns never to predict it"


def _images(parts: Mapping[SplitName, Sequence[Sample]]) -> dict[str, ImageCount]:
    """Return how many images each split has, and how many of these have no label."""
    return {
        name: ImageCount(len(part), sum(not sample.labels for sample in part)) for name, part in parts.items() if part
    }


def grouped(samples: Sequence[Sample], pattern: str, columns: Sequence[str] = ()) -> list[Sample]:
    """Return the samples with the group that a regular expression finds in each name.

    The group is the first group of the expression, or all that it matches. `columns` are those that could have been
    meant instead. Raises `ValueError` if it is not a regular expression, and `DataError` if it does not match every
    name.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"group '{pattern}' is not a regular expression: {error}") from None
    matches = [expression.search(composed_name(sample.name)) for sample in samples]
    missing = [sample.name for sample, match in zip(samples, matches, strict=True) if not (match and _found(match))]
    if missing:
        raise DataError(
            f"group '{pattern}' does not match {len(missing):,} of {len(samples):,} paths: {listed(missing)}. "
            "It is a regular expression that is searched for in the path relative to the data set's folder"
            + (f", because the table has no column of this name; it has {listed(columns, 20)}" if columns else "")
        )
    return [replace(one, group=_found(match)) for one, match in zip(samples, matches, strict=True) if match]


def _found(match: re.Match[str]) -> str:
    return match[1 if match.re.groups else 0] or ""


def _ordered(found: set[str], classes: tuple[str, ...], several: bool) -> tuple[str, ...]:
    """Return the classes in the order of the option, or in natural order. Only of `several`, images may lack some."""
    if not classes:
        return tuple(sorted(found, key=natural))
    wanted = tuple(composed_name(name) for name in classes)
    missing, extra = sorted(found - set(wanted)), [] if several else sorted(set(wanted) - found)
    if len(set(wanted)) < len(wanted) or missing or extra:
        details = [f"not listed: {listed(missing)}"] * bool(missing) + [f"without images: {listed(extra)}"] * bool(
            extra
        )
        raise DataError(
            f"classes must list every class once; {'; '.join(details) or 'a class is listed twice'}. The data has "
            f"{listed(sorted(found, key=natural), 20)}"
        )
    return wanted


def _about(split: Sequence[Sample], classes: tuple[str, ...], reading: Reading) -> str:
    """Return what the digest covers besides names and bytes: how files are read, their labels and their splits."""
    whole = hashlib.sha256(f"{reading.channels} {reading.bits} {classes}".encode())
    for sample in split:
        weight = "" if sample.weight is None else f"{sample.weight!r} "
        label = sample.label if sample.label_set is None else sample.label_set
        whole.update(f"\n{weight}{sample.split} {label} {sample.name}".encode())
    return f"image files 2 {whole.hexdigest()}"
