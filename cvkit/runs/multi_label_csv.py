"""Write the predictions of sets of labels as CSV, one line per image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..data.label_forms import joined, label_form
from ..engine.multi_label import MultiLabelPredictions
from ..figures.csv_export import csv_chunks


def multi_label_csv(
    predictions: MultiLabelPredictions, classes: Sequence[str], digests: Sequence[str] | None = None
) -> Iterator[str]:
    """Yield predictions as pieces of CSV: one line per image in the order of the split.

    The columns ``true`` and ``predicted`` contain labels with ``|`` between them; ``correct`` is 1 for an exact
    match. A column ``probability LABEL`` follows for each label. The column ``file`` exists if the images are files,
    and ``digest`` if there are `digests`.
    """
    header = (
        "index",
        *(() if predictions.names is None else ("file",)),
        *(() if digests is None else ("digest",)),
        *("true", "predicted", "correct"),
        *(f"probability {name}" for name in classes),
    )
    return csv_chunks(header, _rows(predictions, classes, digests))


def _rows(
    predictions: MultiLabelPredictions, classes: Sequence[str], digests: Sequence[str] | None
) -> Iterator[Sequence[object]]:
    """Yield the rows one by one, because all cells of 1,000 labels at once take much more memory than their text."""
    form = label_form(predictions.task.name)
    correct, names = predictions.correct.int().tolist(), predictions.names
    for index, (labels, guess) in enumerate(zip(predictions.labels, predictions.predicted, strict=True)):
        yield (
            index,
            *(() if names is None else (names[index],)),
            *(() if digests is None else (digests[index],)),
            joined(form.classes_of(labels), classes),
            joined(form.classes_of(guess), classes),
            correct[index],
            *(f"{value:.6f}" for value in predictions.probabilities[index].tolist()),
        )
