"""A data set with other names of its classes, some of which may be merged."""

from __future__ import annotations

from pathlib import Path

from cvkit import Splits

from .views import changed, splits_of, view


def relabel(root: Path, *, of: Splits, classes: dict[str, str]) -> Splits:
    """Return another data set with classes renamed or merged; two classes with the same new name become one.

    Classes that are not named keep their names. The new classes are in the order of the first old class of each.

    Args:
        root: The data folder; not used.
        of: The data set.
        classes: The new name of each class by its old name, such as `{husky: dog, poodle: dog}`.

    Returns:
        The splits that `of` has, with all their images.

    Raises:
        ValueError: A class does not exist, or fewer than two classes are left.
    """
    old = of.info.classes
    if missing := [name for name in classes if name not in old]:
        known = ", ".join(old[:20]) + (", ..." if len(old) > 20 else "")
        raise ValueError(f"classes: the data set has no class '{missing[0]}'; it has {known}")
    named = [classes.get(name, name) for name in old]
    new = tuple(dict.fromkeys(named))
    if len(new) < 2:
        raise ValueError("classes: at least two classes must be left")
    labels = [new.index(name) for name in named]
    splits = {name: view(split, range(len(split)), labels) for name, split in splits_of(of).items()}
    changes = ", ".join(f"{before} is {after}" for before, after in zip(old, named, strict=True) if before != after)
    note = f"classes are relabelled: {changes}" if changes else "no class is relabelled"
    return changed(of, splits, "relabel", {"classes": named}, note, new)
