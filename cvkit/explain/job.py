"""Explanations of many pictures as they are kept: overlays, rows, scores and a page."""

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
from .explainers import Explainers
from .image_source import FromSplit, ImageSource
from .layout import OVERLAYS, PAGE, ROWS, SCORES
from .result_page import explanation_page
from .result_writer import ResultWriter
from .scores import Scores, score
from .targets import ExplainTargets

_SCORED = 500  # images, at most
_NAMED = 20  # files that could not be read


@dataclass
class ExplainJob:
    """Pictures of a `source`, explained as `question` asks, by explainers whose faults are told in `warnings`.

    `title` and `model_label`: what the page is called, and of which model it is. `scored`: the split on whose images
    the methods are scored as well, or None; `scores` is what that found.
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
        """Make it all in the folder `place`, whole or not at all, and return what there is to open.

        `advance` is told how many pictures more are done. Raises `RunError` where no method works, where there is no
        picture, or where the folder cannot be written.
        """
        plain = self.explainers.of(self.explainers.trained)  # whatever is asked here, scores are of the methods
        self.question.apply_contrast(self.explainers)
        with place.replace_atomically() as making:
            sheet = ResultWriter(self.explainers, self.question, making / OVERLAYS)
            self._require_a_method()
            for pictures in self.source:
                sheet.add(pictures)
                self._require_a_method()
                advance(len(pictures))
            if not sheet.explained:
                raise RunError("\n".join(["there is no image to explain", *in_short(self.source.unread)]))
            self.warnings += [*in_short(self.source.unread), *sheet.notes()]
            if self.scored is not None:
                self.scores = self._scores(plain, self.scored)
                self.warnings += self.scores.warnings
            page = explanation_page(self.title, self.model_label, self.source, sheet, self.scores, self.warnings)
            files = {PAGE: render(page).encode(), ROWS: sheet.csv()}
            if self.scores is not None:
                files[SCORES] = (json.dumps(self.scores.to_json(), indent=1) + "\n").encode()
            for name, content in files.items():
                (making / name).write_bytes(content)
        return [place.path / name for name in (*files, OVERLAYS)]

    def _require_a_method(self) -> None:
        if not self.explainers.working:
            raise RunError("\n".join(["no method is left that explains this model", *self.warnings]))

    def _scores(self, explainers: Explainers, split: Split) -> Scores:
        chosen = FromSplit.sample(split, _SCORED, explainers.trained.seed).indices
        read = materialize(split, chosen)
        return score(explainers, read.images, read.labels, read.masks)


def in_short(unread: Sequence[str]) -> list[str]:
    """Return a line for each of the first files that could not be read, and one for all others."""
    rest = len(unread) - _NAMED
    return [*unread[:_NAMED], *([f"{rest:,} more files could not be read"] if rest > 0 else [])]
