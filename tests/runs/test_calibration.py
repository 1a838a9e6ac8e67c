"""calibration.json of a run folder: used for its own weights only, and never a reason not to load the model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from explained_run import train

from cvkit import Abstention, FolderError, RunFolder
from cvkit.checkpoint.weights_digest import weights_digest
from cvkit.engine.trainer import Trainer
from cvkit.runs.load import LoadedModel, load_trained

FOUND = Abstention((1.5,), (), "conformal", 0.25)
CONTENT = {"temperatures": [1.5], "biases": [], "rule": "conformal", "level": 0.25}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Trainer]:
    """A run folder, and its run."""
    parent = tmp_path_factory.mktemp("calibrated")
    run = train(parent, "train.epochs=1")
    return next(parent.glob("small-*")), run


@pytest.fixture
def folder(trained, tmp_path) -> RunFolder:
    """A copy of the run folder."""
    shutil.copytree(trained[0], tmp_path / "run")
    return RunFolder.open(tmp_path / "run")


@pytest.fixture
def load(folder, trained):
    """Load the model of the copy."""

    def load(**options: bool) -> LoadedModel:
        return load_trained(folder, trained[1].parts.recipe, trained[1].parts.info, **options)

    return load


def test_model_is_loaded_with_the_calibration_of_its_weights(folder, load):
    """Its prediction rule uses it; without `calibrated` it is left out."""
    assert load().trained.abstention is None
    folder.write_calibration({"weights": load().weights, **CONTENT}, "<html>")
    loaded = load()
    assert (loaded.trained.abstention, loaded.damaged) == (FOUND, ())
    logits = torch.randn(2, 10)
    assert torch.equal(loaded.trained.prediction_rule.probabilities(logits), FOUND.calibrated(logits))
    assert load(calibrated=False).trained.abstention is None


def test_calibration_of_other_weights_is_ignored_with_a_line(folder, load):
    """As after more training; the line says what to do."""
    folder.write_calibration({"weights": "0" * 64, **CONTENT}, "<html>")
    loaded = load()
    assert loaded.trained.abstention is None
    (line,) = loaded.damaged
    assert "other weights" in line
    assert "cvkit calibrate" in line


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"temperatures": [0.0]}, "temperatures"),
        ({"temperatures": []}, "temperatures"),
        ({"temperatures": [1.0, 2.0]}, "a bias for each class"),
        ({"temperatures": [1.0, 2.0], "biases": [0.0, 0.0]}, "2 temperatures for 10 classes"),
        ({"biases": [1.0]}, "a bias for each class"),
        ({"rule": "always"}, "rule"),
        ({"level": 1.5}, "level"),
        ({"weights": "short"}, "weights"),
        ({"level": None}, "level"),
    ],
)
def test_damaged_calibration_is_ignored_with_a_line(folder, load, change, named):
    """The line names the value."""
    content = {"weights": load().weights, **CONTENT, **change}
    (folder.path / "calibration.json").write_text(json.dumps(content))
    loaded = load()
    assert loaded.trained.abstention is None
    assert named in "".join(loaded.damaged)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"level": NaN}'])
def test_file_that_is_no_calibration_is_ignored_with_a_line(folder, load, text):
    """Whatever it contains."""
    (folder.path / "calibration.json").write_text(text)
    loaded = load()
    assert loaded.trained.abstention is None
    assert len(loaded.damaged) == 1


def test_link_is_not_followed(folder, load, tmp_path):
    """Reading ignores it, writing replaces it, and what it leads to stays."""
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"weights": load().weights, **CONTENT}))
    (folder.path / "calibration.json").symlink_to(secret)
    loaded = load()
    assert loaded.trained.abstention is None
    assert "a link" in "".join(loaded.damaged)
    before = secret.read_text()
    folder.write_calibration({"weights": loaded.weights, **CONTENT, "level": 0.5}, "<html>")
    assert secret.read_text() == before
    assert load().trained.abstention.level == 0.5


def test_removing_leaves_no_calibration(folder, load):
    """Both files are gone; a second time there is nothing to remove."""
    paths = folder.write_calibration({"weights": load().weights, **CONTENT}, "<html>")
    folder.remove_calibration()
    assert not any(path.exists() for path in paths)
    with pytest.raises(FolderError, match="no calibration"):
        folder.remove_calibration()


def test_digest_depends_on_names_values_types_and_shapes_only():
    """Not on the order of the weights, nor on how they are laid out in memory."""
    weights = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(1), "c": torch.ones(2, dtype=torch.bfloat16)}
    digest = weights_digest(weights)
    assert digest == weights_digest(dict(reversed(weights.items())))
    assert digest == weights_digest({**weights, "a": weights["a"].T.contiguous().T})
    others = (
        {**weights, "a": weights["a"].view(3, 2)},
        {**weights, "a": weights["a"].double()},
        {**weights, "b": torch.tensor(2)},
        {"a": weights["a"], "d": weights["b"], "c": weights["c"]},
    )
    assert len({digest, *map(weights_digest, others)}) == 5
