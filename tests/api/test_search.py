"""`cvkit.search`: what the command does, from Python, with a result to work with."""

from __future__ import annotations

import subprocess
import sys

import pytest
from forks import Command
from searching import RECIPE, SEARCH, written

import cvkit
from cvkit.searches.folder import SearchFolder

pytestmark = pytest.mark.usefixtures("unrendered")
SPACE = {"optimizer.lr": {"low": 1e-3, "high": 3, "log": True}, "augmentations.0.padding": {"choices": [1, 2]}}


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    """A folder with the recipe and a search of four trials."""
    parent = tmp_path_factory.mktemp("api")
    written(parent, SEARCH.replace("max_trials: 12", "max_trials: 4"))
    return parent


@pytest.fixture(scope="module")
def result(parent, unrendered_module):
    """The result of that search."""
    return cvkit.search(parent / "search.yaml", output=parent / "found", progress=False)


@pytest.fixture(scope="module")
def unrendered_module():
    """Paint no figure."""
    import unrendered

    with unrendered.figures():
        yield


def test_result_has_the_best_trial(result, parent):
    """Its value is the best of the trials, its values are plain numbers, and its paths exist."""
    assert [trial.number for trial in result.trials] == [0, 1, 2, 3]
    complete = [trial for trial in result.trials if trial.state == "complete"]
    best = min(complete, key=lambda trial: trial.value)
    assert (result.metric, result.value, result.values) == ("loss", best.value, best.values)
    assert result.run == best.folder == parent / "found" / f"trial-{best.number:04}"
    assert isinstance(result.values["augmentations.0.padding"], int)
    assert result.recipe.is_file()
    assert best.value == best.curve[-1]
    assert 0 <= result.saved < 1
    assert result.warnings == ()


def test_trained_model_of_the_best_trial_can_be_loaded(result):
    """Its checkpoints are kept; those of other trials are not, as the documentation says."""
    assert cvkit.load(result.run).predict(_image()).label
    for trial in result.trials:
        assert cvkit.RunFolder(trial.folder).has_checkpoints() == (trial.folder == result.run)


def test_best_recipe_can_be_trained(result, tmp_path):
    """It has the values of the best trial, and is evaluated on the test images."""
    run = cvkit.train(result.recipe, output=tmp_path, progress=False, set={"train.epochs": 1})
    assert run.recipe.optimizer.options["lr"] == result.values["optimizer.lr"]
    assert run.predictions.half == "test"


def test_called_again_it_trains_nothing_and_returns_the_same(result, parent):
    """As the command does when it is started again."""
    before = {path: path.stat().st_mtime_ns for path in (parent / "found").glob("trial-*.json")}
    again = cvkit.search(parent / "search.yaml", output=parent / "found", progress=False)
    assert again.trials == result.trials
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_more_trials_are_added_by_set(result, parent):
    """max_trials may change; the command continues what Python began, and the trials before stay."""
    done = Command("search", "search.yaml", "--set", "max_trials=5", "--output", "found", cwd=parent).finish()
    assert done.returncode == 0, done.stderr
    again = cvkit.search(parent / "search.yaml", set={"max_trials": 5}, output=parent / "found", progress=False)
    assert len(again.trials) == 5
    assert again.trials[:4] == result.trials


def test_mapping_and_text_are_searches_too(tmp_path, monkeypatch, result):
    """Their paths start in the current folder; `set` changes the recipe, whose best recipe is then complete."""
    (tmp_path / "base.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    search = {"recipe": "base.yaml", "space": SPACE, "max_trials": 1, "metric": "loss"}
    found = cvkit.search(search, set={"recipe.train.epochs": 1}, progress=False)
    assert found.folder.resolve() == tmp_path / "runs" / "search"
    assert len(found.trials[0].curve) == 1
    assert "extends" not in found.recipe.read_text()
    text = f"{{recipe: base.yaml, space: {SPACE}, max_trials: 1, metric: loss, name: other}}".replace("True", "true")
    other = cvkit.search(text, set={"recipe.train.epochs": 1}, progress=False)
    assert other.folder.name == "other"
    assert other.values == found.values
    with pytest.raises(TypeError, match="a path, a text or a mapping"):
        cvkit.search(3)


def test_processes_share_a_search_that_is_a_mapping(tmp_path, monkeypatch):
    """The worker processes read the same text with the same changes."""
    (tmp_path / "base.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    search = {"recipe": "base.yaml", "space": SPACE, "max_trials": 2, "metric": "loss"}
    found = cvkit.search(search, set={"recipe.train.epochs": 1}, processes=2, progress=False)
    assert [len(trial.curve) for trial in found.trials] == [1, 1]


def test_notebook_shows_the_trials_and_pandas_has_a_row_for_each(result):
    """The best first, with its values."""
    page = result._repr_html_()
    assert page.count("<tr>") == 5
    assert "optimizer.lr" in page
    assert repr(result).startswith("SearchResult(4 trials, best validation loss ")
    table = result.trials.to_pandas()
    assert [*table["value"].dropna()] == [trial.value for trial in result.trials if trial.value is not None]
    assert {"state", "epochs", "seconds", *result.values} <= {*table.columns}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"set": {"max_trials": 0}}, "set={'max_trials': 0}"),
        ({"set": {"recipe.train.epoch": 1}}, "set={'recipe.train.epoch': 1}: unknown setting 'epoch'"),
        ({"processes": 0}, "processes=0"),
    ],
)
def test_mistake_of_an_argument_is_reported_as_it_was_written(parent, arguments, words, tmp_path):
    """And nothing is created."""
    with pytest.raises(cvkit.RecipeError) as caught:
        cvkit.search(parent / "search.yaml", output=tmp_path / "new", **arguments)
    assert words in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_search_without_a_complete_trial_says_why(tmp_path, monkeypatch):
    """The error has the reason of each failed trial."""
    (tmp_path / "base.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    search = {"recipe": "base.yaml", "space": {"train.batch_size": {"choices": [4000]}}, "max_trials": 1}
    with pytest.raises(cvkit.RunError, match=r"trial 0: .*batch_size"):
        cvkit.search(search, progress=False)
    assert SearchFolder(tmp_path / "runs" / "search").trials()[0].state == "failed"


def test_name_is_the_function_after_the_modules_are_loaded():
    """No module of the package has the name of the function."""
    code = "import cvkit.searches.work, cvkit.cli.search, cvkit; assert callable(cvkit.search)"
    subprocess.run([sys.executable, "-c", code], check=True)


def _image():
    import torch

    return torch.zeros(3, 32, 32, dtype=torch.uint8)
