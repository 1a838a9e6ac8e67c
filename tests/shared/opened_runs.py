"""The classifier of a run, as commands open it."""

from __future__ import annotations

import cvkit
from cvkit.prediction.opened import OpenedClassifier, open_classifier


def opened_of(run: cvkit.TrainedRun) -> OpenedClassifier:
    """Return the classifier of a run."""
    return open_classifier(run.folder, lambda folder: cvkit.resolve(folder.document(), cvkit.discover()))
