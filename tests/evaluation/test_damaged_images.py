"""Damaged images of a run's own data set: they are left out and named, and all others are evaluated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from commands import call
from PIL import Image

import cvkit
from cvkit.data.digests import file_digest
from cvkit.data.resizing import framed
from cvkit.engine.predictions import Predictions
from cvkit.evaluation.evaluating import LabelledEvaluator
from cvkit.evaluation.measures import Measures


@pytest.fixture
def photos(photo_folder, tmp_path) -> Path:
    """A copy of the photos, which a test may damage."""
    return Path(shutil.copytree(photo_folder, tmp_path / photo_folder.name))


@pytest.fixture
def held(run, photos) -> list[Path]:
    """The test images of the run in this copy."""
    return [photos / name for name in run.predictions.names]


@pytest.fixture
def evaluate(run, photos) -> Callable[..., cvkit.Evaluation]:
    """Evaluates a split of the run in this copy."""
    return lambda split="test": cvkit.load(run).evaluate(photos.parent, split=split)


def require_rest(found: Predictions, whole: Predictions, without: list[int]) -> None:
    """Require that predictions are those of the run without some positions."""
    rest = [place for place in range(len(whole.labels)) if place not in without]
    assert found.names == tuple(whole.names[place] for place in rest)
    assert torch.equal(found.labels, whole.labels[rest])
    torch.testing.assert_close(found.logits, whole.logits[rest])
    assert found.half == whole.half


def test_image_that_is_damaged_when_it_is_read_costs_no_other(run, opened, photos, held):
    """The data set reads the headers of its files before, so this damage shows only now."""
    splits = run.recipe.with_value("dataset.path", str(photos)).dataset.build(Path("unused"))
    expected = [file_digest(file) for file in held]
    held[1].write_bytes(b"no image")
    found = LabelledEvaluator(opened, Measures(notes=())).of_split(splits, "test", lambda images: None)
    require_rest(found.predictions, run.predictions, [1])
    assert list(found.digests) == [expected[0], *expected[2:]]
    (reason,) = found.unread
    assert str(held[1]) in reason
    assert f"1 of {len(held)} images" in found.notes[0]
    assert torch.equal(found.images([1]), framed(splits.test, opened.info)[2][0][None])


def test_images_without_files_are_named_by_their_position(opened):
    """As the report of a run names them; any error in a data set counts as damage of the image."""
    pixels = torch.arange(3 * 3 * 32 * 32).reshape(3, 3, 32, 32).remainder(256).to(torch.uint8)

    class Torn:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            if index == 1:
                raise OSError("the record is torn")
            return pixels[index], index

    splits = cvkit.Splits(train=Torn(), test=Torn(), info=replace(opened.info, framing=None))
    found = LabelledEvaluator(opened, Measures(notes=())).of_split(splits, "test", lambda images: None)
    assert found.predictions.names == ("test image 0", "test image 2")
    assert found.predictions.labels.tolist() == [0, 2]
    assert found.unread == ("test image 1: the record is torn",)
    assert found.digests is None


def test_damaged_and_changed_test_images_are_left_out_of_a_data_set_that_cannot_be_opened(run, evaluate, held):
    """The run has the digest of each test image, so a changed image is not mistaken for the original."""
    held[0].write_bytes(b"no image")
    Image.open(held[3]).rotate(180).save(held[3])
    found = evaluate()
    require_rest(found.predictions, run.predictions, [0, 3])
    first, second = found.unread
    assert str(held[0]) in first
    assert (str(held[3]) in second, "changed" in second) == (True, True)
    assert f"2 of {len(held)} images" in found.notes[0]
    assert any("predictions.csv" in note for note in found.notes)


def test_changed_training_image_costs_no_test_image(run, evaluate, photos):
    """The data set is another one, but the test images are those that measured the run."""
    training = {*photos.rglob("*.png")} - {photos / name for name in run.predictions.names}
    min(training).write_bytes(b"no image")
    found = evaluate()
    require_rest(found.predictions, run.predictions, [])
    assert found.unread == ()


def test_other_splits_of_a_changed_data_set_are_refused(evaluate, held):
    """The digests of their images are not known, so nobody could tell which of them have changed."""
    held[0].write_bytes(b"no image")
    with pytest.raises(cvkit.DataError, match="1 of 36 images cannot be read"):
        evaluate("validation")
    Image.new("RGB", (40, 40)).save(held[0])
    with pytest.raises(cvkit.CheckpointError, match="not what this run was trained on"):
        evaluate("validation")


def test_data_set_without_any_of_the_test_images_is_refused(evaluate, held):
    """With the error of the data set, because none of the files is an image of the run."""
    for file in held:
        Image.new("RGB", (40, 40)).save(file)
    with pytest.raises(cvkit.CheckpointError, match="not what this run was trained on"):
        evaluate()


def test_command_says_first_how_many_are_left_out_and_exits_with_3(run, photos, held, tmp_path, capsys):
    """At most five are named; metrics.json names all of them."""
    for file in held[:7]:
        file.write_bytes(b"no image")
    line = ("evaluate", run.folder, "--split", "test", "--data", photos.parent, "--output", tmp_path / "results")
    answer = call(capsys, *line)
    assert answer.code == 3
    lines = answer.err.splitlines()
    assert f"7 of {len(held)} images" in lines[0]
    assert sum("could not read" in each for each in lines) == 5
    assert "metrics.json names 2 other images" in lines[6]
    (results,) = (tmp_path / "results").iterdir()
    assert len(json.loads((results / "metrics.json").read_text())["unread"]) == 7
    page = (results / "evaluation.html").read_text()
    assert f"7 of {len(held)} images" in page
    assert held[0].name in page
