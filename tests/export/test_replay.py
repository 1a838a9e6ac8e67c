"""Replays: which images changed, which of them were tied, and what is not a prediction at all."""

from __future__ import annotations

import pytest
import torch

from cvkit import DataInfo, RunError
from cvkit.data.preprocessing import Preprocessor
from cvkit.data.splits import TensorSplit
from cvkit.engine.trained_model import TrainedModel
from cvkit.explain.image_source import FromSplit
from cvkit.export.certificate import accuracy, changed_images
from cvkit.export.replay import replay

CPU = torch.device("cpu")


class Bright(torch.nn.Module):
    """Returns the mean of each channel as the logits of three classes."""

    def forward(self, images):
        return images.mean(dim=(2, 3))


def trained(task="single_label", thresholds=()) -> TrainedModel:
    info = DataInfo(3, 4, 4, ("red", "green", "blue"), (0.0,) * 3, (1.0,) * 3, task=task)
    return TrainedModel(Bright(), info, Preprocessor(info, (), CPU, False), CPU, 0, thresholds)


def source(colours, labels, form) -> FromSplit:
    images = torch.tensor(colours, dtype=torch.uint8).view(-1, 3, 1, 1).expand(-1, 3, 4, 4).contiguous()
    return FromSplit("images", TensorSplit(images, labels), range(len(colours)), form=form)


COLOURS = [(255, 0, 0), (0, 255, 0), (9, 8, 0), (8, 8, 8)]


def replayed(change, model=None, labels=None):
    model = model or trained()
    labels = torch.tensor([0, 1, 0, 2]) if labels is None else labels
    of = source(COLOURS, labels, model.info.labels)
    return replay(model, lambda images: change(model.logits(images)), of, (), lambda _: None)


def test_equal_logits_change_nothing():
    """And the accuracy is that of the model."""
    found = replayed(lambda logits: logits)
    assert found.changed() == []
    assert float(found.gaps.max()) == 0
    assert accuracy(found, found.classes_after) == 0.75
    assert found.batch_gaps == {1: 0, 2: 0, 7: 0}


def test_changed_image_is_named_with_its_classes():
    """In the names of the classes."""
    bonus = torch.tensor([0.0, 0.0, 0.5])
    found = replayed(lambda logits: logits + bonus)
    first = changed_images(found, trained().info)[0]
    assert (first.name, first.true, first.before, first.after) == ("test image 2", ("red",), ("red",), ("blue",))
    assert not first.tied
    assert accuracy(found, found.classes_after) == 0.75


def test_classes_of_equal_probability_are_tied():
    """Whichever of them is predicted is arbitrary, so it does not count."""
    found = replayed(lambda logits: logits + torch.tensor([0.0, 0.0, 1e-5]))
    assert found.changed() == [3]
    assert found.is_tied(3)


def test_labels_at_their_threshold_are_tied():
    """Another label that changes is not."""
    labels = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    model = trained("multi_label", (0.5, 0.5, 0.7))
    found = replayed(lambda logits: logits - torch.tensor([1e-5, 0.0, 0.0]), model, labels)
    assert found.changed() == [1]  # red was exactly at 0.5
    assert found.is_tied(1)
    found = replayed(lambda logits: logits + torch.tensor([0.0, 0.0, 2.0]), model, labels)
    assert found.changed() == [0, 1, 2, 3]
    assert not found.is_tied(0)


def test_results_that_are_not_numbers_count_as_changed():
    """Even if the class is the same, and they are never tied."""
    found = replayed(lambda logits: logits.where(torch.tensor([1.0, 1.0, 0.0]) > 0, torch.nan))
    assert found.changed() == [0, 1, 2, 3]
    assert not any(map(found.is_tied, range(4)))


def test_suspects_are_the_images_that_differ_most():
    """The layers are compared on these."""
    found = replayed(lambda logits: logits * torch.where(logits[:, 1:2] > 0.9, 3.0, 1.0))
    assert found.suspects[0, :, 0, 0].tolist() == [0, 255, 0]


def test_result_that_depends_on_the_batch_is_seen():
    """As of a graph that computes batch statistics."""
    found = replayed(lambda logits: logits if len(logits) != 2 else 2 * logits)
    assert found.batch_gaps[2] > 0.01
    assert found.batch_gaps[1] == found.batch_gaps[7] == 0


@pytest.mark.parametrize("made", [torch.zeros(4, 2), torch.zeros(4, 3, dtype=torch.int64), "text"])
def test_anything_but_logits_is_refused(made):
    """With what was returned and what was expected."""
    with pytest.raises(RunError, match=r"expected logits \(4, 3\)"):
        replayed(lambda logits: made)


def test_no_images_is_an_error():
    """A certificate of nothing would say that everything agrees."""
    of = source([(0, 0, 0)], torch.tensor([0]), trained().info.labels)
    empty = FromSplit("none", of.split, ())
    with pytest.raises(RunError, match="no images to compare"):
        replay(trained(), trained().logits, empty, (), lambda _: None)
