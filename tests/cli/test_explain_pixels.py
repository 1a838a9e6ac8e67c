"""``cvkit explain`` with signed maps and with training images."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cvkit as cvkit_package
from cvkit.errors import DataError

EXPECTED = "{name: integrated_gradients, baseline: training, steps: 2}"


def test_signed_maps_have_a_legend_and_the_data_set_is_opened_once(cvkit, run_folder, rows, monkeypatch):
    """For the training images and the test images alike."""
    from cvkit.runs import run_data

    opened, open_run_data = [], run_data.open_run_data
    monkeypatch.setattr(run_data, "open_run_data", lambda *given: opened.append(1) or open_run_data(*given))
    answer = cvkit("explain", run_folder, "--method", f"grad_cam, {EXPECTED}", "--count", "2")
    assert answer.code == 0
    assert opened == [1]
    assert {row["method"] for row in rows()} == {"grad_cam", "integrated_gradients"}
    page = Path("explanations/run/explain.html").read_text()
    assert "Colours of integrated_gradients<" in page
    assert "against the class" in page


def test_page_without_signed_maps_has_no_legend(cvkit, run_folder):
    """It is as it was."""
    assert cvkit("explain", run_folder, "--method", "grad_cam", "--count", "1").code == 0
    assert "against the class" not in Path("explanations/run/explain.html").read_text()


def test_method_is_skipped_if_its_training_images_are_missing(cvkit, run_folder, images, rows, monkeypatch):
    """Files are explained by the others, and the reason says what to do."""

    def missing(*_):
        raise DataError("there is no folder 'photos'")

    monkeypatch.setattr("cvkit.runs.run_data.open_run_data", missing)
    answer = cvkit("explain", run_folder, images, "--method", f"grad_cam, {EXPECTED}")
    assert answer.code == 0
    assert "there is no folder 'photos'. Name the place of the run's data with --data" in answer.err
    assert {row["method"] for row in rows()} == {"grad_cam"}


def test_scores_say_that_the_positive_part_is_scored(cvkit, run_folder):
    """Below the figures, and on the page."""
    method = "{name: integrated_gradients, steps: 1}"
    answer = cvkit("explain", run_folder, "--method", method, "--count", "1", "--score")
    sentence = "Of the signed maps of integrated_gradients, only the positive values are scored."
    assert answer.code == 0
    assert sentence in answer.out
    assert sentence in Path("explanations/run/explain.html").read_text()


@pytest.fixture
def stripes(run_folder) -> str:
    """The method `concept` with pictures of stripes, in the folder that is worked in."""
    folder = Path("stripes")
    folder.mkdir()
    for number in range(6):
        pixels = np.full((40, 40, 3), 255, np.uint8)
        pixels[:, number % 4 :: 4] = 0
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return "{name: concept, folder: stripes, values: contribution}"


def test_note_of_a_method_is_printed_and_on_the_page(cvkit, run_folder, stripes, rows):
    """How well the separator of a concept tells it apart; another method has no note."""
    answer = cvkit("explain", run_folder, "--method", f"grad_cam, {stripes}", "--count", "2")
    assert answer.code == 0
    note = "concept 'stripes' at layer 'layer3': a linear separator distinguishes 6 pictures from 64 training images"
    assert f"concept: {note}" in answer.out
    page = Path("explanations/run/explain.html").read_text()
    assert html.escape(note).replace("&#x27;", "&#39;") in page
    assert {row["layer"] for row in rows() if row["method"] == "concept"} == {"layer3"}
    cvkit("explain", run_folder, "--method", "grad_cam", "--count", "2")
    assert "Notes on the methods" not in Path("explanations/run/explain.html").read_text()


def test_concept_is_explained_against_a_class(cvkit, run_folder, stripes, rows):
    """With its note, and the layers of the model are listed for it."""
    answer = cvkit("explain", run_folder, "--method", stripes, "--count", "1", "--against", "star")
    assert answer.code == 0
    assert "concept 'stripes'" in answer.out
    assert {row["against"] for row in rows()} == {"star"}
    assert "[explained]" in cvkit("explain", run_folder, "--method", stripes, "--layers").out


def test_concept_that_is_not_told_apart_is_warned_of(cvkit, run_folder, stripes):
    """Its pictures are images as those that the model was trained on."""
    shapes = trained_images(run_folder, 24)
    for number, image in enumerate(shapes):
        Image.fromarray(image).save(f"stripes/{number}.png")
    answer = cvkit("explain", run_folder, "--method", stripes, "--count", "1")
    assert answer.code == 0
    assert "warning: concept: concept 'stripes' cannot be distinguished from the training images" in answer.err
    assert "cannot be distinguished" in Path("explanations/run/explain.html").read_text()


def test_folder_of_a_concept_that_is_missing_ends_the_command(cvkit, run_folder):
    """If there is no other method; nothing is written."""
    answer = cvkit("explain", run_folder, "--method", "{name: concept, folder: nowhere}")
    assert answer.code == 2
    assert "nowhere', does not exist" in answer.err
    assert not Path("explanations").exists()


def trained_images(run_folder: Path, count: int) -> np.ndarray:
    """Some training images of the run, uint8 (count, H, W, 3)."""
    recipe = cvkit_package.load(run_folder).recipe
    images = recipe.dataset.build(run_folder).train.images[:count]
    return images.permute(0, 2, 3, 1).numpy()
