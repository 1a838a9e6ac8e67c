"""Assign images to training, validation and test images, by class, by group and by the hash of their names.

A group is a set of images that stay together, such as those of a patient; without groups every image is one. The
groups of a class are ordered by the hash of (seed, name). For a fraction f, those with a hash below f are chosen. So
the split of an image depends on nothing but its own name, and adding images does not move others. Only if a class
would miss its share by more than a quarter, or have no image on one side, are groups added or removed in this order.
A number of images, and folds, are exact instead: there, adding images can move a few others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from cvkit import DataError, composed_name, derive

from .finding import listed, natural
from .options import SplitPlan
from .samples import Sample, SplitName

_TOLERANCE = 0.25
"""The relative deviation of a class's share from the fraction that chance may cause."""


@dataclass(frozen=True)
class _Group:
    """Images that stay together: how many, and the hash that decides, in [0, 1)."""

    name: str
    size: int
    hash: float


def assigned(samples: Sequence[Sample], plan: SplitPlan) -> list[Sample]:
    """Return the samples, each with its split; raise `DataError` if the plan does not suit them."""
    require_whole_groups(samples)
    given = {sample.split for sample in samples if sample.split}
    for name, wanted in (("validation", plan.validation or plan.folds), ("test", plan.test)):
        if wanted and name in given:
            option = "folds" if name == "validation" and plan.folds else name
            raise DataError(f"the data has {name} images of its own, so {option}: {wanted} does not apply; remove it")
    if not given & {"validation", "test"} and not (plan.validation or plan.test or plan.folds):
        raise DataError(
            "the data has no validation and no test images of its own; set the fraction or the number of images that "
            "are used for them, such as validation: 0.2 and test: 0.2"
        )
    pool = [replace(sample, split="train") if sample.split is None else sample for sample in samples]
    if plan.test is not None:
        pool = _carved(pool, plan.test, plan.test, "test", plan.seed)
    if plan.validation is not None:
        kept = 1 - plan.test if isinstance(plan.test, float) else 1
        if isinstance(plan.validation, float) and plan.validation >= kept:
            raise DataError(
                f"validation: {plan.validation} and test: {plan.test} leave no training images; reduce them"
            )
        share = plan.validation / kept if isinstance(plan.validation, float) else plan.validation
        pool = _carved(pool, share, plan.validation, "validation", plan.seed)
    if plan.folds is not None and plan.fold is not None:
        pool = _folded(pool, plan.folds, plan.fold, plan.seed)
    return pool


def require_whole_groups(samples: Iterable[Sample]) -> None:
    """Raise `DataError` if a group has images in several of the splits that the data has."""
    splits: dict[str, set[SplitName]] = defaultdict(set)
    for sample in samples:
        if sample.group and sample.split:
            splits[sample.group].add(sample.split)
    if torn := sorted((group for group, names in splits.items() if len(names) > 1), key=natural):
        raise DataError(
            f"the groups {listed(torn)} have images in several of the splits that the data has; move each group to "
            "one split, or remove the option group"
        )


def _carved(
    samples: Sequence[Sample], share: float | int, option: float | int, target: SplitName, seed: int
) -> list[Sample]:
    """Return the samples with `share` of the training images moved to `target`; `option` is what the recipe says."""
    train = [sample for sample in samples if sample.split == "train"]
    strata = _strata(train, f"cvkit_datasets/{target}", seed)
    sizes = {label: sum(group.size for group in groups) for label, groups in strata.items()}
    if isinstance(share, float):
        ranges = {label: _around(share * size, size) for label, size in sizes.items()}
    else:
        ranges = {label: (number, number) for label, number in _apportioned(share, sizes, target).items()}
    chosen: set[str] = set()
    for label, groups in strata.items():
        below = sum(group.hash < share for group in groups) if isinstance(share, float) else 0
        chosen.update(group.name for group in groups[: _prefix(groups, below, *ranges[label])])
    return _moved(samples, chosen, target, f"{target}: {option:g}")


