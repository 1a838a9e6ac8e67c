"""The tasks: what the images of a data set are labelled with. Everything that depends on it follows from the record.

A task is in a lower room than the code that works on its labels. So it names this code as ``"module:attribute"``, as
a kind of component does, and checking a recipe loads no torch. `data/label_forms.py`, `engine/predictions.py`,
`engine/prediction_rule.py`, `diagnostics/task_report.py` and `runs/folder.py` look up their part of the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .kinds import load


@dataclass(frozen=True, eq=False)  # one object each
class Task:
    """What the images of a data set are labelled with.

    Attributes:
        name: The name in `DataInfo.task`, in declarations and in messages.
        meaning: What an image has, as in "each image has one class".
        noun: What one of the outputs of a model is: a class or a label.
        score: The name of the main score: in the line of an epoch, in curves, records and the report.
        column: The same, short enough for the head of a column.
        rare: What to do if some classes are much rarer than others, as an imperative sentence.
        labels: The form of the labels, a `LabelForm`.
        predictions: The class of predictions, `Predictions` or a subclass.
        prediction_rule: How logits become predicted classes, a `PredictionRule`.
        report: The sections and facts of the report, a `TaskReport`.
        csv: The function that formats predictions.csv.
    """

    name: str
    meaning: str
    noun: str
    score: str
    column: str
    rare: str
    labels: str
    predictions: str
    prediction_rule: str
    report: str
    csv: str

    def part(self, name: str) -> Any:
        """Import and return the code that an attribute names; this may import torch."""
        return load(getattr(self, name))


SINGLE_LABEL = Task(
    "single_label",
    "each image has one class",
    noun="class",
    score="accuracy",
    column="acc",
    rare="Judge the run by balanced accuracy, and weight the classes in the loss or in the sampling.",
    labels="cvkit.data.label_forms:SingleLabels",
    predictions="cvkit.engine.predictions:Predictions",
    prediction_rule="cvkit.engine.prediction_rule:OneClass",
    report="cvkit.diagnostics.single_label:SingleLabelReport",
    csv="cvkit.runs.predictions_csv:predictions_csv",
)

MULTI_LABEL = Task(
    "multi_label",
    "each image has a set of labels",
    noun="label",
    score="mean_average_precision",
    column="mAP",
    rare="Judge the run by the score of each label, and give rare labels more weight: loss bce, pos_weight balanced.",
    labels="cvkit.data.label_forms:LabelSets",
    predictions="cvkit.engine.multi_label:MultiLabelPredictions",
    prediction_rule="cvkit.engine.prediction_rule:LabelSet",
    report="cvkit.diagnostics.multi_label:MultiLabelReport",
    csv="cvkit.runs.multi_label_csv:multi_label_csv",
)

TASKS = {task.name: task for task in (SINGLE_LABEL, MULTI_LABEL)}
"""The tasks by name."""
