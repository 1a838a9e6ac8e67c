"""The page of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..figures.artifacts import Figure, Gallery
from ..figures.page import Fact, Page, Section
from ..formatting import counted, in_words, score_percent
from .comparison import Comparison
from .measures import Verdict
from .pair import Pair
from .sentences import counts, interval, p_text, result
from .tables import changed_table, class_table, cost_table, measure_table, run_table


def comparison_page(
    comparison: Comparison,
    figure: Figure,
    galleries: Mapping[str, Sequence[Gallery]],
    notes: Sequence[str],
    version: str,
) -> Page:
    """Return the page of a comparison. `galleries` are by the letter of the second group of a pair."""
    sections = [
        Section(
            "Result",
            (figure, *(measure_table(pair, comparison) for pair in comparison.pairs)),
            " ".join(result(pair) for pair in comparison.pairs[1:]),
        )
    ]
    for pair in comparison.pairs:
        of = f" from {pair.first.letter} to {pair.second.letter}" if len(comparison.pairs) > 1 else ""
        sections += [
            Section(f"What changed{of}", (changed_table(pair),), broad=True),
            Section(f"Images fixed and broken{of}", tuple(galleries.get(pair.second.letter, ())), counts(pair)),
            Section(f"Classes{of}" if pair.classes[0].fixed is not None else f"Labels{of}", (class_table(pair),)),
        ]
    return Page(
        title=" and ".join(f"{group.letter}: {group.name}" for group in comparison.groups[:2])
        + (f" and {len(comparison.groups) - 2} more" if len(comparison.groups) > 2 else ""),
        subtitle=result(comparison.pairs[0]),
        facts=tuple(_facts(comparison.pairs[0], comparison)),
        notes=(*comparison.notes, *notes),
        sections=(*sections, Section("Cost", (cost_table(comparison),), broad=True)),
        details=(run_table(comparison),),
        generated=f"Created by cvkit {version}.",
    )


def _facts(pair: Pair, comparison: Comparison) -> list[Fact]:
    main, score = pair.main, in_words(pair.main.name)
    runs = {
        group.letter: f"mean of {counted(len(group.runs), 'run')}" if len(group.runs) > 1 else ""
        for group in comparison.groups
    }
    a, b = pair.first.letter, pair.second.letter
    verdicts: dict[Verdict, str] = {
        "better": f"{b} is better",
        "worse": f"{b} is worse",
        "equivalent": "equivalent",
        "undecided": "undecided",
    }
    return [
        Fact(f"{b} compared with {a}", verdicts[pair.verdict], f"p = {p_text(main.p_value)}"),
        Fact(
            f"Difference in {score}",
            f"{100 * main.difference:+.2f} points",
            f"{b} minus {a}; 95 % interval {interval(main.interval)}",
        ),
        Fact(f"{score[:1].upper()}{score[1:]} of {a}", score_percent(main.first), runs[a]),
        Fact(f"{score[:1].upper()}{score[1:]} of {b}", score_percent(main.second), runs[b]),
        Fact("Fixed", f"{len(pair.images.fixed):,}", f"correct in {b} only"),
        Fact("Broken", f"{len(pair.images.broken):,}", f"correct in {a} only"),
        Fact("Images", f"{comparison.images:,}", f"recognised by their {comparison.aligned_by}"),
    ]
