"""Calibrating a model from Python: predictions use the calibration from then on."""

from __future__ import annotations

import logging

import pytest
import torch

import cvkit
from cvkit.api.answers import Prediction, PredictionList
from cvkit.prediction.opened import opened_file

RECIPE = {
    "name": "declining",
    "dataset": {"name": "shapes", "train_size": 64, "test_size": 40, "validation_size": 60},
    "model": {"name": "custom_resnet", "width": 2},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "explainers": [],
    "report": {"misclassified": 0, "augmented": 0},
    "train": {"epochs": 1, "batch_size": 16, "device": "cpu"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory, unrendered) -> cvkit.TrainedRun:
    """The run."""
    return cvkit.train(RECIPE, output=tmp_path_factory.mktemp("runs"), progress=False)


@pytest.fixture(scope="module")
def images(run) -> list[torch.Tensor]:
    """Its test images."""
    return list(run.recipe.dataset.build(run.folder).test.images)


def test_predictions_are_calibrated_and_declined(run, images, unrendered):
    """In the model that calibrates and in one that is loaded later."""
    model = cvkit.load(run)
    assert model.abstention is None
    assert not any(each.declined for each in model.predict(images))
    result = model.calibrate(coverage=0.5)
    assert model.abstention == result.abstention == cvkit.load(run).abstention
    chances, declined = result.abstention.apply(run.predictions.logits)
    for found in (model.predict(images), cvkit.load(run).predict(images)):
        assert [each.declined for each in found] == declined.tolist()
        assert [each.probability for each in found] == pytest.approx(chances.amax(dim=1).tolist(), abs=1e-5)
        assert all(each.prediction_set is None for each in found)
    assert 0 < sum(declined.tolist()) < len(images)


def test_evaluation_and_export_have_the_newest_calibration(run, tmp_path, unrendered):
    """Also in the model that calibrates; the file contains it."""
    model = cvkit.load(run)
    for coverage in (0.9, 0.5):
        result = model.calibrate(coverage=coverage)
        assert model.evaluate().kept.coverage == result.coverage
        exported = model.export("torch", output=tmp_path)
        opened = opened_file(exported.file, trusted=True)
        assert opened.classifier.prediction_rule.abstention == result.abstention


def test_prediction_sets_are_those_of_the_error_rate(run, images, unrendered):
    """The most probable class first; an image is declined unless its set has exactly one class."""
    model = cvkit.load(run)
    abstention = model.calibrate(error_rate=0.2).abstention
    chances = abstention.calibrated(run.predictions.logits)
    for found, row in zip(model.predict(images, top=10), abstention.prediction_sets(chances), strict=True):
        inside = {model.classes[index] for index in row.nonzero()[:, 0].tolist()}
        assert found.prediction_set == tuple(name for name in found.classes if name in inside)
        assert found.declined == (len(inside) != 1)


def test_probable_class_of_temperatures_for_classes_is_explained(run, images, unrendered):
    """Vector scaling may change the most probable class, and predict and explain agree on it."""
    model = cvkit.load(run)
    model.calibrate(per_class=True)
    assert [model.explain(image).target for image in images[:3]] == [
        model.predict(image).label for image in images[:3]
    ]


@pytest.mark.parametrize("arguments", [{"accuracy": 2.0}, {"coverage": 0.5, "accuracy": 0.5}, {"foreign": "."}])
def test_wrong_argument_is_a_value_error(run, arguments):
    """And changes nothing."""
    model = cvkit.load(run)
    before = model.abstention
    with pytest.raises(ValueError, match=r"must be between|give one of them|foreign needs"):
        model.calibrate(**arguments)
    assert model.abstention == before


def test_run_can_be_calibrated_again_after_an_error(run, unrendered):
    """The folder is not locked any more."""
    model = cvkit.load(run)
    with pytest.raises(cvkit.RunError, match="do not show an accuracy"):
        model.calibrate(accuracy=0.999)
    model.calibrate()
    assert not model.abstention.declines


def test_reasons_to_doubt_are_logged(run, caplog, unrendered):
    """Few images for the temperatures of ten classes."""
    with caplog.at_level(logging.WARNING, logger="cvkit"):
        cvkit.load(run).calibrate(per_class=True)
    assert any("are few" in line for line in caplog.messages)


def test_sets_of_labels_are_refused(tmp_path, unrendered):
    """They have thresholds already."""
    several = {
        **RECIPE,
        "dataset": {"name": "several_shapes", "train_size": 32, "test_size": 8, "validation_size": 8},
        "loss": "bce",
    }
    model = cvkit.load(cvkit.train(several, output=tmp_path, progress=False))
    with pytest.raises(cvkit.RunError, match="sets of labels"):
        model.calibrate()


def test_shown_predictions_say_what_is_declined():
    """In text and in the table of a notebook."""
    declined = Prediction("a.png", ("cat", "dog"), (0.42, 0.4), ("cat",), declined=True)
    kept = Prediction("b.png", ("cat", "dog"), (0.9, 0.1), ("cat",))
    assert repr(declined) == "Prediction('a.png': declined; most probable cat 42.0 %, dog 40.0 %)"
    shown = PredictionList([declined, kept])._repr_html_()
    assert shown.count("declined") == 1
