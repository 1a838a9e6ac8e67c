"""Replays: which images changed, which of them were tied, and what is not a prediction at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cvkit import Abstention, DataInfo, FileOutputs, RunError
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


def declining(level: float) -> TrainedModel:
    """A model that declines images whose highest calibrated probability is below `level`."""
    return replace(trained(), abstention=Abstention((0.5,), level=level))


def replayed_outputs(change, model):
    """Replay with a file that computes probabilities and what it declines."""

    def outputs(images):
        logits = model.logits(images)
        chances = model.prediction_rule.probabilities(logits)
        return change(FileOutputs(logits, chances, model.prediction_rule.declined(chances)))

    of = source(COLOURS, torch.tensor([0, 1, 0, 2]), model.info.labels)
    return replay(model, model.logits, of, (), lambda _: None, outputs)


def test_probabilities_of_the_file_are_compared_and_not_only_its_logits():
    """A file with the right logits and other probabilities is not the model."""
    swapped = replayed_outputs(lambda found: found._replace(probabilities=found.probabilities.flip(1)), trained())
    assert swapped.changed() == [0, 2]
    assert float(swapped.gaps.max()) > 0.1


def test_declined_images_are_compared():
    """A declined image that the file keeps is a change with a name, unless its probability is at the level."""
    model = declining(0.5)
    assert replayed_outputs(lambda found: found, model).changed() == []
    kept = replayed_outputs(lambda found: found._replace(declined=found.declined & False), model)
    assert kept.changed() == [2, 3]
    assert not kept.is_tied(3)
    (first, _) = changed_images(kept, model.info)
    assert (first.before, first.after) == (("red", "declined"), ("red",))
    level = float(kept.before[3].max()) + 1e-6
    near = replayed_outputs(lambda found: found._replace(declined=found.declined & False), declining(level))
    assert near.is_tied(3)


def test_file_with_logits_alone_is_compared_without_the_calibration():
    """Its users get no calibration, so the comparison does not apply one."""
    found = replayed(lambda logits: logits, declining(0.9))
    assert not found.rule.calibrates
    assert not found.declined_before.any()
    torch.testing.assert_close(found.before, trained().logits(source_images()).softmax(dim=1))


def source_images():
    return torch.tensor(COLOURS, dtype=torch.uint8).view(-1, 3, 1, 1).expand(-1, 3, 4, 4)


@pytest.mark.parametrize("wrong", [{"probabilities": torch.zeros(4, 2)}, {"declined": torch.zeros(4)}])
def test_outputs_of_other_shapes_are_refused(wrong):
    """With what was expected."""
    with pytest.raises(RunError, match=r"expected (probabilities \(4, 3\)|torch.bool \(4,\))"):
        replayed_outputs(lambda found: found._replace(**wrong), declining(0.5))
