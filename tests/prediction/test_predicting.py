"""Predictions of files: those of the run's own evaluation, for any number of files and whatever is among them."""

from __future__ import annotations

import csv
import hashlib
import itertools
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from opened_runs import opened_of
from PIL import Image
from torch import nn

import cvkit
from cvkit.engine.abstention import Abstention
from cvkit.engine.classifier import NO_NUMBER
from cvkit.prediction.columns import Columns
from cvkit.prediction.predicting import FilePrediction, predicted_batches


def predicted(opened, paths, **options) -> list[FilePrediction]:
    """Return the predictions of all files."""
    return [each for batch in predicted_batches(opened, paths, **options) for each in batch]


@pytest.mark.parametrize("of", ["run", "run_in_bf16"])
def test_logits_are_those_of_the_evaluation_to_the_bit(request, of):
    """Framing, normalisation, precision and batches are the same."""
    run_in = request.getfixturevalue(of)
    files = run_in.recipe.dataset.build(Path("unused")).test.files
    found = predicted(opened_of(run_in), files)
    assert len(found) == len(run_in.predictions.labels) > 5
    assert torch.equal(torch.stack([each.logits for each in found]), run_in.predictions.logits)
    assert [each.predicted[0] for each in found] == run_in.predictions.predicted.tolist()


def test_worker_processes_change_nothing(opened, some):
    """Order, digests and logits are those of one process."""
    alone, together = (predicted(opened, some, batch_size=2, workers=workers) for workers in (0, 2))
    for one, other in zip(alone, together, strict=True):
        assert (one.path, one.digest, one.predicted) == (other.path, other.digest, other.predicted)
        assert torch.equal(one.logits, other.logits)


def test_digest_is_that_of_the_bytes(opened, some):
    """So the file can be recognised elsewhere, as by sha256sum."""
    assert [each.digest for each in predicted(opened, some)] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in some
    ]


def test_predictions_of_the_run_have_the_same_digests(run):
    """So an image is recognised in both tables."""
    files = run.recipe.dataset.build(Path("unused")).test.files
    with (run.folder / "predictions.csv").open(newline="") as stream:
        rows = [*csv.DictReader(stream)]
    assert [row["digest"] for row in rows] == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def test_file_that_cannot_be_read_does_not_cost_the_others(opened, some, tmp_path):
    """It has an error instead, and so has a batch in which no file can be read."""
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(some[0].read_bytes()[:200])
    found = predicted(opened, [some[0], damaged, some[1], tmp_path / "absent.png", tmp_path], batch_size=3)
    assert [bool(each.error) for each in found] == [False, True, False, True, True]
    assert "damaged.png" in found[1].error
    assert found[1].digest == hashlib.sha256(damaged.read_bytes()).hexdigest()
    assert "no such file" in found[3].error
    assert (found[3].digest, found[4].digest) == ("", "")
    good = predicted(opened, some[:2])
    torch.testing.assert_close(found[2].logits, good[1].logits)


class SometimesNoNumber(nn.Module):
    """A network whose logits are not numbers for images with a black first pixel."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        logits = self.network(images)
        logits[images[:, 0, 0, 0] == images.amin()] = math.nan
        return logits


def test_image_whose_logits_are_not_numbers_has_no_prediction(opened, some, tmp_path):
    """Its class would be the first one. It has an error, and the others keep their predictions."""
    Image.new("RGB", (40, 40)).save(tmp_path / "black.png")
    classifier = opened.classifier
    trained = replace(classifier.trained, model=SometimesNoNumber(classifier.trained.model))
    faulty = replace(opened, classifier=replace(classifier, trained=trained))
    found = predicted(faulty, [some[0], tmp_path / "black.png"])
    assert [each.error for each in found] == ["", f"{tmp_path / 'black.png'}: {NO_NUMBER}"]
    assert (found[1].probabilities, found[1].predicted) == (None, ())
    assert found[0].predicted


def test_row_has_what_the_calibration_says(opened, some):
    """Whether the image is declined, and its prediction set, the most probable class first."""
    classifier = opened.classifier
    level = Abstention(temperatures=(2.0,), rule="conformal", level=0.3)
    calibrated = replace(classifier, trained=replace(classifier.trained, abstention=level))
    rule = calibrated.prediction_rule
    columns = Columns(opened.info.classes, False, declines=rule.declines, sets=rule.makes_sets)
    for each in predicted(replace(opened, classifier=calibrated), some):
        row = dict(zip(columns.types, columns.row(each), strict=True))
        ranked = each.probabilities.argsort(descending=True).tolist()
        inside = [place for place in ranked if each.probabilities[place] >= 0.3]
        assert row["prediction_set"] == [opened.info.classes[place] for place in inside]
        assert row["declined"] == (len(inside) != 1)
    assert not classifier.prediction_rule.makes_sets


@pytest.mark.skipif(sys.platform != "linux", reason="worker processes share memory in other ways")
def test_limit_of_file_sizes_is_named_with_the_options_of_the_command(opened, some):
    """Memory that worker processes share counts as a file; a larger /dev/shm would not help."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(cvkit.MachineError, match=r"ulimit -f.*--workers") as refused:
            predicted(opened, some, batch_size=1, workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "train.workers" not in str(refused.value)
    assert "/dev/shm" not in str(refused.value)


def test_folder_in_a_list_is_named_as_a_folder(opened, tmp_path):
    """Its permissions are not the problem."""
    (found,) = predicted(opened, [tmp_path])
    assert "is a folder" in found.error
    assert "permissions" not in found.error


def test_endless_list_of_files_is_predicted_as_it_comes(opened, some):
    """Only a part of the paths is taken from it, and no result is held."""
    taken = itertools.count()
    endless = ((next(taken) and path) or path for path in itertools.cycle(some))
    batches = predicted_batches(opened, endless, batch_size=1, workers=0)
    assert [next(batches)[0].path for _ in range(300)] == [*itertools.islice(itertools.cycle(some), 300)]
    assert next(taken) <= 600
    batches.close()


def test_python_yields_the_same_predictions(run, opened, some, tmp_path):
    """From a folder or a list, with the class names; an unreadable file has an error and no class."""
    model = cvkit.load(run)
    (tmp_path / "a.png").write_bytes(some[0].read_bytes())
    (tmp_path / "b.png").write_text("no image")
    good, bad = model.predict_files(tmp_path, top=2)
    expected = model.predict(some[0], top=2)
    assert (good.classes, good.probabilities) == (expected.classes, expected.probabilities)
    assert good.digest == predicted(opened, some[:1])[0].digest
    assert bad.classes == ()
    assert "b.png" in repr(bad)
    with pytest.raises(cvkit.DataError, match=r"b\.png"):
        _ = bad.label
    with pytest.raises(cvkit.DataError, match="nowhere"):
        model.predict_files("nowhere")
    assert len([*model.predict_files(iter(some))]) == len(some)
