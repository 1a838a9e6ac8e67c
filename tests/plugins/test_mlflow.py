"""The observer `mlflow`, with the real library and a local store of files."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

if find_spec("mlflow") is None:
    pytest.skip("mlflow is not installed", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("one_thread", "unrendered")

RECIPE = """\
dataset: {name: shapes, train_size: 40, test_size: 20}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 2, batch_size: 20, workers: 0}
report: {misclassified: 0, augmented: 0}
observers: [{name: mlflow, experiment: shapes, tags: {who: me}}]
"""


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The address of a store, which is MLflow's default for the test."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # needs no database, which takes seconds to create
    address = (tmp_path / "store").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    return address


def the_run(store, experiment):
    """The client and the only run of an experiment."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=store)
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return client, run


def points(client, run, name):
    """The steps and values of a metric."""
    return [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, name)]


def test_run_is_reported(cvkit_host, store):
    """The recipe, the steps, the epochs, the result, and the report as an artifact."""
    result = cvkit_host.run(RECIPE)
    assert result.warnings == []
    client, run = the_run(store, "shapes")
    assert (run.info.status, run.data.tags["who"], run.info.run_name) == ("FINISHED", "me", result.folder.name)
    assert run.data.params["model.name"] == "resnet/custom_resnet"
    assert run.data.params["optimizer.lr"] == "0.01"
    losses = [loss for record in result.records for loss in record.step_losses]
    assert points(client, run, "step/loss") == [*enumerate(losses, start=1)]
    assert points(client, run, "accuracy/test") == [(one.step, one.test_accuracy) for one in result.records]
    assert run.data.metrics["final/test_accuracy"] == result.predictions.accuracy
    assert {one.path for one in client.list_artifacts(run.info.run_id)} == {"report.html", "recipe.yaml"}


def test_resumed_run_continues_the_same_run_and_repeats_no_step(tmp_path, store):
    """It is running again, and a changed value becomes a tag, because MLflow keeps parameters as they are."""
    from cvkit.testing.observers import _new_folder, _play, _recipe
    from cvkit_mlflow.observer import MlflowObserver

    folder = _new_folder(tmp_path)
    _play(MlflowObserver(folder), folder, "interrupted", epochs=1)
    client, run = the_run(store, "cvkit")
    assert run.info.status == "KILLED"
    assert run.data.tags["error"] == "the loss became nan at step 4"
    second = MlflowObserver(folder)
    second.run_started(_recipe().with_value("train.workers", 7), [])
    assert the_run(store, "cvkit")[1].info.status == "RUNNING"
    assert the_run(store, "cvkit")[1].data.tags["train.workers"] == "7"
    _play(MlflowObserver(folder), folder, "finished")
    client, run = the_run(store, "cvkit")
    assert run.info.status == "FINISHED"
    assert [step for step, _ in points(client, run, "step/loss")] == [1, 2, 3, 4, 5, 6]
    assert [value for _, value in points(client, run, "epoch")] == [1, 2]


def test_epochs_that_mlflow_lacks_are_reported_when_the_run_is_resumed(tmp_path, store):
    """The first session had no observer, or could not reach the server."""
    from cvkit.testing.observers import _new_folder, _play
    from cvkit_mlflow.observer import MlflowObserver

    folder = _new_folder(tmp_path)
    _play(MlflowObserver(folder), folder, "finished", known=1)
    client, run = the_run(store, "cvkit")
    assert [step for step, _ in points(client, run, "step/loss")] == [1, 2, 3, 4, 5, 6]
    assert [value for _, value in points(client, run, "epoch")] == [1, 2]


def test_value_of_a_tuner_becomes_a_parameter(tmp_path, store):
    """While it is `auto`, there is none."""
    from dataclasses import replace

    from cvkit import Proposal
    from cvkit.testing.observers import _new_folder, _recipe
    from cvkit_mlflow.observer import MlflowObserver

    recipe = _recipe()
    waiting = replace(recipe, optimizer=replace(recipe.optimizer, options=recipe.optimizer.options | {"lr": "auto"}))
    observer = MlflowObserver(_new_folder(tmp_path))
    observer.run_started(waiting, [])
    assert "optimizer.lr" not in the_run(store, "cvkit")[1].data.params
    observer.tuner_finished("onecycle/lr_range_test", "optimizer.lr", Proposal(0.25, "", ""))
    assert the_run(store, "cvkit")[1].data.params["optimizer.lr"] == "0.25"


def test_server_that_cannot_be_reached_does_not_end_the_run(cvkit_host, store):
    """It is said once; the later events do nothing."""
    (line,) = cvkit_host.run(RECIPE, "observers.mlflow.tracking_uri=nowhere://here").warnings
    assert "observer 'mlflow/mlflow'" in line
    assert "failed in run_started" in line
