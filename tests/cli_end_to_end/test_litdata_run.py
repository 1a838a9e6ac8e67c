"""Runs on what LitData and MosaicML Streaming (MDS) write, and one on the folder with the same images."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import shard_sets
from chunk_sets import write_litdata, write_mds
from commands import call
from forks import ended, fork
from shard_runs import predictions, train, weights_of

pytestmark = pytest.mark.usefixtures("warm")
SAME = "{name: NAME, path: NAME, size: 32, names: file, classes: [cat, dog two]}"


def samples_of(root: Path, split: str) -> list[dict[str, object]]:
    """Return the images of a split in the order of `image_folder`, with the number of the class and the name."""
    images = getattr(shard_sets.opened(root), split)
    return [
        {"image": (root / "pictures" / name).read_bytes(), "label": label, "file": name}
        for name, label in zip(images.names, images.labels, strict=True)
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A folder with pictures, the same as MDS and as LitData if it is installed, and a recipe for each."""
    root = tmp_path_factory.mktemp("project")
    shard_sets.draw(root / "pictures")
    (root / "folder.yaml").write_text(shard_sets.RECIPE)
    for split in ("train", "test"):
        samples = samples_of(root, split)
        write_mds(root / "mds" / split, {"image": "bytes", "label": "int", "file": "str"}, samples, shard=4)
    recipe = shard_sets.RECIPE.replace("{name: image_folder, path: pictures, size: 32}", SAME)
    for name in ("litdata", "mds"):
        (root / f"{name}.yaml").write_text(recipe.replace("path: NAME", f"path: {name}").replace("NAME", "litdata"))
    return root


@pytest.fixture(scope="module")
def reference(project, unrendered) -> Path:
    """A finished run on the folder."""
    return train(project / "run-folder", project / "folder.yaml")


@pytest.fixture(scope="module")
def on_mds(project, reference) -> Path:
    """A finished run on MDS."""
    return train(project / "run-mds", project / "mds.yaml")


def test_weights_and_predictions_on_mds_are_those_on_the_folder(reference, on_mds, same):
    """Order, augmentation, labels and pixels are the same, so nothing differs, also names and digests of images."""
    same(weights_of(reference), weights_of(on_mds))
    assert predictions(on_mds) == predictions(reference)
    assert predictions(on_mds)[0]["file"] == "test/cat/1.png"


def test_weights_and_predictions_on_litdata_are_those_on_the_folder(project, reference, same):
    """The same holds for chunks that LitData itself wrote; they are read once, and the folder stays as it is."""
    pytest.importorskip("litdata")
    for split in ("train", "test"):
        write_litdata(project / "litdata" / split, samples_of(project, split), chunk=4)
    before = sorted(project.joinpath("litdata").rglob("*"))
    path = train(project / "run-litdata", project / "litdata.yaml")
    same(weights_of(reference), weights_of(path))
    assert predictions(path) == predictions(reference)
    assert sorted(project.joinpath("litdata").rglob("*")) == before


def test_a_killed_run_continues_with_the_same_images(project, on_mds, same, tmp_path):
    """Within an epoch: an image is read by its number, so no position is lost."""
    path = tmp_path / "killed"
    assert ended(fork(lambda: train(path, project / "mds.yaml", 1))) == -signal.SIGKILL
    train(path, project / "mds.yaml")
    same(weights_of(on_mds), weights_of(path))
    assert predictions(path) == predictions(on_mds)


def test_workers_read_the_same_images(project, on_mds, same, tmp_path):
    """Each worker process opens the chunks itself."""
    text = (project / "mds.yaml").read_text().replace("device: cpu", "device: cpu, workers: 2")
    (project / "workers.yaml").write_text(text)
    same(weights_of(on_mds), weights_of(train(tmp_path / "workers", project / "workers.yaml")))


def test_a_chunk_that_is_missing_ends_the_command_with_its_name(project, tmp_path, monkeypatch, capsys):
    """Before the first step, with exit code 2, without a traceback and without a run folder."""
    write_mds(tmp_path / "mds/train", {"image": "bytes", "label": "int", "file": "str"}, samples_of(project, "train"))
    write_mds(tmp_path / "mds/test", {"image": "bytes", "label": "int", "file": "str"}, samples_of(project, "test"))
    (tmp_path / "mds/train/shard.00001.mds").unlink()
    (tmp_path / "mds.yaml").write_text((project / "mds.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    answer = call(capsys, "run", "mds.yaml")
    assert answer.code == 2
    assert "train/shard.00001.mds" in answer.err
    assert "Traceback" not in answer.err
    assert not Path("runs").exists()
