"""A run loaded from Python: what it predicts and explains, for every kind of image."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import small
import torch
from PIL import Image

import cvkit


@pytest.fixture(scope="module")
def run(tmp_path_factory, unrendered) -> cvkit.TrainedRun:
    """A run of the small recipe."""
    return cvkit.train(small.RECIPE, set={"train.epochs": 1}, output=tmp_path_factory.mktemp("runs"), progress=False)


@pytest.fixture(scope="module")
def model(run) -> cvkit.Model:
    """Its model."""
    return cvkit.load(run)


@pytest.fixture(scope="module")
def images(run) -> torch.Tensor:
    """The images of its test split, uint8 (30, 3, 32, 32)."""
    return run.recipe.dataset.build(run.folder).test.images


def test_predictions_are_those_of_the_run(model, run, images):
    """Of the test images, to the bit."""
    found = model.predict(list(images))
    assert [each.label for each in found] == [model.classes[index] for index in run.predictions.predicted.tolist()]
    expected = run.predictions.probabilities.max(dim=1).values
    torch.testing.assert_close(torch.tensor([each.probability for each in found]), expected)


def test_load_needs_the_folder_alone(run, tmp_path):
    """As a path, wherever it was copied to."""
    copied = tmp_path / "elsewhere"
    shutil.copytree(run.folder, copied)
    assert cvkit.load(str(copied)).classes == cvkit.load(run).classes


def test_image_is_a_path_a_picture_a_tensor_or_an_array(model, images, tmp_path):
    """All give the same prediction."""
    array = images[0].permute(1, 2, 0).numpy()
    Image.fromarray(array).save(tmp_path / "a.png")
    forms = [images[0], array, Image.fromarray(array), tmp_path / "a.png", str(tmp_path / "a.png")]
    found = model.predict(forms, top=3)
    assert len({each.classes for each in found}) == 1
    assert len({each.probabilities for each in found}) == 1
    assert model.predict(images[0], top=3).classes == found[0].classes


def test_image_of_another_size_and_mode_is_brought_to_the_models(model):
    """Grey, with transparency, larger and not square."""
    forms = [Image.new("L", (50, 40)), Image.new("RGBA", (33, 70)), np.zeros((64, 48, 3), np.uint8)]
    assert len(model.predict(forms)) == 3


def test_top_is_cut_to_the_number_of_classes(model, images):
    """The most probable first, and they sum to one."""
    found = model.predict(images[0], top=1000)
    assert len(found.classes) == 10
    assert sorted(found.probabilities, reverse=True) == list(found.probabilities)
    assert sum(found.probabilities) == pytest.approx(1)


WRONG = {
    "float": (torch.zeros(3, 32, 32), TypeError, "float32"),
    "batch": (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), ValueError, "(2, 3, 32, 32)"),
    "grey tensor": (torch.zeros(1, 32, 32, dtype=torch.uint8), ValueError, "(1, 32, 32)"),
    "number": (7, TypeError, "int"),
    "no file": ("nowhere.jpg", cvkit.DataError, "nowhere.jpg"),
}


@pytest.mark.parametrize(("image", "error", "named"), WRONG.values(), ids=WRONG)
def test_what_is_no_image_is_refused(model, image, error, named):
    """With what it is."""
    with pytest.raises(error, match=re.escape(named)):
        model.predict(image)


def test_explanation_has_heat_and_overlay(model, images):
    """For the predicted class by default; a notebook shows it."""
    found = model.explain(images[0])
    assert (found.method, found.target) == ("grad_cam", model.predict(images[0]).label)
    assert found.heat.shape == (32, 32)
    assert found.overlay.size == (32, 32)
    assert "data:image/png;base64," in found._repr_html_()


def test_explanation_by_another_method_for_another_class(model, images):
    """By the class's name or its index."""
    by_name = model.explain(images[0], method="eigen_cam", target=model.classes[3])
    assert (by_name.method, by_name.target) == ("eigen_cam", model.classes[3])
    assert torch.equal(model.explain(images[0], method="eigen_cam", target=3).heat, by_name.heat)


def test_unknown_class_and_method_are_refused(model, images):
    """With what was perhaps meant."""
    with pytest.raises(cvkit.DataError, match=model.classes[0]):
        model.explain(images[0], target=model.classes[0] + "x")
    with pytest.raises(cvkit.RecipeError, match="grad_cam"):
        model.explain(images[0], method="grad_camm")


def test_folder_that_is_no_run_is_refused(tmp_path):
    """As by every command."""
    with pytest.raises(cvkit.FolderError):
        cvkit.load(tmp_path)


def test_class_explained_against_itself_is_refused(model, images):
    """Its map would be zero everywhere."""
    predicted = model.predict(images[0]).label
    with pytest.raises(ValueError, match=predicted):
        model.explain(images[0], against=predicted)


def test_array_is_taken_whatever_its_strides_and_flags(model, images):
    """Reversed channels, a read-only array and an index of NumPy's."""
    array = images[0].permute(1, 2, 0).numpy()
    reverse = np.ascontiguousarray(array[..., ::-1])
    assert model.predict(array[..., ::-1]).probability == model.predict(reverse).probability
    array.flags.writeable = False
    assert model.predict(array).label == model.predict(images[0]).label
    assert model.class_index(np.int64(3)) == 3


@pytest.mark.parametrize("shape", [(32,), (2, 32, 32, 3)])
def test_array_of_another_rank_is_refused(model, shape):
    """With its shape."""
    with pytest.raises(ValueError, match=re.escape(str(shape))):
        model.predict(np.zeros(shape, np.uint8))
