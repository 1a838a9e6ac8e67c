"""Names of files and the account of a data set reach those who print them."""

from __future__ import annotations

from PIL import Image

from cvkit.data.resizing import framed_halves
from cvkit.engine.building import open_dataset
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve


def test_names_and_account_pass_the_checks_and_the_framing(tmp_path):
    """A table of misclassified images can name the file instead of an index; shapes have none."""
    for kind in "ab":
        (tmp_path / "n" / kind).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (20 + number, 9)).save(tmp_path / "n" / kind / f"{number}.png")
    dataset = "{name: image_folder, path: n, size: 8, validation: 4}"
    text = "model: custom_resnet\noptimizer: sgd\ndataset: "
    splits = framed_halves(open_dataset(resolve(read_text(text + dataset), discover()), tmp_path))
    assert {*splits.train.names, *splits.validation.names} == {f"{kind}/{n}.png" for kind in "ab" for n in range(6)}
    assert splits.validation[0][0].shape == (3, 8, 8)
    assert splits.account.counts == {"train": {"a": 4, "b": 4}, "validation": {"a": 2, "b": 2}}
