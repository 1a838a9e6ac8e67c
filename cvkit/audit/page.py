"""Build the page of `cvkit audit`: findings, pictures of pairs, and tables."""

from __future__ import annotations

from collections.abc import Sequence

from ..data.splits import Split, Splits
from ..figures.artifacts import Card, Gallery
from ..figures.page import Fact, Page, Section
from ..figures.thumbnails import pixelated, thumbnail
from ..formatting import counted, legible, percent
from .audit import Audit
from .duplicates import Pair
from .findings import findings
from .reading import SplitName
from .tables import class_table, split_table

SHOWN = 60
"""The maximum number of pairs in a gallery of the audit's page."""


def audit_page(audit: Audit, splits: Splits, name: str, notes: Sequence[str] = ()) -> Page:
    """Return the page of an audit. The images that it shows are read from `splits` a second time."""
    return Page(
        title=f"Audit of {name}",
        subtitle="What is wrong with the data. No model was trained.",
        facts=tuple(_facts(audit)),
        warnings=tuple(map(str, findings(audit))),
        notes=(*notes, "Rotated images and small cuts from a photo are not found as duplicates."),
        sections=(
            Section("Duplicates", pair_galleries(audit, splits), broad=True),
            Section("Images and classes", (split_table(audit), class_table(audit)), broad=True),
        ),
    )


def pair_galleries(audit: Audit, splits: Splits, shown: int = SHOWN, source: str = "") -> tuple[Gallery, ...]:
    """Return a gallery of each sort of duplicates that was found, each with at most `shown` pairs.

    `source` is as for `findings`.
    """
    within = [pair for pair in audit.pairs if not pair.across]
    galleries = (
        _gallery(audit, splits, audit.conflicts, "conflicts", "Duplicates with different labels", shown, source),
        _gallery(audit, splits, audit.across, "across", "Duplicates across splits", shown, source),
        _gallery(audit, splits, within, "within", "Duplicates within a split", shown, source),
    )
    return tuple(gallery for gallery in galleries if gallery.cards)


def _facts(audit: Audit) -> list[Fact]:
    facts = []
    for split in audit.splits:
        if split.name != "training":
            share = len(audit.leaked(split.name)) / len(split)
            note = f"{len(audit.leaked(split.name)):,} of {counted(len(split), 'image')}"
            facts.append(Fact(f"{split.name.capitalize()} images also in training", percent(share, 2), note))
    exact = sum(pair.exact for pair in audit.pairs)
    damaged = len(audit.damaged)
    facts += [
        Fact("Pairs of duplicates", f"{len(audit.pairs):,}", f"{exact:,} with equal pixels"),
        Fact("Pairs with different labels", f"{len(audit.conflicts):,}"),
        Fact("Damaged images", f"{damaged:,}"),
    ]
    return [
        *sorted(facts, key=lambda fact: fact.value in ("0", percent(0, 2))),  # so the headline is what was found
        Fact("Images", f"{sum(map(len, audit.splits)):,}", counted(len(audit.classes), "class")),
    ]


def _gallery(
    audit: Audit, splits: Splits, pairs: Sequence[Pair], name: str, title: str, most: int, source: str
) -> Gallery:
    """Return pairs at even distances in their order, so that the reader also sees the doubtful ones."""
    by_similarity = sorted(pairs, key=lambda pair: -pair.similarity)
    step = max(1.0, len(pairs) / most)
    shown = [by_similarity[int(number * step)] for number in range(min(most, len(pairs)))]
    caption = "Similarity: correlation of the contrast of 32x32 grey pixels at the best shift, 1 for equal pixels."
    if len(shown) < len(pairs):
        caption = (
            f"{len(shown):,} of {len(pairs):,} pairs, from the most to the least similar; duplicates.csv{source} "
            f"lists all. {caption}"
        )
    read: dict[SplitName, Split | None] = {
        "training": splits.train,
        "validation": splits.validation,
        "test": splits.test,
    }
    cards, sharp = [], True
    for pair in shown:
        pictures = []
        for end in (pair.first, pair.second):
            image = _of(read, end.split)[end.index][0]
            sharp &= pixelated(image[None])
            pictures.append((f"{end.split}: {legible(audit.named(end.labels), 24)}", thumbnail(image)))
        lines = (
            "equal pixels" if pair.exact else f"similarity {pair.similarity:.2f}{', mirrored' * pair.mirrored}",
            *(legible(end.name) for end in (pair.first, pair.second)),
        )
        labels = {
            "splits": " and ".join(dict.fromkeys((pair.first.split, pair.second.split))),
            "class of the first": legible(audit.named(pair.first.labels)),
        }
        values = {"similarity": pair.similarity, "doubt": -pair.similarity}
        cards.append(Card(tuple(pictures), lines, labels=labels, values=values))
    return Gallery(name, title, caption, tuple(cards), sharp)


def _of(read: dict[SplitName, Split | None], name: SplitName) -> Split:
    split = read[name]
    assert split is not None  # noqa: S101  # a pair of this split exists
    return split
