"""Explanations of images with sets of labels."""

from __future__ import annotations

import pytest
import torch
from PIL import Image
from torch import nn

from cvkit import DataInfo, discover, resolve
from cvkit.data.preprocessing import Preprocessor
from cvkit.diagnostics.label_errors import label_errors, worst
from cvkit.engine.multi_label import MultiLabelPredictions
from cvkit.engine.prediction_rule import prediction_rule_of
from cvkit.engine.trained_model import TrainedModel
from cvkit.explain.explainers import Explainers
from cvkit.explain.image_files import find_images
from cvkit.explain.image_source import FromFiles
from cvkit.explain.picture import Picture
from cvkit.explain.result_page import explanation_page
from cvkit.explain.result_writer import HEADER, ResultWriter
from cvkit.explain.targets import ExplainTargets
from cvkit.recipe import read_text


def test_predicted_and_missed_labels_are_explained():
    """Each once; the question may name others."""
    assert ExplainTargets().of([2, 5], (5, 1)) == [2, 5, 1]
    assert ExplainTargets().of([2], None) == [2]
    assert ExplainTargets((7,)).of([2, 5], (5, 1)) == [7]


def test_labels_are_decided_by_their_thresholds():
    """The most probable first; one class is the most probable one."""
    chances = torch.tensor([0.4, 0.9, 0.6])
    assert prediction_rule_of("multi_label").predicted(chances) == [1, 2]
    assert prediction_rule_of("multi_label", (0.3, 0.95, 0.7)).predicted(chances) == [0]
    assert prediction_rule_of("multi_label", (0.9, 0.95, 0.7)).predicted(chances) == []
    assert prediction_rule_of("single_label").predicted(chances) == [1]
    logits, targets = torch.tensor([[2.0, -2.0], [0.1, 0.2]]), torch.tensor([1, 1])
    assert prediction_rule_of("multi_label").includes(logits, targets).tolist() == [False, True]
    assert prediction_rule_of("single_label").includes(logits, targets).tolist() == [False, True]


def errors_with(maps, signed=()):
    """A gallery of the two false negatives of three images, with maps."""
    logits, labels = torch.tensor([[-2.0, -3.0], [-1.0, 2.0], [3.0, -4.0]]), torch.tensor([[1.0, 0], [0, 1], [1, 1]])
    found = MultiLabelPredictions(logits, labels, 0.5)
    rows, which = worst(found, "false negatives", 2)
    images = torch.zeros(len(rows), 3, 8, 8, dtype=torch.uint8)
    return label_errors(images, rows, which, found, ("cat", "dog"), maps, "false negatives", {}, signed)


def test_empty_maps_of_errors_are_named_and_explained():
    """On the card, and in the caption with the reason."""
    heats = torch.zeros(2, 8, 8)
    heats[1, 0, 0] = 1
    gallery = errors_with({"grad_cam": heats})
    assert [card.pictures[1][0] for card in gallery.cards] == ["grad_cam, empty", "grad_cam"]
    assert "A map of grad_cam is empty if no region raises the logit of the label" in gallery.caption
    assert "is empty" not in errors_with({"grad_cam": heats + 0.1}).caption


def test_signed_maps_of_errors_keep_what_speaks_against_a_label():
    """A map below 0 is not empty, and the legend has its colours."""
    against = -torch.ones(2, 8, 8)
    gallery = errors_with({"occlusion": against}, {"occlusion"})
    assert [card.pictures[1][0] for card in gallery.cards] == ["occlusion", "occlusion"]
    assert gallery.legends
    assert (
        gallery.cards[0].pictures[1][1]
        != errors_with({"occlusion": 0 * against}, {"occlusion"}).cards[0].pictures[1][1]
    )
    assert errors_with({"occlusion": against}).cards[0].pictures[1][0] == "occlusion, empty"


RECIPE = "{dataset: shapes, model: custom_resnet, optimizer: sgd, explainers: [{name: occlusion, patch: 4}]}"
NAMES = tuple("abcdefghijkl")


class Sure(nn.Module):
    """Eight of twelve labels, ``h`` the most probable and ``a`` the least; the others are not predicted."""

    def forward(self, images):
        logits = torch.tensor([*range(1, 9), -4.0, -3.0, -2.0, -1.0]).expand(len(images), -1)
        return logits + 0.01 * images.mean(dim=(1, 2, 3))[:, None]


@pytest.fixture
def writer(tmp_path):
    """Collects explanations of twelve labels of which eight are predicted, by occlusion."""
    info = DataInfo(3, 8, 8, NAMES, (0.5,) * 3, (0.25,) * 3, task="multi_label")
    cpu = torch.device("cpu")
    trained = TrainedModel(Sure().eval(), info, Preprocessor(info, [], cpu, False), cpu, 0)
    parts = resolve(read_text(RECIPE), discover()).explainers

    def make(*targets):
        return ResultWriter(Explainers(trained, parts, []), ExplainTargets(targets), tmp_path / "overlays")

    return make


def picture(labels, **more):
    """An image of noise with these true labels."""
    pixels = torch.randint(256, (3, 8, 8), dtype=torch.uint8)
    return Picture("a.png", pixels, pixels, labels, **more)


def test_maps_of_many_labels_are_bounded(writer):
    """The most probable of the predicted labels, the least probable of the missed ones, and what was left out."""
    sheet = writer()
    sheet.add([picture((0, 8, 9, 10, 11)), picture((7,)), picture(None)])
    rows = [row for row in sheet.rows if row[HEADER.index("file")] == "a.png"]
    targets = [row[HEADER.index("target")] for row in rows]
    assert targets == [*"hgfedijkl", *"hgfed", *"hgfed"]
    (note,) = [line for line in sheet.notes() if "labels have no map" in line]
    assert note.startswith("9 labels have no map, in 3 images")
    assert "--target" in note


def test_labels_that_are_asked_for_are_all_explained(writer):
    """However many, and then nothing is left out."""
    sheet = writer(*range(12))
    sheet.add([picture((0,))])
    assert len(sheet.rows) == 12
    assert not [line for line in sheet.notes() if "no map" in line]


def test_folder_says_one_of_the_labels_of_its_images(tmp_path):
    """And nothing about the others; of images with one class, it says the class."""
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "cat" / "a.png")
    files = find_images([tmp_path], ("cat", "dog"), tmp_path / "out")
    for task, partial in (("multi_label", True), ("single_label", False)):
        info = DataInfo(3, 8, 8, ("cat", "dog"), (0.5,) * 3, (0.25,) * 3, task=task)
        (((found,)),) = FromFiles("", files, lambda path, needed=None: Image.open(path), info)
        assert found.labels == (0,)
        assert found.partial == partial


def test_image_with_one_known_label_is_right_if_it_is_predicted(writer):
    """Other predicted labels are no error then; with the complete labels they are."""
    sheet = writer()
    sheet.add([picture((2,), partial=True), picture((2,)), picture((9,), partial=True), picture(tuple(range(8)))])
    assert (sheet.labelled, sheet.right) == (4, 2)
    lines = [card.lines[0] for card in sheet.cards]
    assert lines[0].startswith("contains: c ")
    assert lines[1].startswith("true: c ")
    source = FromFiles("files", [], None, sheet.explainers.trained.info)
    facts = explanation_page("title", "label", source, sheet, None, []).facts
    (right,) = [fact for fact in facts if fact.label == "Known label predicted"]
    assert "with a known label" in right.note
