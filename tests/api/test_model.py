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
    "channels first": (
        np.zeros((3, 20, 30), np.uint8),
        ValueError,
        "shape (3, 20, 30); expected an array (H, W, 3)",
    ),
    "array of batch": (np.zeros((2, 8, 8, 3), np.uint8), ValueError, "list(batch)"),
    "no pixels": (np.zeros((0, 10, 3), np.uint8), ValueError, "image 1 has no pixels"),
    "unknown range": (Image.new("F", (8, 8)), ValueError, "image 1: its pixels"),
    "number": (7, TypeError, "int"),
    "bytes": (b"a.png", TypeError, "image 1 is of type bytes"),
    "no file": ("nowhere.jpg", cvkit.DataError, "nowhere.jpg: there is no such file"),
    "folder": (".", cvkit.DataError, "model.predict_files('.')"),
}


@pytest.mark.parametrize(("image", "error", "named"), WRONG.values(), ids=WRONG)
def test_what_is_no_image_is_refused(model, image, error, named):
    """With what it is."""
    with pytest.raises(error, match=re.escape(named)):
        model.predict(image)


@pytest.mark.parametrize("channels", [(), (1,), (4,)])
def test_array_with_other_channels_is_converted_like_a_picture(model, channels):
    """Grey arrays and arrays with transparency, as PIL images of these modes are."""
    array = np.random.default_rng(0).integers(0, 256, (40, 50, *channels), dtype=np.uint8)
    picture = Image.fromarray(array.squeeze(2) if channels == (1,) else array)
    assert model.predict(array).probability == model.predict(picture).probability


def test_several_images_may_be_any_iterable(model, images, tmp_path):
    """For example, the paths that `Path.glob` yields."""
    for name in ("a.png", "b.png"):
        Image.fromarray(images[0].permute(1, 2, 0).numpy()).save(tmp_path / name)
    found = model.predict(tmp_path.glob("*.png"))
    assert sorted(each.name for each in found) == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]


@pytest.mark.parametrize("top", [0, -1, "3", 2.5, None])
def test_top_that_is_no_positive_integer_is_refused(model, images, top):
    """With the value."""
    with pytest.raises(ValueError, match=f"top must be an integer of at least 1, got {top!r}"):
        model.predict(images[0], top=top)


def test_prediction_is_short_and_a_notebook_shows_it(model, images):
    """Percent, not sixteen digits."""
    found = model.predict(images[0], top=2)
    assert repr(found) == f"Prediction('image 1': {found.classes[0]} {100 * found.probability:.1f} %, " + (
        f"{found.classes[1]} {100 * found.probabilities[1]:.1f} %)"
    )
    assert found._repr_html_() == model.predict([images[0]], top=2)._repr_html_()


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


def test_signed_explanation_has_both_signs_and_a_legend(model, images):
    """Orange for the class and blue against it."""
    found = model.explain(images[0], method={"name": "integrated_gradients", "steps": 2})
    assert found.signed
    assert found.heat.abs().max() == 1
    assert found.heat.min() < 0 < found.heat.max()
    assert "against the class" in found._repr_html_()
    assert "against the class" not in model.explain(images[0])._repr_html_()


EXPECTED = {"name": "integrated_gradients", "baseline": "training", "steps": 2}


def test_explanation_may_use_training_images(model, images):
    """From where the run read them."""
    maps = [model.explain(images[0], method=EXPECTED).heat for _ in range(2)]
    assert torch.equal(*maps)
    assert not torch.equal(maps[0], model.explain(images[0], method=EXPECTED | {"baseline": "mean"}).heat)


def test_missing_training_images_are_named_with_what_to_do(run, tmp_path, images, monkeypatch):
    """Any other method works without them."""
    model = cvkit.load(run, data=tmp_path)

    def missing(*_):
        raise cvkit.DataError("the data was not found")

    monkeypatch.setattr("cvkit.runs.run_data.open_run_data", missing)
    with pytest.raises(cvkit.RunError, match=r"the data was not found\. .*cvkit.load\(run, data=...\)"):
        model.explain(images[0], method=EXPECTED)
    assert model.explain(images[0]).method == "grad_cam"


def test_unknown_class_and_method_are_refused(model, images):
    """With what was perhaps meant."""
    with pytest.raises(cvkit.DataError, match=model.classes[0]):
        model.explain(images[0], target=model.classes[0] + "x")
    with pytest.raises(cvkit.DataError, match="numbered from 0: circle"):
        model.explain(images[0], target=99)
    with pytest.raises(cvkit.RecipeError, match=r"^method: unknown explainer 'grad_camm'\. Did you mean 'grad_cam'"):
        model.explain(images[0], method="grad_camm")


@pytest.mark.parametrize("method", ["", "grad_cam]", "grad_cam, layer_cam", ["grad_cam"], 3])
def test_method_that_is_not_one_explainer_is_refused(model, images, method):
    """Under the name of the argument; two methods are not silently one."""
    with pytest.raises(cvkit.RecipeError, match=r"^method: "):
        model.explain(images[0], method=method)


def test_method_may_have_options(model, images):
    """As a mapping; a wrong one is reported."""
    assert model.explain(images[0], method={"name": "score_cam", "chunk": 8}).method == "score_cam"
    with pytest.raises(cvkit.RecipeError, match=r"^method: unknown option 'chnk'"):
        model.explain(images[0], method={"name": "score_cam", "chnk": 8})


def test_error_of_a_method_names_no_option_of_the_command_line(model, images):
    """What cannot be done, and what can."""
    with pytest.raises(cvkit.RunError, match="cannot explain a class against another class") as caught:
        model.explain(images[0], method={"name": "smoothed"}, target=1, against=0)
    assert "--" not in str(caught.value)


def test_folder_that_is_no_run_is_refused(tmp_path):
    """As by every command; a folder that does not exist is not said to lack a file."""
    with pytest.raises(cvkit.FolderError, match=r"contains no recipe\.yaml"):
        cvkit.load(tmp_path)
    with pytest.raises(cvkit.FolderError, match="there is no folder"):
        cvkit.load(tmp_path / "none")


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


@pytest.mark.parametrize("output", [".", "figures", "../link"])
def test_export_into_the_run_folder_is_refused(model, run, output, tmp_path):
    """A run folder stays as it is, as on the command line; also through a link."""
    (tmp_path / "link").symlink_to(run.folder)
    place = tmp_path / "link" if output.endswith("link") else run.folder / output
    before = sorted(run.folder.rglob("*"))
    with pytest.raises(cvkit.FolderError, match="is inside"):
        model.export("safetensors", output=place)
    assert sorted(run.folder.rglob("*")) == before
