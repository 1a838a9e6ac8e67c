"""Assign images with sets of labels to splits, so that each split has its share of the images of each label.

A group of images belongs to the rarest of its labels, or to those without a label. `assigned` then divides the groups
of each of these as it divides the groups of a class. So the images of a rare label are divided as those of a class,
and those of a frequent label nearly so: they are divided in parts, with each rarer label that occurs beside it. The
source of the idea, the rarest label first, is Sechidis et al. 2011, "On the Stratification of Multi-label Data".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cvkit import DataError

from .finding import natural
from .options import SplitPlan
from .samples import Sample
from .splitting import assigned, group_of, require_whole_groups

_NONE = "(no label)"
_DIVIDED = (None, "train")
"""The splits of the images that `assigned` divides."""


def assigned_sets(samples: Sequence[Sample], plan: SplitPlan) -> list[Sample]:
    """Return the samples, each with its split; raise `DataError` if the plan does not suit them.

    If too few groups belong to a label to divide them, fewer than the splits or the folds, they stay training images.
    Groups that have a split of their own, validation or test, are not counted.
    """
    require_whole_groups(samples)
    stratum = _strata([sample for sample in samples if sample.split in _DIVIDED])
    sizes = Counter(stratum.values())
    least = plan.folds or 1 + (plan.validation is not None) + (plan.test is not None)
    given, kept = [], []
    for sample in samples:
        own = stratum.get(group_of(sample), _NONE)
        if sample.split not in _DIVIDED or sizes[own] >= least:
            given.append(replace(sample, label=own))
        else:
            kept.append(replace(sample, split="train"))
    labels = {sample.name: sample.label for sample in samples}
    made = [replace(sample, label=labels[sample.name]) for sample in (*assigned(given, plan), *kept)]
    for name, wanted in (("validation", plan.validation or plan.folds), ("test", plan.test)):
        if wanted and not any(sample.split == name for sample in made):
            raise DataError(f"{name}: {wanted} leaves no {name} images, because each label has too few; add images")
    return made


def _strata(samples: Sequence[Sample]) -> Mapping[str, str]:
    """Return the rarest label of each group, by its name."""
    found: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        found[group_of(sample)].update(sample.labels)
    counts = Counter(label for labels in found.values() for label in labels)
    return {
        group: min(labels, key=lambda label: (counts[label], natural(label)), default=_NONE)
        for group, labels in found.items()
    }
