"""Write the predictions of sets of labels as CSV, one line per image."""

from __future__ import annotations

from collections.abc import Sequence

from ..engine.multi_label import MultiLabelPredictions, label_names
from ..figures.csv_export import csv_text

SEPARATOR = "|"


def multi_label_csv(predictions: MultiLabelPredictions, classes: Sequence[str]) -> str:
    """Return predictions as CSV: one line per image in the order of the split.

    The columns ``true`` and ``predicted`` contain labels with ``|`` between them; ``correct`` is 1 for an exact
    match. A column ``probability LABEL`` follows for each label. The column ``file`` exists if the images are files.
    """
    columns: dict[str, Sequence[object]] = {
        "index": range(len(predictions.labels)),
        **({} if predictions.names is None else {"file": predictions.names}),
        "true": [SEPARATOR.join(label_names(row, classes)) for row in predictions.labels],
        "predicted": [SEPARATOR.join(label_names(row, classes)) for row in predictions.predicted],
        "correct": predictions.correct.int().tolist(),
        **{
            f"probability {name}": [f"{value:.6f}" for value in predictions.probabilities[:, label].tolist()]
            for label, name in enumerate(classes)
        },
    }
    return csv_text(tuple(columns), zip(*columns.values(), strict=True))
