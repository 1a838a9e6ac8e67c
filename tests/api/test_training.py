"""Training from Python: what it returns, what it leaves alone, and how it reports mistakes."""

from __future__ import annotations

import logging
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small
import torch
import yaml

import cvkit
import cvkit.runs.data_folder

SHORT = {"train.epochs": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory, unrendered) -> cvkit.TrainedRun:
    """A run of the small recipe, trained from Python."""
    return cvkit.train(small.RECIPE, set=SHORT, output=tmp_path_factory.mktemp("runs"), progress=False)


def test_run_has_accuracy_records_and_report(run):
    """The accuracy is that of the final predictions; the folder has the report."""
    assert run.accuracy == run.records[-1].test_accuracy == run.predictions.accuracy
    assert len(run.records) == 1
    assert Path(run.report) == run.folder / "report.html"
    assert Path(run.report).is_file()


def test_records_become_a_table(run):
    """One row for each epoch, without the series of steps."""
    frame = run.records.to_pandas()
    assert list(frame.index) == [1]
    assert frame.loc[1, "test_accuracy"] == run.accuracy
    assert "step_losses" not in frame


def test_notebook_shows_run_records_and_report(run):
    """As HTML, in which every text is escaped."""
    assert str(run.folder) in run._repr_html_()
    assert "<td>1</td>" in run.records._repr_html_()
    assert run.report._repr_html_().startswith("<iframe srcdoc=")


@pytest.mark.parametrize("form", ["path", "text", "mapping"])
def test_recipe_is_a_path_a_text_or_a_mapping(form, tmp_path, run):
    """All three give the same run, to the bit."""
    (tmp_path / "small.yaml").write_text(small.RECIPE)
    recipe = {"path": tmp_path / "small.yaml", "text": small.RECIPE, "mapping": yaml.safe_load(small.RECIPE)}
    trainer = cvkit.trainer(recipe[form], set=SHORT)
    *_, record = trainer.fit()
    assert record.step_losses == run.records[-1].step_losses


def test_global_generators_are_as_before(tmp_path, unrendered):
    """Of Python, NumPy and torch."""

    def state() -> list[object]:
        return [random.getstate(), [str(part) for part in np.random.get_state()], torch.get_rng_state().tolist()]

    before = state()
    cvkit.train(small.RECIPE, set=SHORT, output=tmp_path, progress=False)
    assert state() == before


def test_log_has_what_the_command_line_prints(tmp_path, caplog, unrendered, capsys):
    """At the level INFO, and nothing on standard output or standard error."""
    with caplog.at_level(logging.INFO, logger="cvkit"):
        done = cvkit.train(small.RECIPE, set=SHORT, output=tmp_path, progress=False)
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].endswith(str(done.folder))
    assert messages[-1].endswith(str(done.report))
    assert capsys.readouterr() == ("", "")
    (tmp_path / "small.yaml").write_text(small.RECIPE)
    arguments = ("run", str(tmp_path / "small.yaml"), "--set", "train.epochs=1", "--output", str(tmp_path))
    printed = command(*arguments).splitlines()
    assert [steady(line) for line in messages] == [steady(line) for line in printed]


def command(*arguments: str) -> str:
    """What ``cvkit`` prints."""
    done = subprocess.run([sys.executable, "-m", "cvkit", *arguments], capture_output=True, text=True, check=True)
    return done.stderr.replace("warning: ", "") + done.stdout


def steady(line: str) -> str:
    """A line without the measurements of time and the name of the run folder."""
    return re.sub(r" +[\d,.]+ +[\d.]+$|, in [\d.a-z ]+$", "", re.sub(r"small-\d{8}-\d{6}(-\d+)?", "RUN", line))


INTERRUPTING = """\
import signal

from torch import nn

from cvkit import Component, hookimpl


class StopAfter(nn.CrossEntropyLoss):
    def __init__(self, info):
        super().__init__()
        self.steps = 0

    def forward(self, logits, labels):
        training = logits.requires_grad and signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        self.steps += training
        if training and self.steps == 3:
            signal.raise_signal(signal.SIGINT)
        return super().forward(logits, labels)


@hookimpl
def cvkit_losses():
    yield Component("stop_after", "stop:StopAfter", "Cross-entropy that interrupts the third step")
"""
PLUGIN = """\
from cvkit import Component, Proposal, hookimpl


def propose(run):
    return Proposal(0.05, "it is a good rate", "A rate")


@hookimpl
def cvkit_tuners():
    yield Component("propose", "rates:propose", "Propose a rate")
"""


def test_trainer_runs_the_tuners_first(tmp_path):
    """So that no value is `auto` when training begins; a plugin may be a file."""
    (tmp_path / "rates.py").write_text(PLUGIN)
    values = {"scheduler.max_lr": "auto", "tuners": [{"name": "propose", "set": "scheduler.max_lr"}]}
    trainer = cvkit.trainer(small.RECIPE, set=SHORT | values, plugins=[tmp_path / "rates.py"])
    assert trainer.parts.recipe.value("scheduler.max_lr") == 0.05
    assert isinstance(next(trainer.fit()), cvkit.Step)


def test_mistake_in_a_recipe_writes_nothing(tmp_path):
    """All mistakes at once, with their places."""
    with pytest.raises(cvkit.RecipeError) as caught:
        cvkit.train(small.RECIPE, set={"train.epoch": 1, "model.widht": 2}, output=tmp_path / "runs")
    assert len(caught.value.problems) == 2
    assert not (tmp_path / "runs").exists()


