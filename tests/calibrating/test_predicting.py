"""Calibration predicts as the evaluation of the run does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cvkit.calibrating.predicting import predict_half
from cvkit.data.resizing import framed_halves
from cvkit.engine.run_classifier import run_classifier
from cvkit.errors import RunError
from cvkit.runs.folder import RunFolder
from cvkit.runs.load import load_trained


@pytest.fixture
def classifier(run_in_bf16):
    """The model of the run without a calibration, as `cvkit calibrate` opens it."""
    folder = RunFolder.open(run_in_bf16.folder)
    info = folder.data_info()
    assert info is not None
    loaded = load_trained(folder, run_in_bf16.recipe, info, calibrated=False)
    return run_classifier(run_in_bf16.recipe, loaded.trained)[0]


@pytest.fixture
def splits(run_in_bf16, classifier):
    """The data of the run, at the size of its model."""
    return framed_halves(replace(run_in_bf16.recipe.dataset.build(Path("unused")), info=classifier.info))


def test_logits_are_those_of_the_evaluation_to_the_bit(run_in_bf16, classifier, splits):
    """So the temperature is fitted to the numbers that `cvkit predict` divides by it."""
    done = []
    found = predict_half(classifier, splits, "test", run_in_bf16.recipe, done.append)
    assert torch.equal(found.logits, run_in_bf16.predictions.logits)
    assert sum(done) == len(found.labels) > 5


def test_output_that_is_not_a_number_calibrates_nothing(run_in_bf16, classifier, splits):
    """The error says that the weights are damaged or that the training has diverged."""
    with torch.no_grad():
        next(classifier.trained.model.parameters()).fill_(torch.nan)
    with pytest.raises(RunError, match="not a number"):
        predict_half(classifier, splits, "test", run_in_bf16.recipe, lambda images: None)
