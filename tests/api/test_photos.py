"""Photos of any size: evaluation, prediction and explanation give the model the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cvkit
from cvkit.data.resizing import frame, framed
from cvkit.explain.image_io import reader_of
from cvkit.explain.picture import fit_file

SIZES = [(40, 70), (90, 133), (64, 64), (120, 147), (203, 160)]


@pytest.fixture
def photos(tmp_path) -> Path:
    """Two classes of photos of all shapes, some grey, some transparent, some turned by EXIF."""
    draws = np.random.default_rng(0)
    for half in ("train", "val", "test"):
        for name in ("a", "b"):
            (tmp_path / "photos" / half / name).mkdir(parents=True)
            for number, (height, width) in enumerate(SIZES):
                image = Image.fromarray(draws.integers(0, 256, (height, width, 3), dtype=np.uint8))
                exif = Image.Exif()
                exif[0x0112] = 6 if number == 1 else 1
                image = image.convert({2: "L", 3: "RGBA"}.get(number, "RGB"))
                ending = "png" if number in (0, 3) else "jpg"
                image.save(tmp_path / "photos" / half / name / f"{number}.{ending}", exif=exif)
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("framing", "decode"),
    [("crop", "full"), ("pad", "full"), ("squash", "full"), ("crop", "draft"), ("pad", "draft")],
)
def test_evaluation_prediction_and_explanation_see_the_same_pixels(
    photos, tmp_path, framing, decode, unrendered, one_thread
):
    """Bit for bit; probabilities as close as batches of other sizes allow."""
    recipe = {
        "dataset": {"name": "image_folder", "path": str(photos), "size": 32, "framing": framing, "decode": decode},
        "model": {"name": "custom_resnet", "width": 2},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "train": {"epochs": 1, "batch_size": 4, "workers": 0},
        "report": {"misclassified": 0, "augmented": 0},
    }
    run = cvkit.train(recipe, output=tmp_path, progress=False)
    assert run.predictions.names is not None
    files = [photos / name for name in run.predictions.names]
    found = cvkit.load(run).predict(files, top=2)
    expected = run.predictions.probabilities.max(dim=1).values
    torch.testing.assert_close(torch.tensor([each.probability for each in found]), expected)
    info = cvkit.RunFolder(run.folder).data_info()
    assert info is not None
    evaluated = framed(run.recipe.dataset.build(tmp_path).test, info)
    read = reader_of(run.recipe, 3)
    for index, file in enumerate(files):
        assert torch.equal(fit_file(file, read, info).fitted, evaluated[index][0])
    whole = [frame(cvkit.read_image(file, 3), info) for file in files]
    reduced = [not torch.equal(evaluated[index][0], one) for index, one in enumerate(whole)]
    assert any(reduced) == (decode == "draft")
