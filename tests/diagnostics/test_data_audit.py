"""The section of a run's report about faults of the data, on photos whose faults are known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from photos import photo
from PIL import Image
from small import run_of
from torch import Tensor

import cvkit
from cvkit import MultiLabelPredictions, Predictions, TensorSplit, Trainer
from cvkit.diagnostics.data_audit import data_audit
from cvkit.diagnostics.label_doubts import doubtful_labels
from cvkit.diagnostics.set_doubts import doubtful_sets

SETS = """\
name: sets
dataset: {name: image_table, path: tags.csv, labels_separator: "|", size: 32}
model: {name: custom_resnet, width: 2, logit_scale: 4}
loss: bce
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 1, batch_size: 8, workers: 0}
"""


def save(path: Path, image: Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two classes of 12 training, 4 validation and 4 test photos of 64x48 pixels; one of each fault."""
    seed = 0
    for half, count in (("train", 12), ("val", 4), ("test", 4)):
        for name in ("cat", "dog"):
            for number in range(count):
                seed += 1
                save(tmp_path / "photos" / half / name / f"{number}.png", photo(seed, 64)[:, 8:56])
    copied = photo(1, 64)[:, 8:56]  # train/cat/0.png
    save(tmp_path / "photos" / "test" / "cat" / "mirrored.png", copied.flip(2))
    save(tmp_path / "photos" / "train" / "dog" / "copied.png", copied)
    return tmp_path / "photos"


@pytest.fixture
def reported(folder, tmp_path, one_thread, unrendered):
    """Train one epoch, and return the text of the report and the run folder."""

    def run(**report: int) -> tuple[str, Path]:
        recipe = {
            "name": "faults",
            "dataset": {"name": "image_folder", "path": str(folder), "size": 32},
            "model": {"name": "custom_resnet", "width": 2},
            "optimizer": {"name": "sgd", "lr": 0.01},
            "train": {"epochs": 1, "batch_size": 5, "workers": 0},
            "report": {"misclassified": 0, "augmented": 0, **report},
        }
        result = cvkit.train(recipe, output=tmp_path / "runs", progress=False)
        return result.report.path.read_text().replace("\u00a0", " "), result.folder

    return run


def test_report_of_photos_shows_their_faults(reported):
    """Findings, sizes before framing, pictures of pairs; and what the trained network adds."""
    page, run = reported()
    assert "Duplicates with different labels: 2 pairs, 1 with equal pixels." in page
    assert "Duplicates across splits: 1 of 9 test images (11.1 %) are also among the training images" in page
    assert "Classes with fewer than 20 training images: cat, dog." in page
    faults = page.split("<h2>Faults of the data")[1].replace("which also writes duplicates.csv and damaged.csv", "")
    assert "duplicates.csv (from cvkit audit RECIPE)" in faults
    for name in re.findall(r"\w+\.csv(?! \(from cvkit audit RECIPE\))", faults):
        assert [*run.rglob(name)], name
    splits = (run / "figures" / "splits.csv").read_text()
    assert "64 x 48" in splits
    for name in ("conflicts", "across", "within"):
        assert len([*(run / "figures" / name).glob("*.png")]) >= 2
    similar = [*(run / "figures" / "similar").glob("*test*.png")]
    assert len(similar) == 8  # the mirrored photo is a duplicate by its pixels
    assert "test/cat/mirrored.png" in page


def test_large_data_sets_are_not_read_again(reported):
    """The report names the command that does it."""
    page, run = reported(audit=41)
    assert "more than 41 images (42; report.audit). To check all of them: cvkit audit RECIPE" in page
    assert not (run / "figures" / "splits.csv").exists()


def test_audit_can_be_left_out(reported):
    """With 0 the section is missing."""
    page, _ = reported(audit=0)
    assert "Faults of the data" not in page


def test_doubtful_labels_are_shown_with_both_classes():
    """The image whose label is contradicted with the usual confidence; the most doubtful comes first."""
    chances = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.99, 0.01], [0.95, 0.05]])
    labels = torch.tensor([0, 0, 1, 1, 1])
    split = TensorSplit(torch.stack([photo(seed) for seed in range(5)]), labels)
    gallery = doubtful_labels(split, Predictions(chances.log(), labels, 0.5, "validation"), ("cat", "dog"))
    assert [card.lines for card in gallery.cards] == [
        ("label: dog 1 %", "predicted: cat 99 %", "validation image 3"),
        ("label: dog 5 %", "predicted: cat 95 %", "validation image 4"),
    ]
    assert gallery.caption.startswith("2 of 5 validation images; 2 are shown")


def test_doubtful_labels_are_those_with_the_lowest_probability():
    """One image is predicted with the usual confidence, so one is shown: that whose label is the least probable."""
    chances = torch.tensor([[0.8, 0.1, 0.1], [0.5, 0.45, 0.05], [0.9, 0.0, 0.1]])
    labels = torch.tensor([0, 2, 2])
    split = TensorSplit(torch.stack([photo(seed) for seed in range(3)]), labels)
    of = Predictions(chances.log().clamp(min=-50), labels, 0.5, "validation")
    (card,) = doubtful_labels(split, of, ("cat", "dog", "owl")).cards
    assert card.lines[2] == "validation image 1"
    assert card.values["doubt"] == pytest.approx(0.95)


def test_doubtful_labels_of_sets_are_shown_one_by_one():
    """A label that may be missing and one that may be wrong, each with all labels of the image."""
    chances = torch.tensor([[0.9, 0.2], [0.8, 0.1], [0.95, 0.9], [0.1, 0.8], [0.03, 0.7]])
    labels = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    split = TensorSplit(torch.stack([photo(seed) for seed in range(5)]), labels)
    of = MultiLabelPredictions(chances.logit(), labels, 0.5, "validation")
    gallery = doubtful_sets(split, of, ("cat", "dog"))
    assert [card.lines for card in gallery.cards] == [
        ("cat: may be wrong, probability 3.0 %", "labels: cat, dog", "validation image 4"),
        ("cat: may be missing, probability 95.0 %", "labels: dog", "validation image 2"),
    ]
    assert [card.values["doubt"] for card in gallery.cards] == pytest.approx([0.97, 0.95])
    assert gallery.caption.startswith(
        "2 labels of 5 validation images: 1 that may be missing, and 1 that may be wrong"
    )


def test_doubtful_labels_of_sets_are_in_the_section(folder):
    """As those of classes are, if the images are files: of the test and of the validation images."""
    rows = [
        f"{path.relative_to(folder).as_posix()},{path.parent.name},{path.parts[-3]}"
        for path in sorted(folder.rglob("*.png"))
    ]
    (folder / "tags.csv").write_text("\n".join(["file,labels,split", *rows]))
    trainer = Trainer(run_of(cvkit.discover(), f"dataset.path={folder / 'tags.csv'}", text=SETS))
    for _ in trainer.fit():
        pass
    names = [artifact.name for artifact in data_audit(trainer, trainer.final_predictions()).artifacts]
    assert {"doubts-test", "doubts-validation"} <= set(names)