def _folded(samples: Sequence[Sample], folds: int, fold: int, seed: int) -> list[Sample]:
    """Return the samples with one of `folds` parts of the training images moved to the validation images.

    Within each class, the next group goes to the fold with the fewest images of the class.
    """
    strata = _strata([one for one in samples if one.split == "train"], "cvkit_datasets/folds", seed)
    if few := [label for label, groups in strata.items() if len(groups) < folds]:
        raise DataError(
            f"folds: {folds} requires at least {folds} images or groups of each class; there are fewer of "
            f"{listed(few)}"
        )
    total = [0] * folds
    chosen: set[str] = set()
    for groups in strata.values():
        own = [0] * folds
        for group in groups:
            place = min(range(folds), key=lambda one: (own[one], total[one], one))
            own[place] += group.size
            total[place] += group.size
            if place == fold - 1:
                chosen.add(group.name)
    return _moved(samples, chosen, "validation", f"folds: {folds}")


def _strata(samples: Sequence[Sample], purpose: str, seed: int) -> dict[str, list[_Group]]:
    """Return the groups of each class in the order of their hashes. A group belongs to its most frequent class."""
    members: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        members[group_of(sample)][sample.label] += 1
    strata: dict[str, list[_Group]] = defaultdict(list)
    for name, labels in members.items():
        label = min(labels, key=lambda one: (-labels[one], natural(one)))
        hash_ = derive(f"{purpose}/{name}", seed) / 2**63
        strata[label].append(_Group(name, labels.total(), hash_))
    for groups in strata.values():
        groups.sort(key=lambda group: (group.hash, group.name))
    return {label: strata[label] for label in sorted(strata, key=natural)}


def group_of(sample: Sample) -> str:
    """Return what keeps images together. Names are composed, because systems spell the same name differently."""
    return f"group/{sample.group}" if sample.group else f"image/{composed_name(sample.name)}"


def _around(expected: float, size: int) -> tuple[float, float]:
    """Return the smallest and the largest accepted number of images around the expected one."""
    slack = max(1.0, _TOLERANCE * expected)
    return max(1.0, expected - slack), min(size - 1.0, expected + slack)


def _prefix(groups: Sequence[_Group], below: int, least: float, most: float) -> int:
    """Return how many of the first groups to choose: the number nearest to `below` that has `least` to `most` images.

    At least one group stays on either side; none is chosen if there is only one.
    """
    sums = [0, *accumulate(group.size for group in groups)]

    def off(number: int) -> tuple[float, int]:
        return max(least - sums[number], sums[number] - most, 0), abs(number - below)

    return min(range(1, len(groups)), key=off, default=0)


def _apportioned(total: int, sizes: Mapping[str, int], target: SplitName) -> dict[str, int]:
    """Return how many of `total` images each class gives: proportionally, at least one, and never all of them."""
    possible = sum(size - 1 for size in sizes.values())
    if not len(sizes) <= total <= possible:
        raise DataError(
            f"{target}: {total} is not possible: each of the {len(sizes)} classes gives at least one image and keeps "
            f"at least one, so the number must be from {len(sizes)} to {possible}"
        )
    ideal = {label: total * size / sum(sizes.values()) for label, size in sizes.items()}
    given = {label: min(max(1, int(ideal[label])), size - 1) for label, size in sizes.items()}
    while (missing := total - sum(given.values())) != 0:
        step = 1 if missing > 0 else -1
        able = [label for label in sizes if 1 <= given[label] + step < sizes[label]]
        given[max(able, key=lambda label: step * (ideal[label] - given[label]))] += step
    return given


def _moved(samples: Sequence[Sample], groups: set[str], target: SplitName, option: str) -> list[Sample]:
    """Return the samples with those of `groups` in `target`; raise `DataError` if a class is not on both sides."""
    moved = [
        replace(sample, split=target) if sample.split == "train" and group_of(sample) in groups else sample
        for sample in samples
    ]
    before = Counter(sample.label for sample in samples if sample.split == "train")
    after = Counter(sample.label for sample in moved if sample.split == "train")
    rare = [label for label in sorted(before, key=natural) if not 0 < after[label] < before[label]]
    if rare:
        total = Counter(sample.label for sample in samples)
        named = ", ".join(f"'{label}' (images: {total[label]})" for label in rare[:20])
        raise DataError(
            f"{option} would leave a class without training images or without {target} images. Too few images, or "
            f"all in one group: {named}. Add images of these classes, or remove the classes"
        )
    return moved
