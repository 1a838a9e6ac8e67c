"""Evaluations: those of the run on its own images, to the bit, and the same measures on any others."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
import unrendered
from PIL import Image

import cvkit
from cvkit.engine.intervals import Share


@pytest.fixture(scope="module")
def model(run) -> cvkit.Model:
    """The model of the run."""
    return cvkit.load(run)


@pytest.mark.parametrize("of", ["run", "run_in_bf16"])
def test_own_images_have_exactly_the_figures_of_the_run(request, of):
    """Logits, loss and metrics are equal, not only close; so are the views of the recipe."""
    run = request.getfixturevalue(of)
    model = cvkit.load(run)
    found = model.evaluate()
    assert torch.equal(found.predictions.logits, run.predictions.logits)
    assert found.predictions.names == run.predictions.names
    assert (found.predictions.loss, found.predictions.half) == (run.predictions.loss, "test")
    last = run.records[-1]
    validation = model.evaluate(split="validation")
    assert (validation.predictions.loss, validation.predictions.score) == (last.loss, last.score)
    assert validation.metrics == last.metrics
    assert len(validation.metrics) == 2
    viewed = model.evaluate(split="validation", views=True).predictions
    assert viewed.score == last.score_of("tta")
    assert viewed.views == ("identity", "horizontal_flip")
    assert not torch.equal(viewed.logits, validation.predictions.logits)


def test_folder_of_classes_has_the_figures_of_the_same_images(run, model, tmp_path):
    """Copies of the test images, in folders with the names of the classes, are measured as the test split is."""
    test = run.recipe.dataset.build(Path("unused")).test
    for file, name in zip(test.files, test.names, strict=True):
        (tmp_path / Path(name).parent).mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / name)
    found = model.evaluate(tmp_path)
    places = [found.predictions.names.index(name) for name in test.names]
    assert torch.equal(found.predictions.labels[places], run.predictions.labels)
    torch.testing.assert_close(found.predictions.logits[places], run.predictions.logits)
    assert found.predictions.score == run.predictions.score
    assert found.predictions.half == "given"
    # The batches have other images, and the loss with class weights is a weighted mean over each.
    assert found.predictions.loss == pytest.approx(run.predictions.loss, rel=0.1)
    assert found.metrics["balanced_accuracy"] == pytest.approx(
        model.evaluate(split="test").metrics["balanced_accuracy"]
    )


def test_table_lists_files_and_classes(photo_folder, model, tmp_path):
    """Its paths are relative to it; the classes are matched by name, whatever their order."""
    rows = [("owl", 1), ("cat", 2), ("dog", 3)]
    lines = [f"{photo_folder / name / f'{index}.png'},{name}" for name, index in rows]
    (tmp_path / "list.csv").write_text("\n".join(["where,what", *lines]))
    with pytest.raises(cvkit.DataError, match="--column"):
        model.evaluate(tmp_path / "list.csv")
    found = model.evaluate(tmp_path / "list.csv", column="where", label_column="what")
    assert [model.classes[label] for label in found.predictions.labels.tolist()] == ["owl", "cat", "dog"]
    direct = model.predict([photo_folder / name / f"{index}.png" for name, index in rows])
    assert [model.classes[label] for label in found.predictions.predicted.tolist()] == [one.label for one in direct]


def test_unknown_classes_are_refused_or_left_out_by_name(photo_folder, model, tmp_path):
    """With the class that was probably meant; what was left out is a note, and so is a class without images."""
    for name, of in (("cat", "cat"), ("dgo", "dog"), ("Cat", "cat")):
        (tmp_path / name).mkdir()
        shutil.copy(photo_folder / of / "1.png", tmp_path / name)
    with pytest.raises(cvkit.DataError, match=r"Cat, dgo.*cat, dog, owl.*--ignore-unknown.*Did you mean 'dog'"):
        model.evaluate(tmp_path)
    found = model.evaluate(tmp_path, ignore_unknown=True)
    assert len(found.predictions.labels) == 1
    assert any("2 classes" in note and "Cat, dgo" in note for note in found.notes)
    assert any("dog, owl" in note for note in found.notes)
    shutil.rmtree(tmp_path / "cat")
    with pytest.raises(cvkit.DataError, match="contains no images of the classes"):
        model.evaluate(tmp_path, ignore_unknown=True)


def test_folder_of_splits_is_recognised(photo_folder, model, tmp_path):
    """The advice names the folder that contains the classes."""
    shutil.copytree(photo_folder, tmp_path / "val")
    with pytest.raises(cvkit.DataError, match=r"evaluate '.*val'"):
        model.evaluate(tmp_path)


def test_files_that_cannot_be_read_are_left_out_and_named(photo_folder, model, tmp_path):
    """Labels and names stay with their images; other files in the folders are notes."""
    (tmp_path / "owl").mkdir()
    for index, name in ((1, "a"), (2, "c")):
        shutil.copy(photo_folder / "owl" / f"{index}.png", tmp_path / "owl" / f"{name}.png")
    (tmp_path / "owl" / "b.png").write_text("no image")
    (tmp_path / "owl" / "notes.txt").touch()
    (tmp_path / "readme.txt").touch()
    found = model.evaluate(tmp_path)
    assert found.predictions.names == ("owl/a.png", "owl/c.png")
    assert len(found.digests) == 2
    assert "b.png" in found.unread[0]
    assert any("without the ending of an image" in note for note in found.notes)
    assert any("beside" in note for note in found.notes)
    assert found.images([1]).shape == (1, 3, 32, 32)
    for name in "ac":
        (tmp_path / "owl" / f"{name}.png").write_text("no image")
    with pytest.raises(cvkit.DataError, match="no image could be read"):
        model.evaluate(tmp_path)


def test_loss_that_needs_the_training_images_is_left_out_without_them(photo_folder, run, tmp_path, monkeypatch):
    """The class weights of the loss are counts of training images; everything else is measured."""
    shutil.copytree(run.folder, tmp_path / "run")
    other = tmp_path / "photos"
    shutil.copytree(photo_folder, other)
    hidden = photo_folder.with_name("hidden")
    photo_folder.rename(hidden)
    try:
        found = cvkit.load(tmp_path / "run").evaluate(other)
    finally:
        hidden.rename(photo_folder)
    assert math.isnan(found.predictions.loss)
    assert any("the loss was not computed" in note for note in found.notes)
    assert len(found.metrics) == 2


def test_split_that_is_missing_is_refused(tmp_path):
    """With those that exist."""
    recipe = {
        "dataset": {"name": "shapes", "train_size": 20, "test_size": 10},
        "model": {"name": "custom_resnet", "width": 2},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "train": {"epochs": 1, "batch_size": 10, "device": "cpu"},
        "report": {"misclassified": 0},
    }
    with unrendered.figures():
        run = cvkit.train(recipe, output=tmp_path, progress=False)
    model = cvkit.load(run)
    with pytest.raises(cvkit.DataError, match="no validation images; it has train, test"):
        model.evaluate(split="validation")
    with pytest.raises(cvkit.RunError, match="no views"):
        model.evaluate(views=True)
    assert torch.equal(model.evaluate().predictions.logits, run.predictions.logits)
    assert len(model.evaluate(split="train").predictions.labels) == 20


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> cvkit.TrainedRun:
    """A run on images with sets of labels, whose thresholds were chosen."""
    recipe = {
        "dataset": {"name": "several_shapes", "train_size": 48, "test_size": 16, "validation_size": 16},
        "model": {"name": "custom_resnet", "width": 2},
        "loss": "bce",
        "optimizer": {"name": "sgd", "lr": 0.05},
        "metrics": ["f1"],
        "evaluation": {"thresholds": "validation"},
        "report": {"misclassified": 4, "augmented": 0},
        "train": {"epochs": 1, "batch_size": 16, "device": "cpu"},
    }
    with unrendered.figures():
        return cvkit.train(recipe, output=tmp_path_factory.mktemp("sets"), progress=False)


def test_sets_of_labels_are_evaluated_at_their_thresholds(sets, tmp_path):
    """From the run's own images, from a table, and from folders in which an image has its labels by equal bytes."""
    model = cvkit.load(sets)
    found = model.evaluate()
    assert torch.equal(found.predictions.logits, sets.predictions.logits)
    assert found.predictions.thresholds == sets.predictions.thresholds
    assert (found.predictions.score, found.predictions.loss) == (sets.predictions.score, sets.predictions.loss)
    test = sets.recipe.dataset.build(Path("unused")).test
    lines, folder = ["file,labels"], tmp_path / "folder"
    for number, (image, labels) in enumerate(zip(test.images, test.labels, strict=True)):
        path = tmp_path / f"{number:02}.png"
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
        names = [model.classes[label] for label in labels.nonzero().flatten().tolist()]
        lines.append(f"{path.name},{'|'.join(names)}")
        for name in names:
            (folder / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / name)
        if not names:
            shutil.copy(path, folder)
    (tmp_path / "list.csv").write_text("\n".join(lines))
    of_table = model.evaluate(tmp_path / "list.csv").predictions
    assert torch.equal(of_table.labels, sets.predictions.labels)
    assert torch.equal(of_table.predicted, sets.predictions.predicted)
    of_folder = model.evaluate(folder).predictions
    assert sorted(map(tuple, of_folder.labels.tolist())) == sorted(map(tuple, sets.predictions.labels.tolist()))
    assert of_folder.score == pytest.approx(sets.predictions.score)


