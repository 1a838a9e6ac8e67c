"""Metrics in a run: evaluated after each epoch, kept in its record and in the run folder, shown in the report."""

from __future__ import annotations

import json
import math
import sys
from types import ModuleType

import pytest
import torch

from cvkit import Component, ComponentFailure, DataInfo, Origin, Predictions, hookimpl
from cvkit.engine.metrics import evaluate_metrics, lower_is_better, try_metrics
from cvkit.engine.records import EpochRecord
from cvkit.host.discovery import discover
from cvkit.recipe import changes, dump, read_text, resolve
from cvkit.recipe.metric_names import metric_names
from cvkit.runs.json_files import checked_record

RECIPE = """
name: measured
dataset: {name: shapes, train_size: 32, test_size: 20}
model: {name: custom_resnet, width: 2}
optimizer: sgd
train: {epochs: 2, batch_size: 16}
report: {misclassified: 0, augmented: 0}
"""
WITH = RECIPE + "metrics: [balanced_accuracy, {name: top_k, k: 3}, ece]\n"
FACTORIES = """
import random
import numpy as np
import torch

def fails(info): return lambda logits, labels: {}["none"]
def not_a_number(info): return lambda logits, labels: float("nan")
def per_image(info): return lambda logits, labels: logits
def no_metric(info): return 5
def draws(info): return lambda logits, labels: random.random() + np.random.rand() + torch.rand(()).item()
def numpy_number(info): return lambda logits, labels: np.float32(0.25)
def top_k(info): return lambda logits, labels: 0.5

class unclear:
    higher_is_better = "no"
    def __init__(self, info): pass
    def __call__(self, logits, labels): return 0.5
"""
NAMES = ("fails", "not_a_number", "per_image", "no_metric", "draws", "numpy_number", "top_k", "unclear")
INFO = DataInfo(3, 8, 8, ("a", "b", "c"), (0.5,) * 3, (0.5,) * 3)
PREDICTIONS = Predictions(torch.eye(3), torch.tensor([0, 1, 1]), 0.5)


@pytest.fixture
def acme(monkeypatch) -> ModuleType:
    """A plugin with metrics, most of them wrong."""
    factories, plugin = ModuleType("acme_metrics"), ModuleType("acme")
    exec(FACTORIES, vars(factories))
    monkeypatch.setitem(sys.modules, "acme_metrics", factories)
    plugin.cvkit_metrics = hookimpl(lambda: [Component(name, f"acme_metrics:{name}", name) for name in NAMES])
    return plugin


@pytest.fixture
def parts(acme):
    """The metrics of a recipe that names these."""

    def found(metrics: str):
        catalog = discover()
        catalog.admit(Origin("acme", "acme", "1"), acme)
        return resolve(read_text(f"{RECIPE}metrics: {metrics}\n"), catalog).metrics

    return found


def test_values_are_by_name_in_the_order_of_the_recipe(parts):
    """A number of NumPy's is a number."""
    values = evaluate_metrics(parts("[numpy_number, balanced_accuracy]"), INFO, PREDICTIONS)
    assert list(values.items()) == [("numpy_number", 0.25), ("balanced_accuracy", 0.75)]
    assert all(type(value) is float for value in values.values())


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        ("[metrics/top_k]", ["top_k"]),
        ("[{name: metrics/top_k, k: 3}, {name: metrics/top_k, k: 1}]", ["top_k(k=3)", "top_k(k=1)"]),
        ("[metrics/top_k, acme/top_k]", ["metrics/top_k", "acme/top_k"]),
        ("[metrics/top_k, metrics/top_k]", ["metrics/top_k", "metrics/top_k #2"]),
    ],
)
def test_names_tell_metrics_apart(parts, metrics, names):
    """By the options that are not the default, and by the plugin where nothing else differs."""
    assert metric_names(parts(metrics)) == names


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fails", "fails on logits and labels float32 (3, 3) and int64 (3,): KeyError"),
        ("not_a_number", "returned nan"),
        ("per_image", "fails on logits and labels float32 (3, 3) and int64 (3,): "),
        ("no_metric", "type int"),
    ],
)
def test_wrong_metric_is_named(parts, name, words):
    """Its id and plugin, and what it did; before a run begins too."""
    wrong = parts(f"[{name}]")
    for call in (lambda: evaluate_metrics(wrong, INFO, PREDICTIONS), lambda: try_metrics(wrong, INFO)):
        with pytest.raises(ComponentFailure) as failure:
            call()
        assert failure.value.component == f"acme/{name}"
        assert words in str(failure.value)


