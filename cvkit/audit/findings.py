"""The findings of an audit as sentences: what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..formatting import counted, in_words, legible, percent
from ..tasks import TASKS
from .audit import FEW, RATIO, Audit
from .duplicates import images_in
from .near import LIMIT
from .reading import SplitFacts, SplitName

_LONG = 2  # a ratio of the sides from which a square crop loses half of the image
_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """A sentence about the data, and one about what to do."""

    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.what} {self.advice}"


def findings(audit: Audit, source: str = "") -> list[Finding]:
    """Return the findings, the most important first.

    `source` follows the name of a CSV file that is not beside the findings: where the reader gets the file.
    """
    return [
        *_damaged(audit, source),
        *_across(audit, source),
        *_conflicts(audit),
        *_classes(audit),
        *_repeated(audit),
        *_grey(audit, source),
        *_shapes(audit),
        *_left_out(audit, source),
    ]


def _damaged(audit: Audit, source: str) -> Iterator[Finding]:
    named = audit.damaged if audit.stops else audit.damaged[: len(audit.damaged) - len(audit.unread)]
    if named:
        choice = "Repair or delete the files, or set on_error: skip" if audit.stops else "Repair or delete the files"
        yield Finding(
            f"Damaged images: {len(named):,} could not be read ({_list(named)}).",
            f"{choice}, because a run stops with an error; damaged.csv{source} gives the reasons.",
        )


def _left_out(audit: Audit, source: str) -> Iterator[Finding]:
    if audit.unread and not audit.stops:
        one = len(audit.unread) == 1
        yield Finding(
            f"{counted(len(audit.unread), 'image')} {'is' if one else 'are'} damaged and {'was' if one else 'were'} "
            f"left out (on_error: skip): {_list([each.name for each in audit.unread])}.",
            f"Repair or delete {'it' if one else 'them'}; damaged.csv{source} gives the reasons.",
        )


def _across(audit: Audit, source: str) -> Iterator[Finding]:
    names = [facts.name for facts in audit.splits]
    sides: list[tuple[SplitName, SplitName]] = [
        ("test", "training"),
        ("validation", "training"),
        ("test", "validation"),
    ]
    for split, other in sides:
        if split in names and other in names and (found := images_in(audit.pairs, split, other)):
            total = next(len(facts) for facts in audit.splits if facts.name == split)
            effect = (
                f"so the {split} {in_words(TASKS[audit.task].score)} is probably too high"
                if other == "training"
                else "so choices depend on test images"
            )
            advice = (
                "Look at the pairs. Delete one file of each pair of copies, or keep both in one split with the "
                "option group"
            )
            if split == "test" and other == "training":
                advice += "; cvkit audit RECIPE --run RUN prints the accuracy without them"
            yield Finding(
                f"Duplicates across splits: {len(found):,} of {total:,} {split} images "
                f"({percent(len(found) / total, 1)}) are also among the {other} images, or look almost the "
                f"same as one of them, {effect}.",
                f"{advice}. duplicates.csv{source} lists the pairs.",
            )
    if audit.skipped:
        yield Finding(
            f"The search for near duplicates compared only the {LIMIT:,} most similar pairs, so more may exist.",
            "Look at the pairs first: aligned scans, for example, are similar without being duplicates.",
        )


def _conflicts(audit: Audit) -> Iterator[Finding]:
    if audit.conflicts:
        exact = sum(pair.exact for pair in audit.conflicts)
        yield Finding(
            f"Duplicates with different labels: {_pairs(len(audit.conflicts))}, {exact:,} with equal pixels.",
            "At least one label of each pair is wrong or ambiguous; look at the pairs on the page.",
        )


def _classes(audit: Audit) -> Iterator[Finding]:
    for name, counts in audit.counts.items():
        empty = [audit.classes[index] for index in (counts == 0).nonzero().flatten().tolist()]
        if empty:
            yield Finding(
                f"Classes without {name} images: {_list(empty)}.",
                "Add images of these classes, or remove the classes.",
            )
    counts = audit.counts["training"]
    present = counts[counts > 0]
    if len(present) and (ratio := int(present.max()) / int(present.min())) >= RATIO:
        most = audit.classes[int(counts.argmax())]
        least = audit.classes[int(counts.where(counts > 0, counts.max() + 1).argmin())]
        yield Finding(
            f"The class {legible(most)} has {ratio:,.0f} times as many training images ({int(present.max()):,}) as "
            f"{legible(least)} ({int(present.min()):,}).",
            TASKS[audit.task].rare,
        )
    few = [audit.classes[index] for index in ((counts > 0) & (counts < FEW)).nonzero().flatten().tolist()]
    if few:
        yield Finding(
            f"Classes with fewer than {FEW} training images: {_list(few)}.",
            "Collect more images of these classes, and start from pretrained weights.",
        )


def _repeated(audit: Audit) -> Iterator[Finding]:
    for facts in audit.splits:
        if found := images_in(audit.pairs, facts.name, facts.name):
            pairs = sum(pair.first.split == pair.second.split == facts.name for pair in audit.pairs)
            yield Finding(
                f"Duplicates within a split: {_pairs(pairs)} ({len(found):,} of "
                f"{counted(len(facts), f'{facts.name} image')}).",
                "They count more than once; keep one of each if that is not intended.",
            )


def _grey(audit: Audit, source: str) -> Iterator[Finding]:
    grey, total = (sum(values) for values in zip(*_greys(audit.splits), strict=True))
    if grey and grey == total:
        yield Finding(
            "All images are grey, read as three equal channels.",
            "A pretrained network can use them as they are; a network of your own needs one channel only.",
        )
    elif grey:
        yield Finding(
            f"Grey images: {grey:,} of {total:,}.",
            f"Check in classes.csv{source} that grey does not coincide with a class, because a model would "
            "learn that.",
        )


def _greys(splits: Sequence[SplitFacts]) -> list[tuple[int, int]]:
    return [(int(facts.grey.sum()), len(facts) - len(facts.damaged)) for facts in splits]


def _shapes(audit: Audit) -> Iterator[Finding]:
    long = total = 0
    for facts in audit.splits:
        short, longer = facts.sizes.aminmax(dim=1)
        long += int((longer > _LONG * short).sum())
        total += len(facts)
    if long and audit.crops:
        yield Finding(
            f"Long images: one side is more than twice as long as the other in {long:,} of "
            f"{counted(total, 'image')}.",
            "A square crop loses more than half of them; set framing: pad or squash if the class is at an edge.",
        )


def _pairs(number: int) -> str:
    return counted(number, "pair")


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(legible(name) for name in names[:_NAMED]) + more
