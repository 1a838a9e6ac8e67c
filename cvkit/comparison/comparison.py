"""`Comparison`: the result of comparing runs, and `compare_runs`, which computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from ..errors import RunError
from ..formatting import in_words
from .alignment import align, distinct_names
from .by_class import by_class
from .changed import Difference, differences, trained_by
from .changed_images import changed_images
from .groups import Group, grouped
from .measures import Verdict, corrected, measures
from .pair import Pair
from .run_results import read_run
from .sentences import difference_text, interval_text, p_text, result, score_text
from .several import holm

MARGIN = 0.5
"""The usual margin of equivalence in percentage points."""


@dataclass(frozen=True)
class Comparison:
    """Groups of runs compared on the same images.

    Attributes:
        groups: The groups. The first is what the others are compared with.
        pairs: Each other group compared with the first.
        images: The number of images that are compared.
        positions: The row of each image in the first run's predictions.csv.
        margin: The margin of equivalence as a fraction.
        aligned_by: How images were recognised: by their ``digest``, their ``file`` or their ``index``.
        notes: What was left out, guessed or could not be checked.
    """

    groups: tuple[Group, ...]
    pairs: tuple[Pair, ...]
    images: int
    positions: tuple[int, ...]
    margin: float
    aligned_by: str
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """What is known of the second group: ``better``, ``worse``, ``equivalent`` or ``undecided``."""
        return self.pairs[0].verdict

    @property
    def difference(self) -> float:
        """The main score of the second group minus that of the first."""
        return self.pairs[0].main.difference

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the 95 % interval of `difference`, which is not corrected if there are several pairs."""
        return self.pairs[0].main.interval

    @property
    def p_value(self) -> float:
        """The p-value that there is no difference, corrected if there are several pairs."""
        return self.pairs[0].main.p_value

    @property
    def sentences(self) -> tuple[str, ...]:
        """The result of each pair in words."""
        return tuple(result(pair) for pair in self.pairs)

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def __repr__(self) -> str:
        groups = ", ".join(map(str, self.groups))
        return f"Comparison({groups}: {self.verdict}, difference {self.difference:+.4f}, p={p_text(self.p_value)})"

    def _repr_html_(self) -> str:
        head = ("", "score", "first", "second", "difference", "95 % interval", "p")
        rows = [
            (
                f"{pair.second.letter} - {pair.first.letter}",
                in_words(measure.name),
                *(score_text(measure, score) for score in (measure.first, measure.second)),
                difference_text(measure),
                interval_text(measure, measure.interval),
                p_text(measure.p_value),
            )
            for pair in self.pairs
            for measure in pair.measures
        ]
        cells = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in (head, *rows)]
        table = "".join(f"<tr>{row}</tr>" for row in cells)
        return "".join(f"<p>{escape(line)}</p>" for line in self.sentences) + f"<table>{table}</table>"


def compare_runs(
    runs: Sequence[Path], against: Sequence[Path] = (), *, margin: float = MARGIN, common: bool = False
) -> Comparison:
    """Return the comparison of the runs in these folders; `margin` is in percentage points, above 0 and below 100.

    Raises `FolderError` if a folder is no finished run or damaged, and `RunError` if the runs cannot be compared.
    """
    if len(runs) + len(against) < 2 or not runs:
        raise RunError("a comparison needs at least two runs; name the folders of two runs")
    opened = [read_run(path) for path in (*runs, *against)]
    aligned = align(opened, common)
    groups, notes = grouped(aligned.runs[: len(runs)], aligned.runs[len(runs) :])
    fraction = margin / 100
    pairs = [
        Pair(
            groups[0],
            group,
            measures(groups[0], group, fraction, len(groups) - 1),
            changed_images(groups[0], group, aligned.positions),
            by_class(groups[0], group),
            _changed(groups[0], group),
            len(aligned.positions),
            fraction,
            len(groups) - 1,
        )
        for group in groups[1:]
    ]
    named = zip(distinct_names(opened), opened, strict=True)
    lines = [f"{name}: {warning}" for name, run in named for warning in run.warnings]
    lines += [f"Left out: {line}." for line in aligned.left_out]
    if aligned.by != "digest":
        lines.append(
            f"Images were recognised by their {aligned.by}, because some predictions.csv contains no digests of the "
            "images; the digests of the data sets are equal."
        )
    return Comparison(
        groups,
        tuple(_corrected(pairs)),
        len(aligned.positions),
        aligned.positions,
        fraction,
        aligned.by,
        (*lines, *notes, *_single(groups)),
    )


def _changed(first: Group, second: Group) -> tuple[Difference, ...]:
    """Return what differs between the first runs of two groups; seeds of repeated runs are no difference."""
    found = differences(first.runs[0], second.runs[0])
    repeated = len(first.runs) > 1 or len(second.runs) > 1
    return tuple(each for each in found if not (repeated and each.what == "seed"))


def _corrected(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs with p-values that are corrected for the number of pairs, each measure by itself."""
    columns = []
    for of_measure in zip(*(pair.measures for pair in pairs), strict=True):
        p_values = holm([measure.p_value for measure in of_measure])
        margins = [p for measure in of_measure if (p := measure.equivalence_p_value) is not None]
        equivalent = holm(margins) if margins else [None] * len(p_values)
        columns.append([corrected(*each) for each in zip(of_measure, p_values, equivalent, strict=True)])
    return [replace(pair, measures=of_pair) for pair, of_pair in zip(pairs, zip(*columns, strict=True), strict=True)]


def _single(groups: Sequence[Group]) -> list[str]:
    """Return what a comparison of single trainings does not show."""
    single = [group.letter for group in groups if len(group.runs) == 1]
    if len({trained_by(group.runs[0]) for group in groups}) == 1:  # `grouped` says so
        return []
    if len(single) == len(groups):
        return [
            "Each recipe was trained once, so the result is about these trainings: with other seeds it may differ. "
            "Compare several runs of each recipe to find out which recipe is better."
        ]
    if single:
        return [
            f"{' and '.join(single)} {'was' if len(single) == 1 else 'were'} trained only once, so the intervals do "
            "not include how much that score varies with the seed."
        ]
    return []
