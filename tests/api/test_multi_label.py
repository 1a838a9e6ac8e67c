"""A run on images with sets of labels, from training to predictions, explanations and its files."""

from __future__ import annotations

import csv
import json
import re

import pytest
import torch

import cvkit
from cvkit.api.answers import Prediction, PredictionList
from cvkit.runs.folder import RunFolder

RECIPE = {
    "name": "sets",
    "dataset": {"name": "several_shapes", "train_size": 48, "test_size": 24, "validation_size": 24},
    "augmentations": ["horizontal_flip"],
    "model": {"name": "custom_resnet", "width": 2},
    "loss": "bce",
    "optimizer": {"name": "sgd", "lr": 0.05},
    "metrics": ["f1"],
    "explainers": ["grad_cam"],
    "evaluation": {"thresholds": "validation"},
    "report": {"misclassified": 4, "augmented": 2},
    "train": {"epochs": 2, "batch_size": 16},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory, unrendered) -> cvkit.TrainedRun:
    """The run."""
    return cvkit.train(RECIPE, output=tmp_path_factory.mktemp("runs"), progress=False)


@pytest.fixture(scope="module")
def model(run) -> cvkit.Model:
    """Its model, loaded from its folder."""
    return cvkit.load(run)


def test_loaded_model_has_the_thresholds_of_the_run(run, model):
    """Those of the last epoch, which its checkpoint contains."""
    assert model.thresholds == run.records[-1].thresholds == run.predictions.thresholds
    assert len(set(model.thresholds)) > 1


def test_predicted_labels_are_those_of_the_run(run, model):
    """Each label from its threshold on; several, one or none."""
    images = run.recipe.dataset.build(run.folder).test.images
    found = model.predict(list(images), top=3)
    for each, flags in zip(found, run.predictions.predicted, strict=True):
        assert {*each.labels} == {model.classes[label] for label in flags.nonzero()[:, 0].tolist()}
        assert len(each.classes) == 3


def test_shown_predictions_separate_labels_from_probable_ones():
    """A notebook would otherwise show labels below their thresholds as predicted."""
    none = Prediction("a.png", ("cat", "dog"), (0.42, 0.1), ())
    both = Prediction("b.png", ("cat", "dog"), (0.9, 0.8), ("cat", "dog"))
    assert repr(none) == "Prediction('a.png': no label; most probable cat 42.0 %, dog 10.0 %)"
    assert repr(both) == "Prediction('b.png': cat, dog; most probable cat 90.0 %, dog 80.0 %)"
    shown = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", PredictionList([none, both])._repr_html_())
    assert shown[:8] == ["image", "predicted", "most probable", "", "a.png", "no label", "cat 42.0 %", "dog 10.0 %"]


def test_predictions_file_has_a_column_for_each_label(run):
    """With the sets as text."""
    with (run.folder / "predictions.csv").open(newline="") as stream:
        rows = [*csv.DictReader(stream)]
    first, found = rows[0], run.predictions
    assert len(rows) == 24
    assert [name for name in first if name.startswith("probability ")] == [
        f"probability {name}" for name in run_classes(run)
    ]
    names = run_classes(run)
    for row, truth, guess in zip(rows, found.labels, found.predicted, strict=True):
        for column, flags in (("true", truth), ("predicted", guess)):
            assert row[column] == "|".join(names[label] for label in flags.nonzero()[:, 0].tolist())
    assert float(first[f"probability {names[3]}"]) == pytest.approx(float(found.probabilities[0, 3]), abs=1e-6)
    assert RunFolder.open(run.folder).outcomes().correct.tolist() == found.correct.tolist()


def run_classes(run):
    """The classes in run.json."""
    return RunFolder.open(run.folder).data_info().classes


def test_run_folder_says_what_the_task_is(run):
    """In run.json, and in each record."""
    info = json.loads((run.folder / "run.json").read_text())
    assert info["data_info"]["task"] == "multi_label"
    records = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert {record["score_name"] for record in records} == {"mean_average_precision"}
    assert all(record["train_accuracy"] is None for record in records)


def test_report_has_sections_of_its_own(run):
    """Scores and curves by label, calibration, and errors of both kinds; thresholds say where they come from."""
    page = run.report.path.read_text()
    for text in (
        "Test mean average precision",
        "Micro F1",
        "chosen for each label by F1 on the validation images",
        "Scores by label",
        "Precision and recall",
        "Calibration by label",
        "False positives",
        "False negatives",
        "most similar training images",
    ):
        assert text in page, text
    assert "Macro F1" not in page, "it is the recipe's metric f1, which is shown"
    for text in ("Confusion matrix", "Misclassified", "Test accuracy", "training accuracy"):
        assert text not in page, text


def test_shown_records_name_the_score(run):
    """In tables and texts."""
    assert "mean average precision" in run.records._repr_html_()
    assert "mean_average_precision=" in repr(run)
    table = run.records.to_pandas()
    assert table["validation mean_average_precision"].tolist() == [record.score for record in run.records]


def test_label_is_explained(run, model):
    """The most probable one, or one that is named."""
    image = run.recipe.dataset.build(run.folder).test.images[0]
    named = model.explain(image, target="star")
    assert named.target == "star"
    assert model.explain(image).target == model.predict(image).label
    assert torch.isfinite(named.heat).all()
