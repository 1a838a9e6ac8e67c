"""What `train` returns: the run, its records and its report, which a notebook shows."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.predictions import Predictions
from ..engine.records import EpochRecord
from ..export.certificate import Certificate
from ..figures.finding import Finding
from ..formatting import counted, duration, in_words, score_percent
from ..recipe import Recipe
from ..tasks import SINGLE_LABEL

if TYPE_CHECKING:
    from pandas import DataFrame

_SERIES = ("step_losses", "step_lrs", "step_momenta")


class Records(tuple[EpochRecord, ...]):
    """The records of a run, one for each epoch."""

    __slots__ = ()

    def to_pandas(self) -> DataFrame:
        """Return the records as a table with one row for each epoch; the series of single steps are left out.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd

        rows = []
        for record in self:
            values = {key: value for key, value in asdict(record).items() if key not in _SERIES}
            rates = {f"lr {name}": rate for name, rate in values.pop("group_lrs").items()}
            name, thresholds = values.pop("score_name"), values.pop("thresholds")
            scores = {f"{which} {name}": score for which, score in values.pop("scores").items()}
            values |= {"thresholds": thresholds} if thresholds else {}
            rows.append(values | values.pop("metrics") | rates | scores)
        table = pd.DataFrame(rows).set_index("epoch") if rows else pd.DataFrame()
        return table.astype({"train_accuracy": float}) if rows else table  # NaN for None, in every epoch too

    def _repr_html_(self) -> str:
        metrics = list(dict.fromkeys(name for record in self for name in record.metrics))
        half = self[0].half if self else "test"
        score = in_words(self[0].score_name if self else SINGLE_LABEL.score)
        head = ("epoch", "train loss", "train accuracy", f"{half} loss", f"{half} {score}", *metrics, "time")
        rows = [
            (
                f"{record.epoch}",
                f"{record.train_loss:.4f}",
                "-" if record.train_accuracy is None else score_percent(record.train_accuracy),
                f"{record.loss:.4f}",
                score_percent(record.score),
                *(f"{record.metrics[name]:.4f}" if name in record.metrics else "" for name in metrics),
                duration(record.seconds),
            )
            for record in self
        ]
        return table(head, rows)

    def __repr__(self) -> str:
        last = self[-1] if self else None
        score = "" if last is None else f", {last.half} {in_words(last.score_name)} {score_percent(last.score)}"
        return f"Records({counted(len(self), 'epoch')}{score})"


class Report(os.PathLike[str]):
    """The report of a run: a path, and in a notebook the page itself."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"Report({str(self.path)!r})"

    def _repr_html_(self) -> str:
        page = html.escape(self.path.read_text(encoding="utf-8"), quote=True)
        style = "width: 100%; height: 640px; border: 1px solid #ccc"
        return f'<iframe srcdoc="{page}" style="{style}" title="report"></iframe>'


@dataclass(frozen=True)
class TrainedRun:
    """A run that was trained to its end.

    Attributes:
        folder: The run folder, with checkpoints, records and the report.
        recipe: The recipe with the values that its tuners found.
        records: One record for each epoch.
        predictions: The final predictions on the test images, or on the validation images if there are no others.
        report: The report; a path, and in a notebook the page itself.
        warnings: Why the results may be wrong or may differ from an uninterrupted run.
        findings: What is wrong with the run, deserves a look or is good, in this order.
    """

    folder: Path
    recipe: Recipe
    records: Records
    predictions: Predictions
    report: Report
    warnings: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def accuracy(self) -> float:
        """The accuracy of `predictions`, in [0, 1]; for sets of labels, the fraction of exact matches."""
        return self.predictions.accuracy

    @property
    def score(self) -> float:
        """The score of `predictions`, in [0, 1]: the accuracy, or the mean average precision for sets of labels."""
        return self.predictions.score

    def __repr__(self) -> str:
        score = f"{self.predictions.score_name}={self.score:.4f}"
        return f"TrainedRun({self.recipe.name!r}, {score}, folder={str(self.folder)!r})"

    def _repr_html_(self) -> str:
        half = (self.predictions.half or "").capitalize()
        facts = [
            (f"{half} {in_words(self.predictions.score_name)}", self.predictions.score_text),
            (f"{half} loss", f"{self.predictions.loss:.4f}"),
            *((name, f"{value:.4f}") for name, value in self.records[-1].metrics.items()),
            ("Epochs", f"{len(self.records):,}"),
            ("Training time", duration(sum(record.seconds for record in self.records))),
            ("Run folder", str(self.folder)),
            ("Report", str(self.report)),
        ]
        warnings = "".join(f"<li>{html.escape(line)}</li>" for line in self.warnings)
        listed = f"<p>Warnings</p><ul>{warnings}</ul>" if warnings else ""
        judged = table((), ((f"{found.sign} {found.word}", found.text, found.advice) for found in self.findings))
        found = f"<p>Findings</p>{judged}" if self.findings else ""
        return f"<h4>{html.escape(self.recipe.name)}</h4>{table((), facts)}{found}{listed}"


@dataclass(frozen=True)
class ExportedModel:
    """A model that was exported and compared with its run.

    Attributes:
        folder: The folder with the files and the certificate.
        file: The file with the model.
        certificate: The result of the comparison.
    """

    folder: Path
    file: Path
    certificate: Certificate

    def __repr__(self) -> str:
        agreement = score_percent(self.certificate.agreement)
        return f"ExportedModel({str(self.file)!r}, {agreement} of {counted(self.certificate.images, 'image')} agree)"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return an HTML table, its texts escaped."""

    def row(cells: tuple[Any, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f"<table>{row(head, 'th') if head else ''}{body}</table>"