def test_metrics_say_whether_their_lowest_value_is_the_best(parts):
    """By their names in records; those that say nothing are better if they are higher."""
    assert lower_is_better(parts("[macro_f1, {name: ece, bins: 5}, auroc]"), INFO) == {"ece(bins=5)"}
    assert lower_is_better([], INFO) == frozenset()


def test_metric_with_an_unclear_direction_is_named(parts):
    """Before a run begins."""
    with pytest.raises(ComponentFailure, match="higher_is_better = 'no'; expected a bool"):
        try_metrics(parts("[unclear]"), INFO)


def test_metric_that_draws_changes_no_training(cvkit_host, acme, tmp_path):
    """The global generators are put back: the same run without it has the same losses and weights."""
    cvkit_host.add("acme", acme)
    plain, measured = (tmp_path / name for name in ("plain.yaml", "measured.yaml"))
    plain.write_text(RECIPE)
    measured.write_text(f"{RECIPE}metrics: [draws, macro_f1]\n")
    first, second = cvkit_host.run(plain), cvkit_host.run(measured)
    assert [record.step_losses for record in first.records] == [record.step_losses for record in second.records]
    assert torch.equal(first.predictions.logits, second.predictions.logits)
    assert [record.metrics for record in first.records] == [{}, {}]
    assert [list(record.metrics) for record in second.records] == [["draws", "macro_f1"]] * 2


def test_run_keeps_and_shows_its_metrics(cvkit_host, tmp_path):
    """In each record, in metrics.jsonl, and in the report."""
    path = tmp_path / "measured.yaml"
    path.write_text(WITH)
    result = cvkit_host.run(path)
    lines = (result.report.parent / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["metrics"] for line in lines] == [record.metrics for record in result.records]
    last, predictions = result.records[-1].metrics, result.predictions
    assert list(last) == ["balanced_accuracy", "top_k(k=3)", "ece"]
    among = predictions.logits.topk(3).indices == predictions.labels[:, None]
    assert last["top_k(k=3)"] == int(among.sum()) / len(predictions.labels)
    page = result.report.read_text()
    for name, value in last.items():
        assert name in page
        assert f"{value:.4f}" in page
    assert "metric of the test images, after the last epoch, lower is better" in page.replace("\u00a0", " ")
    assert "metric of the test images, after the last epoch" in page.replace("\u00a0", " ")


def record_data() -> dict[str, object]:
    numbers = dict.fromkeys(("train_loss", "test_loss", "learning_rate"), 0.1)
    accuracies = dict.fromkeys(("train_accuracy", "test_accuracy"), 0.5)
    series = {"step_losses": [0.1], "step_lrs": [0.1], "step_momenta": []}
    return {"epoch": 1, "step": 1, **numbers, **accuracies, "images_per_second": 10.0, "seconds": 1.0, **series}


def test_record_of_an_earlier_version_has_no_metrics():
    """It reads as before."""
    assert checked_record(record_data()).metrics == {}


def test_record_with_metrics_reads_back():
    """As it was written."""
    record = checked_record({**record_data(), "metrics": {"top_k(k=3)": 0.75}})
    assert EpochRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert record.metrics == {"top_k(k=3)": 0.75}


@pytest.mark.parametrize("value", [math.nan, math.inf, "0.5x", None, [0.5]])
def test_record_whose_metrics_are_no_numbers_is_refused(value):
    """The file may come from a stranger."""
    with pytest.raises(ValueError, match="metrics"):
        checked_record({**record_data(), "metrics": {"top_k": value}})


def test_metrics_of_a_run_that_has_begun_may_change():
    """They do not decide what is trained; a recipe that an earlier version wrote has none."""
    before = dump(resolve(read_text(RECIPE), discover()))
    assert "metrics: []\n" in before
    changed = changes(before, resolve(read_text(WITH), discover()))
    assert [change.path for change in changed] == [
        "metrics.0.name",
        "metrics.1.name",
        "metrics.1.k",
        "metrics.2.name",
    ]
    assert all(change.free for change in changed)
    assert changes(before.replace("metrics: []\n", ""), resolve(read_text(RECIPE), discover())) == ()
