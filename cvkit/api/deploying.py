"""`DeployableModel`: the part of `Model` that prepares it for use: its calibration and its export."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ..calibrating.calibrate import prepared as prepared_calibration
from ..calibrating.calibrate import require_one_class
from ..calibrating.promises import promise_of
from ..calibrating.result import CalibrationResult
from ..calibrating.saving import save
from ..export.choosing import Names, with_exporters
from ..export.jobs import exports_of
from ..host.assumed import EXPORTER
from .opened_model import OpenedModel, warn
from .results import ExportedModel


class DeployableModel(OpenedModel):
    """Calibrates its probabilities, and writes itself as files for other programs."""

    def calibrate(
        self,
        *,
        accuracy: float | None = None,
        coverage: float | None = None,
        error_rate: float | None = None,
        per_class: bool = False,
        foreign: str | os.PathLike[str] | None = None,
    ) -> CalibrationResult:
        """Calibrate the probabilities and let the model decline images, as ``cvkit calibrate`` does.

        The temperature and the rule are chosen on different validation images of the run, and measured on its test
        images. They are written into the run folder, and `predict` uses them from now on. Give at most one of
        `accuracy`, `coverage` and `error_rate`; without them no image is declined.

        Args:
            accuracy: The accuracy of the images that are not declined, in (0, 1).
            coverage: The share of images that are not declined, in (0, 1].
            error_rate: The share of images whose prediction set may miss their class, in (0, 1). Images are declined
                unless their set contains exactly one class.
            per_class: Whether to fit a temperature and a bias for each class (vector scaling).
            foreign: A folder of images of no class of the run; how many of them are declined is measured.

        Returns:
            The calibration with its measurements.

        Raises:
            ValueError: A value is out of its range, several of the three values are given, or `foreign` without any.
            DataError: The data of the run, or the foreign images, cannot be read.
            RunError: The run has no validation or test images, its images have sets of labels, or no rule keeps the
                promise.
        """
        promise = promise_of(accuracy, coverage, error_rate)
        if foreign is not None and promise is None:
            raise ValueError("foreign needs a rule that declines: give accuracy, coverage or error_rate")
        require_one_class(self.info.task)
        place = None if foreign is None else Path(foreign).expanduser()
        loaded = replace(self._loaded, trained=replace(self._trained, abstention=None))
        self._folder.lock()
        try:
            job = prepared_calibration(self._folder, loaded, self.recipe, self._splits(), promise, per_class, place)
            result = job.make(lambda images: None)
            save(self._folder, result, loaded)
        finally:
            self._folder.unlock()
        warn(*result.remarks())
        self._loaded = replace(loaded, trained=replace(loaded.trained, abstention=result.abstention))
        return result

    def export(
        self,
        to: str | Mapping[str, Any] = EXPORTER,
        *,
        output: str | os.PathLike[str] = "exports",
        images: Iterable[str | os.PathLike[str]] = (),
        agreement: float | None = None,
        framing: Literal["outside", "in-graph"] | None = None,
    ) -> ExportedModel:
        """Write the model as files for other programs, after a comparison of the files with the run.

        The files predict the test images of the run, and the certificate beside them has the result.

        Args:
            to: The name of an exporter that ``cvkit list exporters`` shows, or a mapping with options, as in
                ``{"name": "onnx", "opset": 20}``.
            output: The folder for exports. The files go into a subfolder named after the run and the exporter, and
                replace an earlier export there.
            images: Image files or folders to compare with instead of the test images of the run.
            agreement: The share of the images that must keep their class, in [0, 1]; None for that of the exporter.
            framing: ``in-graph`` for a file that takes images of any size, and resizes and crops them itself as the
                run's evaluation does; None for the option of the exporter, by default ``outside``.

        Returns:
            The folder with the files, and the certificate.

        Raises:
            ValueError: `agreement` is not in [0, 1].
            RecipeError: There is no such exporter, its options are wrong, or it cannot contain the framing.
            DataError: There are no images to compare with.
            RunError: The format does not support the model, or too few images keep their class; an earlier export
                then stays as it is.
        """
        if agreement is not None and not 0 <= agreement <= 1:
            raise ValueError(f"agreement must be between 0 and 1, got {agreement!r}")
        chosen = to if isinstance(to, str) else json.dumps(dict(to), default=dict)
        names = Names("to", "options", "framing")
        recipe = with_exporters(
            self.recipe, self._folder.document, self._catalog, [chosen], framing=framing, names=names
        )
        given = [Path(image).expanduser() for image in images]
        where = ("export(images=...)", "cvkit.load(run, data=...)")
        (job,) = exports_of(self._folder, recipe, self._loaded, self._splits, given, agreement, names=where)
        place = job.place(Path(output).expanduser())
        place.require_safe_to_replace()
        return ExportedModel(place.path, place.path / job.exporter.files[0], job.write(place))
