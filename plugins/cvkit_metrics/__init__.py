"""Metrics for uneven and for many classes, of probabilities, and of label sets; and a section about confidence."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_metrics() -> Iterator[Component]:
    """Declare balanced_accuracy, macro_f1, top_k, auroc and ece, and those of label sets."""
    home = "cvkit_metrics.classification"
    yield Component("balanced_accuracy", f"{home}:balanced_accuracy", "The mean of the classes' recalls")
    yield Component("macro_f1", f"{home}:macro_f1", "The mean of the classes' F1 scores")
    yield Component("top_k", f"{home}:top_k", "How often the label is among the k most probable classes")
    home = "cvkit_metrics.probabilities"
    yield Component("auroc", f"{home}:auroc", "The mean area under the ROC curves of the classes")
    yield Component("ece", f"{home}:ExpectedCalibrationError", "The mean difference between confidence and accuracy")
    for name, summary in (
        ("mean_average_precision", "The mean over labels of the area under the precision-recall curve"),
        ("f1", "The F1 score of label sets: of a label, or over labels or images"),
        ("exact_match", "The fraction of images all of whose labels are right"),
    ):
        yield Component(name, f"cvkit_metrics.label_sets:{name}", summary, tasks=("multi_label",))


@hookimpl
def cvkit_sections() -> Iterator[Component]:
    """Declare risk_coverage."""
    yield Component(
        "risk_coverage", "cvkit_metrics.risk_coverage:risk_coverage", "The error of the most confident predictions"
    )
