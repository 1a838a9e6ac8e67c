"""The host for tests: nothing that is installed is seen but cvkit's own; what is added takes part in runs."""

from __future__ import annotations

import importlib
import json
import sys

import pytest

from cvkit import Component, PluginError, RecipeError, hookimpl
from cvkit.host.discovery import discover
from cvkit.testing import Host

RECIPE = """\
dataset: {name: shapes, train_size: 48, test_size: 16}
model: {name: acme/tiny, width: 2}
optimizer: {name: sgd, lr: 0.05}
train: {epochs: 2, batch_size: 16, device: cpu}
report: {misclassified: 0, augmented: 0}
"""


NET = """\
from torch import nn
from cvkit import Proposal

def tiny(info, *, width: int = 4):
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(nn.Conv2d(info.channels, width, 3), nn.ReLU(), pool, nn.Linear(width, info.num_classes))

def fixed(run, *, value: float):
    return Proposal(value, "it was asked to", title="A number")
"""


pytestmark = pytest.mark.usefixtures("unrendered")


class Acme:
    """A plugin with a model and a tuner, which watches runs."""

    def __init__(self):
        self.epochs = []

    @hookimpl
    def cvkit_models(self):
        yield Component("tiny", "acme_of_test_host:tiny", "One convolution")

    @hookimpl
    def cvkit_tuners(self):
        yield Component("fixed", "acme_of_test_host:fixed", "A number that the recipe gives")

    @hookimpl
    def cvkit_epoch_finished(self, record):
        self.epochs.append(record.epoch)


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """The plugin, its factory in a module that can be imported by name."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "acme_of_test_host.py").write_text(NET)
    monkeypatch.syspath_prepend(tmp_path / "source")
    monkeypatch.delitem(sys.modules, "acme_of_test_host", raising=False)
    return Acme()


@pytest.fixture
def installed_and_broken(tmp_path, monkeypatch):
    """Install a distribution whose plugin raises when it is imported, and tell its plugin's name."""
    info = tmp_path / "site" / "broken_of_test_host-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-of-test-host\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cvkit]\nbroken = broken_of_test_host\n")
    (info.parent / "broken_of_test_host.py").write_text("raise RuntimeError('broken on purpose')")
    monkeypatch.syspath_prepend(info.parent)
    importlib.invalidate_caches()
    return "broken"


def test_installed_plugins_are_not_seen(cvkit_host, installed_and_broken):
    """What a test sees does not depend on what else is installed beside cvkit."""
    assert installed_and_broken in [status.origin.plugin for status in discover().failures]
    assert installed_and_broken not in [status.origin.plugin for status in cvkit_host.catalog().statuses]
    assert cvkit_host.catalog().failures == []


def test_environment_disables_nothing(cvkit_host, monkeypatch):
    """The variable that leaves plugins out is for commands; a test sees the same wherever it runs."""
    everything = cvkit_host.list()
    monkeypatch.setenv("CVKIT_DISABLE_PLUGINS", "resnet, torch")
    assert "resnet/custom_resnet" in everything
    assert cvkit_host.list() == everything


def test_list_has_ids_of_a_kind_or_of_all(cvkit_host, acme):
    """Full ids, sorted; an added plugin's are among them."""
    everything, models = cvkit_host.list(), cvkit_host.list("models")
    assert "torch/sgd" in everything
    assert "torch/sgd" not in models
    cvkit_host.add("acme", acme)
    assert cvkit_host.list() == sorted(["acme/fixed", "acme/tiny", *everything])
    assert cvkit_host.list("models") == sorted(["acme/tiny", *models])


def test_run_trains_the_added_model_and_keeps_everything(cvkit_host, acme, tmp_path, capsys):
    """The result is what a run leaves: records, predictions, a folder with its report; nothing is printed."""
    cvkit_host.add("acme", acme)
    result = cvkit_host.run(RECIPE)
    assert [record.epoch for record in result.records] == acme.epochs == [1, 2]
    assert len(result.predictions.labels) == 16
    assert result.recipe.model.entry.id == "acme/tiny"
    assert result.folder.is_relative_to(tmp_path)
    assert result.report == result.folder / "report.html"
    assert "<html" in result.report.read_text()
    assert json.loads((result.folder / "run.json").read_text())["status"] == "finished"
    assert capsys.readouterr() == ("", "")


def test_recipe_is_a_file_a_text_or_a_mapping(cvkit_host, acme, tmp_path):
    """Overrides count on top, as on the command line; a file's name names the run."""
    cvkit_host.add("acme", acme)
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    short = ("train.epochs=1", "dataset.train_size=16")
    mapping = {
        "name": "mapped",
        "dataset": {"name": "shapes", "test_size": 16},
        "model": "acme/tiny",
        "optimizer": "sgd",
        "train": {"batch_size": 16, "device": "cpu"},
    }
    runs = [cvkit_host.run(recipe, *short) for recipe in (path, str(path), mapping)]
    assert [run.recipe.name for run in runs] == ["small", "small", "mapped"]
    assert [len(run.records) for run in runs] == [1, 1, 1]
    assert len({run.folder for run in runs}) == 3


def test_tuners_run_first(cvkit_host, acme):
    """The recipe that comes back has what they filled in."""
    cvkit_host.add("acme", acme)
    tuned = RECIPE.replace("lr: 0.05", "lr: auto") + "tuners: [{name: fixed, set: optimizer.lr, value: 0.02}]\n"
    result = cvkit_host.run(tuned, "train.epochs=1")
    assert result.recipe.value("optimizer.lr") == 0.02
    assert result.records[0].learning_rate == 0.02
    assert (result.folder / "tuning.json").is_file()


def test_recipe_may_leave_a_plugin_out(cvkit_host, acme):
    """What a recipe disables is not there, be it added or cvkit's own."""
    cvkit_host.add("acme", acme)
    with pytest.raises(RecipeError, match="acme"):
        cvkit_host.run(RECIPE + "plugins: {disable: [acme]}\n")


def test_mistakes_are_raised_as_cvkit_raises_them(cvkit_host):
    """An unknown model is a `RecipeError`, and no folder is made."""
    with pytest.raises(RecipeError, match="'acme/tiny'"):
        cvkit_host.run(RECIPE)
    assert not (cvkit_host.folder / "runs").exists()


def test_plugin_that_breaks_the_contract_is_refused(cvkit_host, acme, wording):
    """A name that is taken, or a hook without its mark, is said at once, and the host stays as it was."""
    cvkit_host.add("acme", acme)
    with pytest.raises(PluginError) as taken:
        cvkit_host.add("acme", Acme())
    assert str(taken.value) == wording(name="taken")
    unmarked = type("Unmarked", (), {"cvkit_models": lambda self: []})
    with pytest.raises(PluginError, match="cvkit_models") as refused:
        cvkit_host.add("other", unmarked())
    assert str(refused.value) == wording(name="unmarked")
    assert cvkit_host.list("models").count("acme/tiny") == 1


def test_hosts_do_not_know_each_other(tmp_path, acme):
    """What is added to one is not in another."""
    one, other = Host(tmp_path / "one"), Host(tmp_path / "other")
    one.add("acme", acme)
    assert "acme/tiny" in one.list()
    assert "acme/tiny" not in other.list()
