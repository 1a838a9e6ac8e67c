"""A run on shards and one on the folder that they were packed from: the same weights, order and evaluation."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
import shard_sets
from commands import call
from forks import ended, fork
from shard_runs import predictions, train, weights_of
from worlds import Commands

from cvkit_datasets.shards.writing import pack

pytestmark = pytest.mark.usefixtures("warm")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A folder with pictures, their shards, and a recipe for each."""
    root = tmp_path_factory.mktemp("project")
    shard_sets.draw(root / "pictures")
    (root / "shards").mkdir()
    pack(shard_sets.opened(root), root / "shards", lambda _: None, shard_images=4)
    (root / "folder.yaml").write_text(shard_sets.RECIPE)
    (root / "shards.yaml").write_text(shard_sets.SHARDS)
    return root


@pytest.fixture(scope="module")
def runs(project, unrendered) -> dict[str, Path]:
    """A finished run on the folder, and one on the shards."""
    return {name: train(project / f"run-{name}", project / f"{name}.yaml") for name in ("folder", "shards")}


def test_weights_and_predictions_are_equal_to_the_bit(runs, same):
    """Order, augmentation, labels and pixels are the same, so nothing differs, also names and digests of images."""
    same(weights_of(runs["folder"]), weights_of(runs["shards"]))
    rows = predictions(runs["shards"])
    assert rows == predictions(runs["folder"])
    assert [row["file"] for row in rows][:1] == ["test/cat/1.png"]
    assert all(len(row["digest"]) == 64 for row in rows)


@pytest.mark.parametrize("step", [1, 4])
def test_a_killed_run_continues_with_the_same_images(project, runs, same, tmp_path, step):
    """Within an epoch and after one: shards are read by the number of an image, so no position is lost."""
    path = tmp_path / "killed"
    assert ended(fork(lambda: train(path, project / "shards.yaml", step))) == -signal.SIGKILL
    train(path, project / "shards.yaml")
    same(weights_of(runs["shards"]), weights_of(path))
    assert predictions(path) == predictions(runs["shards"])


def test_workers_read_the_same_images(project, runs, same, tmp_path):
    """Each worker process opens the shards itself."""
    text = shard_sets.SHARDS.replace("device: cpu", "device: cpu, workers: 2")
    (project / "workers.yaml").write_text(text)
    same(weights_of(runs["shards"]), weights_of(train(tmp_path / "workers", project / "workers.yaml")))


def test_two_processes_train_alike_on_shards_and_on_the_folder(project, tmp_path, monkeypatch):
    """Each has every second image of a batch, and evaluates every second batch; all images are counted once."""
    monkeypatch.chdir(project)
    for name in ("folder", "shards"):
        done = Commands(2, "run", f"{name}.yaml", "--output", tmp_path / name, cwd=project).finish()
        assert [one.returncode for one in done] == [0, 0], done[0].stderr + done[1].stderr
    first, second = (next((tmp_path / name).glob("*/run.json")).parent for name in ("folder", "shards"))
    assert predictions(first) == predictions(second)
    found, other = weights_of(first), weights_of(second)
    assert all(found[name].equal(other[name]) for name in found)


def test_a_shard_that_disappears_ends_the_run_with_its_name(project, tmp_path, monkeypatch, capsys):
    """The run stops with the shard's name before the first step, and with exit code 2."""
    shutil.copytree(project / "shards", tmp_path / "shards")
    (tmp_path / "shards/train-000001.tar").unlink()
    (tmp_path / "shards.yaml").write_text(shard_sets.SHARDS)
    monkeypatch.chdir(tmp_path)
    answer = call(capsys, "run", "shards.yaml")
    assert answer.code == 2
    assert "train-000001.tar" in answer.err
    assert not Path("runs").exists()


@pytest.mark.usefixtures("unrendered")
def test_a_run_that_writes_the_index_of_its_shards_resumes(tmp_path, monkeypatch):
    """The recipe in the run folder has write_index: true, and by then the index is there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shard_sets.write_tar(tmp_path / "shards/train-0.tar", shard_sets.labelled(10))
    shard_sets.write_tar(tmp_path / "shards/test-0.tar", shard_sets.labelled(4))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(shard_sets.SHARDS.replace("path: shards}", "path: shards, size: 32, write_index: true}"))
    assert ended(fork(lambda: train(tmp_path / "run", recipe, 3))) == -signal.SIGKILL
    assert (tmp_path / "shards/index.json").is_file()
    assert len(predictions(train(tmp_path / "run", recipe))) == 4
