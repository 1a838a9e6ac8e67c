"""Build the page of `cvkit explain`: the images, the explainers and their scores."""

from __future__ import annotations

from collections.abc import Sequence

from ..figures.artifacts import Table
from ..figures.page import Fact, Page, Section
from ..formatting import counted, percent
from .image_source import ImageSource
from .result_writer import ResultWriter
from .scores import Scores


def explanation_page(
    title: str, label: str, source: ImageSource, sheet: ResultWriter, scores: Scores | None, warnings: Sequence[str]
) -> Page:
    """Return the page. `label` describes the model, and `source` the images."""
    facts = [Fact("Question", sheet.asked, "the maps show the evidence for the answer")]
    facts.append(Fact("Images explained", f"{sheet.explained:,}", source.name))
    if sheet.labelled and not source.by_outcome:
        share = percent(sheet.right / sheet.labelled, 1)
        known = f"{sheet.right:,} of {counted(sheet.labelled, 'image')} with a known"
        if sheet.partial:
            facts.append(Fact("Known label predicted", share, f"{known} label; other labels are not known"))
        else:
            facts.append(Fact("Classified correctly", share, f"{known} class"))
    notes = sheet.explainers.notes()
    layers = tuple((name, layer or "not reported") for name, layer in sheet.layers.items())
    return Page(
        title=title,
        subtitle=label,
        facts=tuple(facts),
        warnings=tuple(warnings),
        sections=(
            Section("Images", (sheet.gallery(),)),
            Section(
                "Explanation scores",
                tuple(scores.tables()) if scores else (),
                _scored_on(scores) if scores else "",
                broad=True,
            ),
        ),
        details=(*([Table("methods", "Methods", "", ("method", "layer"), layers)] if layers else []), *noted(notes)),
    )


def noted(notes: Sequence[tuple[str, str]]) -> list[Table]:
    """Return a table of what explainers report about their maps; none if they report nothing."""
    return [Table("methods_notes", "Notes on the methods", "", ("method", "note"), tuple(notes))] if notes else []


def _scored_on(scores: Scores) -> str:
    return (
        f"Scores on {counted(scores.n, 'image')} of the run's test split, of which the model classifies "
        f"{percent(scores.accuracy, 1)} correctly. Baseline maps, which do not use the model, are shown for "
        "comparison."
    )
