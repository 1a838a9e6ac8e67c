"""Reads the predictions.csv of a run, for images with one class or with sets of labels."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..data.label_forms import SEPARATOR
from ..figures.csv_export import without_apostrophe

_LABEL = "probability "  # the column of a label's probability begins with it; those of single labels have `_`
_DIGEST = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class PredictionsTable:
    """The predictions of a run, in the order of the file.

    Attributes:
        true: The true class of each image, or its labels with ``|`` between them.
        predicted: The predicted classes in the same form.
        correct: Whether the prediction is correct, or an exact match, bool (N,).
        true_probability: The probability of the true class, float64 (N,); for sets of labels, the mean probability of
            what is true: of each label that the image has, and of the absence of each other.
        loss: The cross-entropy of each image, float64 (N,); None for sets of labels.
        labels: For sets of labels, their names in the order of the model's outputs.
        probabilities: For sets of labels, float64 (K, N).
        files: The file of each image, or None.
        digests: The SHA-256 of each image, or None if the file does not contain them.
    """

    true: tuple[str, ...]
    predicted: tuple[str, ...]
    correct: Tensor
    true_probability: Tensor
    loss: Tensor | None
    labels: tuple[str, ...]
    probabilities: Tensor | None
    files: tuple[str, ...] | None
    digests: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.true)

    @property
    def several(self) -> bool:
        """Whether images have sets of labels."""
        return self.probabilities is not None

    def flags(self, column: Sequence[str]) -> Tensor:
        """Return which labels each cell of `true` or `predicted` contains, bool (K, N)."""
        place = {name: index for index, name in enumerate(self.labels)}
        found = torch.zeros(len(self.labels), len(column), dtype=torch.bool)
        for row, cell in enumerate(column):
            for name in filter(None, cell.split(SEPARATOR)):
                found[place[name], row] = True
        return found

    def rows(self, chosen: Sequence[int]) -> PredictionsTable:
        """Return the rows at these positions, in this order."""
        at = torch.tensor([*chosen], dtype=torch.int64)
        return replace(
            self,
            true=tuple(self.true[row] for row in chosen),
            predicted=tuple(self.predicted[row] for row in chosen),
            correct=self.correct[at],
            true_probability=self.true_probability[at],
            loss=None if self.loss is None else self.loss[at],
            probabilities=None if self.probabilities is None else self.probabilities[:, at],
            files=None if self.files is None else tuple(self.files[row] for row in chosen),
            digests=None if self.digests is None else tuple(self.digests[row] for row in chosen),
        )


def read_predictions(content: bytes) -> PredictionsTable:
    """Return the table in a predictions.csv; raise `ValueError` that names the first invalid line."""
    reader = csv.DictReader(io.StringIO(content.decode(), newline=""), restkey="", restval="")
    try:
        rows = [*reader]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} is not CSV: {error}") from None
    if not rows:
        raise ValueError("it contains no predictions")
    header = reader.fieldnames or ()
    labels = tuple(name.removeprefix(_LABEL) for name in header if name.startswith(_LABEL))
    measured = ("probability_true", "loss")
    required = ("index", "true", "predicted", "correct", *(() if labels else measured))
    if missing := [name for name in required if name not in header]:
        raise ValueError(f"it has no column {' and no column '.join(missing)}")
    for number, row in enumerate(rows):
        if row["index"] != str(number) or row["correct"] not in ("0", "1"):
            raise ValueError(f"line {number + 2} must contain {number} as `index`, and 0 or 1 as `correct`")
    true, predicted = (tuple(_plain(row[column], labels) for row in rows) for column in ("true", "predicted"))
    chances = None
    if labels:
        chances = torch.tensor([_numbers(rows, f"{_LABEL}{name}") for name in labels], dtype=torch.float64)
    table = PredictionsTable(
        true,
        predicted,
        torch.tensor([row["correct"] == "1" for row in rows]),
        torch.zeros(0) if labels else torch.tensor(_numbers(rows, "probability_true"), dtype=torch.float64),
        None if labels else torch.tensor(_numbers(rows, "loss"), dtype=torch.float64),
        labels,
        chances,
        tuple(without_apostrophe(row["file"]) for row in rows) if "file" in header else None,
        _digests(rows) if "digest" in header else None,
    )
    if chances is None:
        return table
    try:
        given = table.flags(table.true).double()
        table.flags(table.predicted)
    except KeyError as error:
        raise ValueError(f"it contains the label {error}, which has no column of probabilities") from None
    return replace(table, true_probability=(given * chances + (1 - given) * (1 - chances)).mean(dim=0))


def _plain(cell: str, labels: Sequence[str]) -> str:
    """Return a cell without the apostrophe that keeps spreadsheets from running it as a formula.

    A class whose own name begins like a protected one loses its apostrophe in every run alike.
    """
    return cell if cell.split(SEPARATOR)[0] in labels else without_apostrophe(cell)


def _numbers(rows: Iterable[Mapping[str, str]], column: str) -> list[float]:
    found = []
    for number, row in enumerate(rows):
        try:
            value = float(row[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"line {number + 2} must contain a finite number as `{column}`, not '{row[column]}'")
        found.append(value)
    return found


def _digests(rows: Iterable[Mapping[str, str]]) -> tuple[str, ...] | None:
    """Return the digests, or None if an image has none."""
    found = tuple(row["digest"] for row in rows)
    if not all(found):
        return None
    for number, digest in enumerate(found):
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"line {number + 2} must contain 64 hexadecimal digits as `digest`, not '{digest[:80]}'")
    return found
