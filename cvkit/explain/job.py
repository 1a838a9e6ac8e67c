"""Explain many pictures and write the results: overlays, a CSV file, scores and a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.loading import materialize
from ..data.splits import Split
from ..errors import RunError
from ..figures.page import render
from ..files.output_folder import OutputFolder
from ..formatting import counted
from ..phases import phase
from .explainers import Explainers
from .image_source import FromSplit, ImageSource
from .layout import OVERLAYS, PAGE, ROWS, SCORES
from .result_page import explanation_page
from .result_writer import ResultWriter
from .scores import Scores, score
from .targets import ExplainTargets

_SCORED = 500  # maximum number of images
_NAMED = 20  # maximum number of unreadable files that are listed


@dataclass
class ExplainJob:
    """Explains the pictures of a `source`.

    Attributes:
        title: The title of the page.
        model_label: The model that is explained, as a phrase.
        explainers: The explainers.
        question: The classes to explain.
        source: The pictures.
        scored: The split whose images are used to score the explainers, or None.
        warnings: Lines about failures; explaining adds more.
        scores: The scores after `write`, or None.
    """

    title: str
    model_label: str
    explainers: Explainers
    question: ExplainTargets
    source: ImageSource
    scored: Split | None
    warnings: list[str]
    scores: Scores | None = None

    def write(self, place: OutputFolder, advance: Callable[[int], None]) -> list[Path]:
        """Write everything to the folder `place` in one atomic step, and return the paths of the results.

        `advance` is called with the number of pictures that were just explained. Raises `RunError` if no explainer
        works, if there is no picture, or if the folder cannot be written.
        """
        plain = self.explainers.of(self.explainers.trained)  # scores do not depend on the contrast of this question
        self.question.apply_contrast(self.explainers)
        with place.replace_atomically() as making:
            sheet = ResultWriter(self.explainers, self.question, making / OVERLAYS)
            self._require_a_method()
            for pictures in self.source:
                sheet.add(pictures)
                self._require_a_method()
                advance(len(pictures))
            if not sheet.explained:
                raise RunError("\n".join(["there are no images to explain", *in_short(self.source.unread)]))
            self.warnings += [*in_short(self.source.unread), *sheet.notes()]
            if self.scored is not None:
                self.scores = self._scores(plain, self.scored)
                self.warnings += self.scores.warnings
            with phase("drawing the page"):
                page = explanation_page(self.title, self.model_label, self.source, sheet, self.scores, self.warnings)
                files = {PAGE: render(page).encode(), ROWS: sheet.csv()}
            if self.scores is not None:
                files[SCORES] = (json.dumps(self.scores.to_json(), indent=1) + "\n").encode()
            for name, content in files.items():
                (making / name).write_bytes(content)
        return [place.path / name for name in (*files, OVERLAYS)]

    def _require_a_method(self) -> None:
        if not self.explainers.working:
            raise RunError("\n".join(["no explainer works on this model", *self.warnings]))

    def _scores(self, explainers: Explainers, split: Split) -> Scores:
        chosen = FromSplit.sample(split, _SCORED, explainers.trained.seed).indices
        with phase("scoring"):
            read = materialize(split, chosen)
            return score(explainers, *read.objects())


def in_short(unread: Sequence[str]) -> list[str]:
    """Return a line for each of the first unreadable files, and one line with the number of all others."""
    rest = len(unread) - _NAMED
    return [*unread[:_NAMED], *([f"{counted(rest, 'more file')} could not be read"] if rest > 0 else [])]
