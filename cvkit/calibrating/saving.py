"""Write a calibration into the run folder, tied to the digest of the weights."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ..figures.page import render
from ..runs.folder import TIME, RunFolder
from ..runs.load import LoadedModel
from .page import calibration_page
from .result import CalibrationResult


def save(folder: RunFolder, result: CalibrationResult, loaded: LoadedModel) -> list[Path]:
    """Write calibration.json and calibration.html of the model that was loaded from `folder`; return their paths."""
    page = calibration_page(result, folder.path.name, loaded.checkpoint_label, loaded.trained.info.classes)
    content = {
        "weights": loaded.weights,
        "checkpoint": loaded.checkpoint_label,
        "created": f"{datetime.now().astimezone():{TIME}}",
        **result.to_json(),
    }
    return folder.write_calibration(content, render(page))