@pytest.mark.parametrize(
    ("temperatures", "biases"), [((2.0,), ()), ((2.0, 1.0, 0.5), (1.0, 0.0, -1.0))], ids=["one", "per class"]
)
def test_calibrated_model_is_measured_as_it_predicts(run, photo_folder, tmp_path, temperatures, biases):
    """Classes, probabilities and declined images are those of predict; the loss is that of the logits before it."""
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy)
    plain = cvkit.load(copy).evaluate()
    cvkit.load(copy).calibrate()
    highest = cvkit.Abstention(temperatures, biases).calibrated(plain.predictions.logits).amax(dim=1)
    chosen = cvkit.Abstention(temperatures, biases, level=float(highest.median()) + 1e-6)
    written = copy / "calibration.json"
    written.write_text(json.dumps(json.loads(written.read_text()) | chosen.to_json()))
    found = (model := cvkit.load(copy)).evaluate()
    predicted = model.predict([photo_folder / name for name in found.predictions.names])
    confidences = torch.tensor([one.probability for one in predicted])
    torch.testing.assert_close(found.predictions.probabilities.amax(dim=1), confidences)
    assert not torch.allclose(found.predictions.probabilities, plain.predictions.probabilities)
    classes = [model.classes[label] for label in found.predictions.predicted.tolist()]
    assert classes == [one.label for one in predicted]
    kept = [not one.declined for one in predicted]
    assert found.kept.coverage == Share(sum(kept), len(kept))
    assert 0 < sum(kept) < len(kept)
    right = found.predictions.correct[torch.tensor(kept)]
    assert (found.kept.accuracy.hits, found.kept.accuracy.of) == (int(right.sum()), sum(kept))
    assert found.predictions.loss == plain.predictions.loss
    assert plain.kept is None
    assert any("after the calibration" in note for note in found.notes)
    assert not any("after the calibration" in note for note in plain.notes)


def test_evaluation_is_shown_in_one_line(model):
    """In a notebook, without the digest of every image."""
    found = model.evaluate()
    assert repr(found).startswith(f"Evaluation(11 images, accuracy {found.predictions.score:.4f}, balanced_accuracy ")