def test_interrupted_run_says_so_in_its_folder(tmp_path, monkeypatch):
    """And can be continued by the command line."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cvkit.runs.session.Session.report", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cvkit.train(small.RECIPE, set=SHORT, output=tmp_path, progress=False)
    (folder,) = tmp_path.iterdir()
    assert cvkit.RunFolder.open(folder).info()["status"] == "interrupted"


@pytest.fixture(scope="module")
def stop_after(tmp_path_factory) -> Path:
    """A plugin whose loss interrupts the third step."""
    path = tmp_path_factory.mktemp("plugin") / "stop.py"
    path.write_text(INTERRUPTING)
    return path


def test_interrupt_saves_the_step_that_was_reached(tmp_path, stop_after):
    """As the command line does, and the error says how to continue; Python's own handler is back afterwards."""

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        cvkit.train(
            small.RECIPE,
            set={"loss": "stop_after"},
            output=tmp_path / "runs",
            plugins=stop_after,
            progress=False,
        )
    (folder,) = (tmp_path / "runs").iterdir()
    assert str(caught.value).startswith("stopped and saved after step 3; continue with: cvkit resume ")
    assert str(folder) in str(caught.value)
    assert cvkit.load(folder, plugins=stop_after).checkpoint.startswith("after step 3,")
    assert signal.getsignal(signal.SIGINT) is before


def test_handler_of_the_program_is_left_alone(tmp_path, unrendered, stop_after):
    """A program that handles the signal itself keeps doing so."""
    received = []
    before = signal.signal(signal.SIGINT, lambda number, frame: received.append(number))
    try:
        values = {"loss": "stop_after"} | SHORT
        cvkit.train(small.RECIPE, set=values, output=tmp_path, plugins=[stop_after], progress=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert received == [signal.SIGINT]


WRONG = {
    "number": (7, {}, TypeError, "a recipe is a path, a text or a mapping, not int"),
    "nothing": (None, {}, TypeError, "not NoneType"),
    "path without its ending": ("recipes/small", {}, cvkit.RecipeError, "there is no recipe 'recipes/small'"),
    "folder": (".", {}, cvkit.RecipeError, "'.' is a folder, not a recipe"),
    "list of values": (small.RECIPE, ["train.epochs=1"], TypeError, "set is a mapping such as"),
    "unknown setting": (small.RECIPE, {"train.epoch": 1}, cvkit.RecipeError, "set={'train.epoch': 1}: unknown"),
    "unknown key": (small.RECIPE, {"trian.epochs": 1}, cvkit.RecipeError, "set={'trian.epochs': 1}: unknown key"),
    "value": (small.RECIPE, {"train.epochs": "two"}, cvkit.RecipeError, "set={'train.epochs': 'two'}: setting"),
    "no path": (small.RECIPE, {"": 1}, cvkit.RecipeError, "set={'': 1}: '' is not a path"),
    "mapping": ({"dataset": "shapes", "model": "nothing"}, {}, cvkit.RecipeError, "recipe:3:11: unknown model"),
}


@pytest.mark.parametrize(("recipe", "values", "error", "told"), WRONG.values(), ids=WRONG)
def test_mistake_is_reported_in_the_words_of_python(recipe, values, error, told):
    """By the argument, never by an option of the command line."""
    with pytest.raises(error, match=re.escape(told)) as caught:
        cvkit.trainer(recipe, set=values)
    assert "--" not in str(caught.value)


def test_records_and_predictions_are_short(run):
    """A notebook shows a value that has no HTML by its repr, which must not be thousands of numbers."""
    assert repr(run.records) == f"Records(1 epoch, test accuracy {100 * run.accuracy:.2f} %)"
    assert "step_losses" not in repr(run.records[0])
    assert repr(run.predictions).startswith("Predictions(30 images, 10 classes, accuracy ")


def test_metrics_are_in_the_tables(tmp_path, unrendered):
    """Of the records and of the run."""
    done = cvkit.train(small.RECIPE, set=SHORT | {"metrics": ["macro_f1"]}, output=tmp_path, progress=False)
    value = f"<td>{done.records[0].metrics['macro_f1']:.4f}</td>"
    for shown in (done.records._repr_html_(), done._repr_html_()):
        assert "macro_f1" in shown
        assert value in shown


def test_mapping_may_hold_any_text_paths_and_numbers_of_numpy():
    """They become what YAML would say."""
    recipe = yaml.safe_load(small.RECIPE) | {"name": "smile_\N{GRINNING FACE}"}
    with pytest.raises(cvkit.RecipeError) as caught:  # the name is none for a folder, but it is read whole
        cvkit.trainer(recipe)
    assert "\N{GRINNING FACE}" in str(caught.value)
    values = {"train.epochs": np.int64(1), "model.width": np.int64(2)}
    assert cvkit.trainer(small.RECIPE, set=values).parts.recipe.train.epochs == 1


def test_value_that_yaml_cannot_hold_is_refused():
    """As a mistake in the recipe."""
    with pytest.raises(cvkit.RecipeError, match="object"):
        cvkit.trainer(small.RECIPE, set={"model.width": object()})


def test_data_folder_may_begin_with_the_home(monkeypatch, tmp_path):
    """As on the command line."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cvkit.runs.data_folder.data_folder(Path("~/sets")) == tmp_path / "sets"
