"""What every metric must do: what the evaluation after each epoch relies on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ..data.splits import DataInfo
from ..engine.predictions import predictions_of
from ..kinds import KINDS
from ..protocols import Metric
from ..tasks import MULTI_LABEL
from .contract import promise
from .sample_parts import sample_info, sample_label_sets, sample_labels, seeded
from .suite import Suite


class MetricSuite(Suite):
    """The checks that every metric must pass; `info` is the data set it is built for, of 10 classes.

    The labels are sets if the metric supports ``multi_label`` only; a metric that supports both tasks is also called
    with sets, to see whether it returns numbers.
    """

    kind = KINDS["metrics"]
    info: DataInfo = sample_info()

    def supplied(self) -> tuple[DataInfo, tuple[float, ...]]:
        """Return the data set's info with the task of the metric, and the thresholds of labels."""
        return self._supplied(self.supported[0])

    def _supplied(self, task: str) -> tuple[DataInfo, tuple[float, ...]]:
        info = replace(self.info, task=task)
        return info, predictions_of(task).usual_thresholds(info.num_classes)

    def _labels(self, count: int = 40, task: str = "") -> Tensor:
        """Return classes (count,), or sets of labels (count, K)."""
        sets = (task or self.supported[0]) == MULTI_LABEL.name
        return sample_label_sets(self.info, count) if sets else sample_labels(self.info, count)

    def _right(self, labels: Tensor) -> Tensor:
        """Return logits that predict the labels, in {0, 1}, or in {-1, 1} for sets."""
        return 2 * labels - 1 if labels.ndim == 2 else one_hot(labels, self.info.num_classes).float()

    def _wrong(self, labels: Tensor) -> Tensor:
        """Return logits that predict other labels."""
        right = self._right(labels)
        return -right if labels.ndim == 2 else right.roll(1, dims=1)

    def _predictions(self, count: int = 40, task: str = "") -> tuple[Tensor, Tensor]:
        """Return logits (count, K) and labels."""
        with seeded(1):
            logits = torch.randn(count, self.info.num_classes)
        return logits, self._labels(count, task)

    def _various(self, task: str) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
        """Yield predictions of all kinds: a name, logits and labels."""
        logits, labels = self._predictions(task=task)
        right, wrong = self._right(labels), self._wrong(labels)
        yield "right predictions", (right, labels)
        yield "wrong predictions", (wrong, labels)
        yield "equal logits", (0 * right, labels)
        yield "confident predictions", (300 * right, labels)
        yield "confident and wrong predictions", (300 * wrong, labels)
        yield "one image", (logits[:1], labels[:1])
        yield "images without labels" if labels.ndim == 2 else "images of one class", (logits, 0 * labels)

    def _value(self, logits: Tensor, labels: Tensor, metric: Metric | None = None) -> float:
        return float((metric or self.build())(logits, labels))

    def test_number(self) -> None:
        """Logits float32 (N, K) and labels int64 (N,), or sets float32 (N, K), give a finite number."""
        with promise("every metric turns logits (N, K) and labels (N,) into a finite number") as broken:
            for task in self.supported:
                value = self.build(*self._supplied(task))(*self._predictions(task=task))
                if not (isinstance(value, int | float) and math.isfinite(value)):
                    got = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
                    broken(got, "Return a float: `.item()` of a tensor")

    def test_any_predictions(self) -> None:
        """Right, wrong, equal and confident predictions, one image, and images of one class give a finite number."""
        with promise("every metric is a finite number, whatever the predictions are") as broken:
            for task in self.supported:
                metric = self.build(*self._supplied(task))
                for name, given in self._various(task):
                    if not math.isfinite(value := self._value(*given, metric)):
                        broken(f"{value} for {name}", "A class without images has no recall: leave it out of a mean")

    def test_repeatable(self) -> None:
        """The same predictions give the same value again: it keeps nothing, and draws nothing."""
        with promise("every metric gives the same value for the same predictions") as broken:
            metric, given = self.build(), self._predictions()
            first = self._value(*given, metric)
            self._value(given[0][:7], given[1][:7], metric)
            second = self._value(*given, metric)
            if first != second:
                broken(f"{first:.7g}, then {second:.7g}")

    def test_input(self) -> None:
        """The logits and labels stay as they are: the report is made of them."""
        with promise("a metric leaves the logits and labels as they are") as broken:
            logits, labels = self._predictions()
            given = logits.clone(), labels.clone()
            self._value(*given)
            if not (torch.equal(given[0], logits) and torch.equal(given[1], labels)):
                broken("others afterwards", "Work on a copy")

    def test_order(self) -> None:
        """The order of the images makes no difference."""
        with promise("a metric does not depend on the order of the images") as broken:
            logits, labels = self._predictions()
            first, turned = self._value(logits, labels), self._value(logits.flip(0), labels.flip(0))
            if abs(first - turned) > 1e-5 * max(1.0, abs(first)):
                broken(f"{first:.7g}, and {turned:.7g} for the same predictions in reverse")

    def test_direction(self) -> None:
        """Confident and wrong predictions are not better than confident and right ones.

        The lowest value is the best if the metric has the attribute `higher_is_better` with the value False, and
        else the highest. The choice of the best epoch relies on it.
        """
        with promise(
            "higher_is_better is true if the highest value is the best, and false if the lowest is"
        ) as broken:
            metric = self.build()
            higher = getattr(metric, "higher_is_better", True)
            if not isinstance(higher, bool):
                broken(f"higher_is_better = {higher!r}", "Set it to True or to False")
            labels = self._labels()
            certain = (300 * self._right(labels), 300 * self._wrong(labels))
            right, wrong = (self._value(logits, labels, metric) for logits in certain)
            if (wrong > right) if higher else (wrong < right):
                broken(
                    f"{right:.7g} if all predictions are right and {wrong:.7g} if all are wrong, with "
                    f"higher_is_better {higher}",
                    "Give an error the attribute higher_is_better = False",
                )

    def test_tells_right_from_wrong(self) -> None:
        """Right predictions and wrong ones have different values."""
        with promise("a metric has different values for right and for wrong predictions") as broken:
            labels = self._labels()
            right = 4.0 * self._right(labels)
            first, second = self._value(right, labels), self._value(-right, labels)
            if first == second:
                broken(f"{first:.7g} for both")
