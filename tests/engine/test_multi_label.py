"""Images with sets of labels: predictions, thresholds, and training."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn import metrics as reference
from small import run_of

from cvkit import (
    CvkitError,
    DataInfo,
    EpochRecord,
    MultiLabelPredictions,
    Predictions,
    RecipeError,
    RunError,
    Step,
)
from cvkit.checkpoint.contents import trained_thresholds
from cvkit.checkpoint.serialization import pack, unpack
from cvkit.engine.deciding import without_test
from cvkit.engine.multi_label import average_precision
from cvkit.engine.thresholds import best_thresholds
from cvkit.engine.trainer import Trainer
from cvkit.engine.tuning import tune
from cvkit.runs.json_files import read_record

RECIPE = """\
name: sets
dataset: {name: several_shapes, train_size: 40, test_size: 24, validation_size: 24}
augmentations: [horizontal_flip]
model: {name: custom_resnet, width: 2}
loss: {name: bce, pos_weight: balanced}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
metrics: [f1, exact_match]
evaluation: {thresholds: validation}
train: {epochs: 2, batch_size: 8}
"""


BEST = "selection={keep_best: true}"
KEEPS = "callbacks=[keep_best]"


def predictions(seed=0, images=60, labels=7, ties=True):
    """Random predictions of random sets; every label occurs, and many scores are equal."""
    draw = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, labels, generator=draw)
    logits = (logits * 2).round() / 2 if ties else logits
    sets = (torch.rand(images, labels, generator=draw) < 0.3).float()
    sets[:2] = torch.tensor([1.0, 0.0])[:, None]
    return MultiLabelPredictions(logits, sets, 0.5, "test", chosen=tuple(torch.linspace(0.2, 0.8, labels).tolist()))


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_scikit_learn(seed):
    """Of each label, over labels, and over all pairs; with equal scores too."""
    found = predictions(seed)
    truth, scores = found.labels.numpy(), found.logits.numpy()
    each = reference.average_precision_score(truth, scores, average=None)
    np.testing.assert_allclose(found.average_precision.numpy(), each, rtol=1e-12)
    assert found.score == pytest.approx(reference.average_precision_score(truth, scores, average="macro"), rel=1e-12)
    micro = reference.average_precision_score(truth, scores, average="micro")
    assert found.micro_average_precision == pytest.approx(micro, rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_f1_and_exact_match_are_those_of_scikit_learn(seed):
    """At thresholds of each label. The second image has no label, and may have no prediction."""
    found = predictions(seed)
    truth, guess = found.labels.numpy(), found.predicted.numpy()
    for average in ("macro", "micro", "samples"):
        expected = reference.f1_score(truth, guess, average=average, zero_division=np.nan)
        assert found.mean_f1(average) == pytest.approx(expected, rel=1e-12), average
    np.testing.assert_allclose(found.f1.numpy(), reference.f1_score(truth, guess, average=None), rtol=1e-12)
    assert found.accuracy == pytest.approx(reference.accuracy_score(truth, guess))


def test_labels_that_no_image_has_are_skipped():
    """Their average precision is not defined; without any label the score is 0."""
    logits, sets = torch.tensor([[1.0, 2.0], [2.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    found = MultiLabelPredictions(logits, sets, 0.5)
    assert math.isnan(found.average_precision[1])
    assert found.score == 0.5
    assert MultiLabelPredictions(logits, 0 * sets, 0.5).score == 0


def test_label_is_predicted_from_its_threshold_on():
    """Of each label; 0.5 by default."""
    logits, sets = torch.tensor([[0.0, 0.0], [-0.1, 3.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert MultiLabelPredictions(logits, sets, 0.5).predicted.tolist() == [[True, True], [False, True]]
    found = MultiLabelPredictions(logits, sets, 0.5).with_thresholds((0.4, 0.9))
    assert found.predicted.tolist() == [[True, False], [True, True]]
    assert found.correct.tolist() == [True, False]


@pytest.mark.parametrize("seed", range(3))
def test_best_threshold_has_the_highest_f1_of_all(seed):
    """No other threshold of a fine grid is better."""
    found = predictions(seed)
    thresholds = best_thresholds(found.probabilities, found.labels)
    best = found.with_thresholds(thresholds).f1
    for value in torch.linspace(0.01, 0.99, 99).tolist():
        assert (found.with_thresholds((value,) * 7).f1.nan_to_num(0.0) <= best + 1e-12).all()


def slow_threshold(chances, positive):
    """Try every threshold between neighbouring probabilities; of the best ones, return the nearest to 0.5."""
    values = [0.0, *sorted({*chances.tolist()})]
    halfway = [(one + other) / 2 for one, other in pairwise(values)]

    def f1(threshold):
        found = chances >= threshold
        return 2 * int((found & positive).sum()) / int(found.sum() + positive.sum())

    best = max(map(f1, halfway))
    return min((one for one in halfway if f1(one) == best), key=lambda one: abs(one - 0.5))


@pytest.mark.parametrize("ties", [False, True])
def test_thresholds_of_many_labels_are_those_of_a_search_in_each(ties):
    """Labels are searched in groups of 64; of equal thresholds, the nearest to 0.5 is chosen."""
    found = predictions(5, images=20, labels=130, ties=ties)
    chances = found.probabilities.double()
    expected = [slow_threshold(*of) for of in zip(chances.T, found.labels.T.bool(), strict=True)]
    assert best_thresholds(found.probabilities, found.labels) == tuple(expected)


def test_average_precision_of_many_labels_is_that_of_scikit_learn():
    """Labels are measured in groups of 64."""
    found = predictions(6, images=20, labels=130)
    each = reference.average_precision_score(found.labels.numpy(), found.logits.numpy(), average=None)
    np.testing.assert_allclose(found.average_precision.numpy(), each, rtol=1e-12)


def test_threshold_of_a_label_that_no_image_has_is_usual():
    """Nothing says what it should be."""
    assert best_thresholds(torch.tensor([[0.1], [0.9]]), torch.zeros(2, 1)) == (0.5,)


def test_threshold_is_halfway_between_probabilities():
    """So that a small difference of the model does not change the predictions."""
    chances = torch.tensor([[0.1], [0.3], [0.7], [0.9]])
    assert best_thresholds(chances, torch.tensor([[0.0], [0.0], [1.0], [1.0]])) == pytest.approx((0.5,))
    assert best_thresholds(chances, torch.tensor([[0.0], [1.0], [1.0], [1.0]])) == pytest.approx((0.2,))


def test_single_precision_of_nothing_is_not_a_number():
    """As there is no recall."""
    assert math.isnan(average_precision(torch.tensor([[1.0, 2.0]]), torch.tensor([[False, False]])))


@pytest.fixture
def sets_run(catalog):
    """Build a run of the recipe, with overrides."""
    return lambda *overrides: Trainer(run_of(catalog, *overrides, text=RECIPE))


def test_record_has_the_score_and_no_accuracy(sets_run):
    """The score is named; there is no training accuracy, because sets need thresholds."""
    run = sets_run("train.epochs=1")
    (record,) = [event for event in run.fit() if isinstance(event, EpochRecord)]
    assert (record.train_accuracy, record.test_accuracy, record.validation_accuracy) == (None, None, None)
    assert record.score_name == "mean_average_precision"
    found = run.evaluation.predictions("validation", run.step)
    assert record.score == record.scores["validation"] == found.score
    assert record.thresholds == best_thresholds(found.probabilities, found.labels)
    assert run.final_predictions().thresholds == record.thresholds
    assert read_record(json.dumps(record.to_json()).encode()) == record


def test_scores_have_their_name(sets_run):
    """For observers and callbacks; callbacks do not see those of the test images."""
    run = sets_run("train.epochs=1", "evaluation={test: each_epoch, flip_tta: true}")
    (record,) = [event for event in run.fit() if isinstance(event, EpochRecord)]
    assert record.value("mean_average_precision") == record.score
    scalars = record.scalars()
    assert {name for name in scalars if "/validation" in name} == {
        "loss/validation",
        "mean_average_precision/validation",
        "mean_average_precision/validation_flip_tta",
    }
    assert scalars["mean_average_precision/test"] == record.scores["test"]
    assert not [name for name in scalars if name.startswith("accuracy")]
    known = without_test(record)
    assert known.scores == {name: score for name, score in record.scores.items() if name != "test"}
    assert known.score == record.score
    assert without_test(replace(record, validation_loss=None)).scores == {}


@pytest.mark.parametrize("knobs", [(), (BEST, "augmentations=[mixup]"), (KEEPS,)])
def test_run_with_sets_continues_bit_identically(sets_run, same, knobs):
    """Weights, records and thresholds, through the JSON of a checkpoint."""
    whole = sets_run(*knobs)
    expected = [event for event in whole.fit() if isinstance(event, EpochRecord)]
    first = sets_run(*knobs)
    for event in first.fit():
        if isinstance(event, Step) and event.step == 7:
            packed, tensors = pack(first.state())
            break
    second = sets_run(*knobs)
    second.restore(unpack(json.loads(json.dumps(packed)), tensors))
    (last,) = [event for event in second.fit() if isinstance(event, EpochRecord)]
    same(whole.parts.model.state_dict(), second.parts.model.state_dict())
    timeless = {"images_per_second", "seconds"}
    one, other = ({k: v for k, v in record.to_json().items() if k not in timeless} for record in (expected[-1], last))
    assert one == other
    assert whole.final_predictions().thresholds == second.final_predictions().thresholds
    assert torch.equal(whole.final_predictions().logits, second.final_predictions().logits)


def test_thresholds_of_an_epoch_that_is_cut_off_are_chosen_for_its_weights(sets_run):
    """Not those of the epoch before, whose predictions are discarded too."""
    run = sets_run()
    events = run.fit()
    for event in events:
        if isinstance(event, Step) and event.step == 7:
            break
    run.evaluation.thresholds = (0.9,) * 10  # as chosen for the weights of the first epoch
    assert not run.end()
    found = run.final_predictions()
    assert found.thresholds == run.evaluator.predict("validation").thresholds_by("validation")
    assert torch.equal(found.logits, run.evaluator.predict("test").logits)
    assert run.trained().thresholds == found.thresholds


def test_thresholds_of_the_recipe_hold_before_the_first_evaluation(sets_run):
    """A model that is loaded from a checkpoint of the first epoch uses them."""
    run = sets_run("evaluation={thresholds: 0.3}")
    next(run.fit())
    assert run.trained().thresholds == (0.3,) * 10
    assert trained_thresholds(run.state()) == (0.3,) * 10


def test_thresholds_of_the_best_epoch_belong_to_its_weights(sets_run):
    """Not those of the last epoch."""
    run = sets_run(BEST, "train.epochs=3", "optimizer.lr=2")
    records = [event for event in run.fit() if isinstance(event, EpochRecord)]
    kept = run.outcome.kept
    assert kept.reason == "highest validation mean_average_precision"
    assert kept.thresholds == records[kept.epoch - 1].thresholds != ()
    assert run.final_predictions().thresholds == kept.thresholds
    assert run.trained().thresholds == kept.thresholds
    assert trained_thresholds(run.state()) == kept.thresholds


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("loss=cross_entropy", "loss 'torch/cross_entropy' supports single_label"),
        ("metrics=[ece]", "metric 'metrics/ece' supports single_label"),
        ("sampler=balanced", "sampler 'torch/balanced' supports single_label"),
    ],
)
def test_recipe_with_parts_for_one_class_is_refused(sets_run, override, says):
    """When it is checked, with what would fit."""
    with pytest.raises(RecipeError, match=says) as caught:
        sets_run(override)
    assert "use " in str(caught.value)
    assert {"loss": "torch/bce", "metr": "metrics/f1", "samp": "torch/shuffle"}[override[:4]] in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (("dataset.validation_size=0",), "has no validation images"),
        (("evaluation.thresholds=[0.5, 0.5]",), "has 2 numbers, but the data set has 10 labels"),
        (
            ("selection={keep_best: true, metric: accuracy}",),
            "selection.metric is 'accuracy', but the records contain train_loss, mean_ave",
        ),
        (("dataset=shapes", "dataset.train_size=40", "loss=cross_entropy", "metrics=[]"), "remove it"),
    ],
)
def test_settings_that_do_not_suit_the_data_are_refused(sets_run, overrides, says):
    """Before training."""
    with pytest.raises(RunError, match=says):
        sets_run(*overrides)


def test_callback_that_needs_an_accuracy_is_refused(sets_run):
    """The message has the name of the score."""
    with pytest.raises(CvkitError, match="'accuracy', but the records contain train_loss, mean_average_precision"):
        sets_run("callbacks=[{name: early_stopping, metric: accuracy}]")


def test_section_for_one_class_is_refused(sets_run):
    """It reads the predictions as classes."""
    with pytest.raises(RecipeError, match="section 'metrics/risk_coverage' supports single_label"):
        sets_run("sections=[risk_coverage]")


def test_values_are_raced_on_sets(catalog):
    """By their loss on validation images: a rate that makes it diverge loses."""
    race = "{name: successive_halving, set: optimizer.lr, budget: 4, values: [0.01, 1000.0], orders: 1}"
    run = run_of(catalog, "optimizer.lr=auto", f"tuners=[{race}]", text=RECIPE)
    ((_, proposal, _),) = [event for event in tune(run) if not isinstance(event, str)]
    assert proposal.value == 0.01


def test_single_label_has_no_thresholds(make_run):
    """Neither records nor states mention them."""
    run = make_run("train.epochs=1")
    (record,) = [event for event in run.fit() if isinstance(event, EpochRecord)]
    assert (record.thresholds, record.scores, record.score_name) == ((), {}, "accuracy")
    assert record.score == record.accuracy
    assert "thresholds" not in run.state()
    assert record.value("accuracy") == record.accuracy
    assert isinstance(run.final_predictions(), Predictions)


def test_info_of_an_earlier_version_is_read():
    """Before tasks, each image had one class."""
    info = DataInfo(3, 8, 8, ("a", "b"), (0.5,) * 3, (0.5,) * 3)
    earlier = {key: value for key, value in info.to_json().items() if key != "task"}
    assert DataInfo.from_json(earlier) == info
    with pytest.raises(ValueError, match="the tasks are single_label, multi_label"):
        DataInfo(3, 8, 8, ("a", "b"), (0.5,) * 3, (0.5,) * 3, task="many")
