"""The findings of a real run: on its page, in run.json and in Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cvkit

RECIPE = """\
name: judged
dataset: {name: shapes, train_size: 60, test_size: 40}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.0001}
train: {epochs: 1, batch_size: 20, workers: 0, device: cpu}
report: {misclassified: 0, augmented: 0}
explainers: []
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> cvkit.TrainedRun:
    """Return a run that learns nothing, because its learning rate is tiny."""
    return cvkit.train(RECIPE, output=tmp_path_factory.mktemp("runs"), progress=False)


def test_run_that_learns_nothing_is_called_no_better_than_chance(run):
    """It comes first, and what follows from it is left out."""
    assert run.findings[0].rule == "chance"
    assert run.findings[0].mark == "bad"
    rules = {finding.rule for finding in run.findings}
    assert {"too_few_images", "few_training_images"} <= rules
    assert not {"underfitting", "lost_class"} & rules


def test_findings_are_on_the_page_before_the_other_numbers(run):
    """Each with its text, and with a link to a place that the page has."""
    html = run.report.path.read_text(encoding="utf-8")
    shown = html.split('id="findings"')[1].split("</section>")[0]
    assert "not surely better than chance" in shown
    assert html.index('id="findings"') < html.index("Test loss")
    assert 'href="#a-confusion"' in shown
    assert 'id="a-confusion"' in html


def test_findings_are_in_run_json(run):
    """With the same values, so that programs need not read the page."""
    info = json.loads((run.folder / "run.json").read_text())
    assert info["findings"] == [finding.to_json() for finding in run.findings]


def test_findings_are_shown_in_a_notebook(run):
    """As a table with the word of each mark."""
    assert "<td>✕ wrong</td>" in run._repr_html_()


def test_finished_run_is_judged_again_when_it_is_extended(run, tmp_path):
    """The findings of the first run are not those of the second."""
    from click.testing import CliRunner

    from cvkit.cli import cli

    done = CliRunner().invoke(
        cli, ["extend", str(run.folder), "--epochs=2", "--schedule=hold", f"--output={tmp_path}"]
    )
    assert done.exit_code == 0, done.output
    (info,) = [json.loads(path.read_text()) for path in Path(tmp_path).glob("*/run.json")]
    assert info["findings"][0]["rule"] == "chance"
    assert info["repositories"] == json.loads((run.folder / "run.json").read_text())["repositories"]
