"""What every section of the report must do: accept every outcome of a run, and give what a page can show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.nn.functional import one_hot

from ..data.splits import DataInfo
from ..engine.predictions import Predictions, predictions_of
from ..engine.records import EpochRecord
from ..figures.page import Page, Section, render
from ..kinds import KINDS
from ..report.plugin_sections import faults
from ..tasks import MULTI_LABEL, SINGLE_LABEL
from .contract import brief, promise
from .sample_parts import sample_info, sample_label_sets, sample_labels, seeded
from .suite import Suite

_STEPS = 4


class SectionSuite(Suite):
    """The checks that every section must pass; `info` is the data set that the predictions are for.

    The predictions are of sets of labels if the section supports ``multi_label`` only.
    """

    kind = KINDS["sections"]
    info: DataInfo = sample_info()

    def supplied(self) -> tuple[Any, ...]:
        """Return two records, predictions for 40 test images, the data set's info, and a folder."""
        task = self.supported[0]
        return (self._records(task=task), self._predictions(task=task), replace(self.info, task=task), Path())

    def _records(self, epochs: int = 2, task: str = "") -> list[EpochRecord]:
        losses, rates = (2.0, 1.5, 1.2, 1.0), (0.05,) * _STEPS
        records = [
            EpochRecord(epoch, epoch * _STEPS, 1.4 / epoch, 0.5, 1.2, 0.4, 0.05, 900.0, 0.5, losses, rates)
            for epoch in range(1, epochs + 1)
        ]
        if (task or self.supported[0]) == SINGLE_LABEL.name:
            return records
        scores = EpochRecord.score_fields({"test": self._predictions(task=task)})
        return [replace(record, train_accuracy=None, **scores) for record in records]

    def _predictions(self, count: int = 40, task: str = "") -> Predictions:
        task = task or self.supported[0]
        with seeded(2):
            logits = torch.randn(count, self.info.num_classes)
        sample = sample_labels if task == SINGLE_LABEL.name else sample_label_sets
        return predictions_of(task)(logits, sample(self.info, count), 2.1)

    def _section(self, *supplied: Any) -> Section:
        made: Section = self.build(*supplied)
        return made

    def _shown(self, section: Section) -> str:
        [artifact.files() for artifact in section.artifacts]
        return render(Page("section", sections=(section,)))

    def test_section(self) -> None:
        """The factory returns a `Section` with a title, and with artifacts whose names can be file names."""
        with promise("the factory of every section returns a Section that a report can contain") as broken:
            made = self.build()
            if not isinstance(made, Section):
                broken(f"a {type(made).__name__}", "Return cvkit.Section(title, artifacts)")
            for fault in faults(made):
                broken(f"a section that {fault}")

    def test_shown(self) -> None:
        """A page can show it, and its artifacts can be saved as files."""
        with promise("a page can show every section"):
            self._shown(self._section())

    def test_any_outcome(self) -> None:
        """It accepts right, wrong and certain predictions, one image, one epoch, and validation images with names."""
        with promise("every section accepts every outcome of a run") as broken:
            for name, records, predictions in self._outcomes(self.supported[0]):
                if wrong := self._fault_for(records, predictions):
                    broken(f"for {name}, it {wrong}")

    def test_label_sets(self) -> None:
        """If the section supports ``multi_label``, it also accepts every outcome of a run with sets of labels."""
        if MULTI_LABEL.name not in self.supported:
            return
        with promise("a section for multi_label accepts every outcome of a run with sets of labels") as broken:
            for name, records, predictions in self._outcomes(MULTI_LABEL.name):
                if wrong := self._fault_for(records, predictions):
                    broken(
                        f"for sets of labels and {name}, it {wrong}",
                        "Labels are float (N, K) and `predicted` is bool (N, K); records have a score and no "
                        'accuracy. Or declare tasks=("single_label",)',
                    )

    def _fault_for(self, records: list[EpochRecord], predictions: Predictions) -> str:
        """Return what is wrong with the section for an outcome; empty if nothing is."""
        info = replace(self.info, task=predictions.task.name)
        try:
            self._shown(self.entry.build(records, predictions, info, Path(), **self._accepted_options()))
        except Exception as error:
            return f"raised {brief(error)}"
        return ""

    def _outcomes(self, task: str) -> Iterator[tuple[str, list[EpochRecord], Predictions]]:
        records, some = self._records(task=task), self._predictions(task=task)
        several = task == MULTI_LABEL.name
        right = 2 * some.labels - 1 if several else one_hot(some.labels, self.info.num_classes).float()
        yield "right predictions", records, replace(some, logits=right)
        yield "wrong predictions", records, replace(some, logits=-right if several else right.roll(1, dims=1))
        yield "certain predictions", records, replace(some, logits=300 * right)
        yield "one epoch", self._records(1, task), some
        yield "one image", records, self._predictions(1, task)
        one = "images without labels" if several else "images of one class"
        yield one, records, replace(some, labels=torch.zeros_like(some.labels))
        names = tuple(f"class_{number}/<photo & {number}>.jpg" for number in range(len(some.labels)))
        validation = [
            replace(
                one,
                test_loss=None,
                test_accuracy=None,
                validation_loss=1.2,
                validation_accuracy=one.test_accuracy,
                scores={"validation": one.scores["test"]} if one.scores else {},
            )
            for one in records
        ]
        yield "validation images with names", validation, replace(some, half="validation", names=names)

    def test_repeatable(self) -> None:
        """The same results give the same section again, so a report can be written again."""
        with promise("every section is the same for the same results") as broken:
            if self._section() != self._section():
                broken("another section", "Draw from the global generators, and write no time into it")

    def test_input(self) -> None:
        """The predictions stay as they are: other parts of the report are made of them."""
        with promise("a section leaves the predictions as they are") as broken:
            predictions = self._predictions()
            given = predictions.logits.clone(), predictions.labels.clone()
            self._section(self._records(), predictions, self.supplied()[2], Path())
            if not (torch.equal(given[0], predictions.logits) and torch.equal(given[1], predictions.labels)):
                broken("others afterwards", "Work on a copy")

    def test_files(self) -> None:
        """It writes nothing into the run folder: cvkit saves its artifacts."""
        with promise("a section writes no files") as broken, TemporaryDirectory() as place:
            self._section(*self.supplied()[:3], Path(place))
            if found := sorted(path.name for path in Path(place).iterdir()):
                broken(f"it wrote '{found[0]}'", "Return a Table, a Figure or a Gallery")
