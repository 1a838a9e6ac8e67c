"""A run whose recipe explains a concept: its folder, its report, and what a notebook gets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small
from PIL import Image

import cvkit

CONCEPT = "explainers: [{name: concept, folder: stripes}]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a recipe and pictures of stripes beside it."""
    place = tmp_path_factory.mktemp("recipes")
    (place / "recipe.yaml").write_text(small.RECIPE.replace("explainers: [grad_cam]", CONCEPT))
    (place / "stripes").mkdir()
    for number in range(5):
        pixels = np.full((32, 32, 3), 255, np.uint8)
        pixels[number % 4 :: 4] = 0
        Image.fromarray(pixels).save(place / "stripes" / f"{number}.png")
    return place


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory, unrendered) -> cvkit.TrainedRun:
    """A run of the recipe, from another folder."""
    output = tmp_path_factory.mktemp("runs")
    less = {"train.epochs": 1, "dataset.test_size": 10, "report.misclassified": 1, "report.augmented": 0}
    return cvkit.train(folder / "recipe.yaml", set=less, output=output, progress=False)


def test_report_has_the_maps_and_the_note(run):
    """Pictures are found beside the recipe, and the note says how well the concept is distinguished."""
    page = (run.folder / "report.html").read_text()
    assert "Notes on the methods" in page
    assert "a linear separator distinguishes 5 pictures from 64 training images" in page
    assert "Colours of concept" in page


def test_explanation_has_the_note(run):
    """For a notebook too; the recipe of the run finds the folder again."""
    found = cvkit.load(run).explain(run.recipe.dataset.build(run.folder).test.images[0])
    assert found.method == "concept"
    assert found.signed
    assert "distinguishes 5 pictures" in found.notes[0]
    assert "distinguishes 5 pictures" in found._repr_html_()


def test_folder_that_is_missing_is_refused_before_the_run(folder, tmp_path):
    """Nothing is trained and no run folder is written."""
    with pytest.raises(cvkit.CvkitError, match="nowhere', does not exist") as caught:
        cvkit.train(
            folder / "recipe.yaml",
            set={"explainers": [{"name": "concept", "folder": "nowhere"}]},
            output=tmp_path,
            progress=False,
        )
    assert caught.value.exit_code == 2
    assert not list(tmp_path.iterdir())
