"""Metrics for classes of uneven size, for many classes, and of probabilities; and a section about confidence."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_metrics() -> Iterator[Component]:
    """Declare balanced_accuracy, macro_f1, top_k, auroc and ece."""
    home = "cvkit_metrics.classification"
    yield Component("balanced_accuracy", f"{home}:balanced_accuracy", "The mean of the classes' recalls")
    yield Component("macro_f1", f"{home}:macro_f1", "The mean of the classes' F1 scores")
    yield Component("top_k", f"{home}:top_k", "How often the label is among the k most probable classes")
    home = "cvkit_metrics.probabilities"
    yield Component("auroc", f"{home}:auroc", "The mean area under the ROC curves of the classes")
    yield Component("ece", f"{home}:ExpectedCalibrationError", "The mean difference between confidence and accuracy")


@hookimpl
def cvkit_sections() -> Iterator[Component]:
    """Declare risk_coverage."""
    yield Component(
        "risk_coverage", "cvkit_metrics.risk_coverage:risk_coverage", "The error of the most confident predictions"
    )
