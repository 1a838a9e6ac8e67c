"""Training images with soft labels: what the loss compares with, from memory, streamed, mixed and in trials."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import pytest
import torch
from torch.nn.functional import cross_entropy

from cvkit import ComponentError, ComponentFailure, RecipeError, trainer

PARTS = """
from dataclasses import dataclass, replace
import torch
from cvkit import Component, Splits, hookimpl
from cvkit_datasets.shapes import shapes

@dataclass
class Streamed:
    split: object
    soft_labels: object
    def __len__(self):
        return len(self.split)
    def __getitem__(self, index):
        return self.split[index]

def voted(root, *, streamed: bool = False):
    splits = shapes(root, train_size=40, test_size=20)
    soft = torch.rand(40, 10, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
    train = Streamed(splits.train, soft) if streamed else replace(splits.train, soft_labels=soft)
    return replace(splits, train=train)

def plain(root):
    return shapes(root, train_size=40, test_size=20)

def same(root, *, of: Splits):
    return of

def fewer(root, *, of: Splits):
    return replace(of, info=replace(of.info, classes=of.info.classes[:9]))

def sets(root):
    splits = voted(root)
    return replace(splits, info=replace(splits.info, task="multi_label"))

@hookimpl
def cvkit_datasets():
    yield Component("voted", "voted_parts:voted", soft_labels=True)
    yield Component("silent", "voted_parts:voted")
    yield Component("empty", "voted_parts:plain", soft_labels=True)
    yield Component("same", "voted_parts:same")
    yield Component("same_votes", "voted_parts:same", soft_labels=True)
    yield Component("fewer", "voted_parts:fewer", soft_labels=True)
    yield Component("sets", "voted_parts:sets", soft_labels=True, tasks=("multi_label",))

@hookimpl
def cvkit_losses():
    yield Component("hard", "voted_parts:hard")

def hard(info):
    return torch.nn.CrossEntropyLoss()
"""
RECIPE = {
    "dataset": "voted_parts/voted",
    "model": {"name": "custom_resnet", "width": 2},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "train": {"epochs": 2, "batch_size": 10, "device": "cpu", "workers": 0},
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "voted_parts.py"
    path.write_text(PARTS, encoding="utf-8")
    yield lambda **changes: trainer({**RECIPE, **changes}, plugins=[path])
    sys.modules.pop("voted_parts", None)


@contextmanager
def watched(model, loss):
    """Yield a list that gets, for each batch of training, the model's inputs and what the loss got and returned."""
    seen, inputs = [], []
    hooks = (
        model.register_forward_pre_hook(lambda part, given: inputs.append(given[0])),
        loss.register_forward_hook(
            lambda part, given, value: seen.append((inputs[-1], *given, value)) if part.training else None
        ),
    )
    yield seen
    for hook in hooks:
        hook.remove()


def numbers_of(run, inputs):
    """Return the number of each training image by its pixels."""
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (run.parts.info.mean, run.parts.info.std))
    pixels = (inputs * std + mean).mul(255).round().to(torch.uint8)
    train = run.parts.splits.train
    images = torch.stack([train[number][0] for number in range(len(train))])
    same = (pixels[:, None] == images).flatten(2).all(dim=2)
    assert (same.sum(dim=1) == 1).all()
    return same.int().argmax(dim=1)


def require_own_labels(run, seen, count):
    """Assert that each of `count` images was compared with its own soft labels."""
    inputs, targets = (torch.cat([values[place] for values in seen]) for place in (0, 2))
    assert len(targets) == count
    assert torch.equal(targets, run.parts.splits.train.soft_labels[numbers_of(run, inputs)])


@pytest.mark.parametrize("streamed", [False, True], ids=["memory", "streamed"])
def test_loss_compares_with_the_soft_labels_of_each_image(made, streamed):
    """In the order of the epoch; accuracy compares with the label beside the image."""
    run = made(dataset={"name": "voted_parts/voted", "streamed": streamed})
    with watched(run.parts.model, run.parts.loss) as seen:
        records = [event for event in run.fit() if hasattr(event, "step_losses")]
    require_own_labels(run, seen, 80)
    _, logits, first, value = seen[0]
    torch.testing.assert_close(value, cross_entropy(logits, first))
    assert records[0].train_accuracy is not None


def test_memory_and_stream_train_alike(made):
    """To the bit."""
    one, other = (made(dataset={"name": "voted_parts/voted", "streamed": each}) for each in (False, True))
    for run in (one, other):
        assert list(run.fit())
    for a, b in zip(one.parts.model.parameters(), other.parts.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_resumed_epoch_compares_with_the_soft_labels_of_each_image(made):
    """Also with several batches in a step."""
    settings = RECIPE["train"] | {"accumulate": 2}
    first, second = (made(train=settings) for _ in range(2))
    next(first.fit())
    second.restore(first.state())
    with watched(second.parts.model, second.parts.loss) as seen:
        assert list(second.fit())
    require_own_labels(second, seen, 60)


def test_mixed_run_resumes_to_the_bit(made):
    """Mixing mixes the soft labels, and its epochs have no training accuracy."""
    first, second = (made(augmentations=["mixup"]) for _ in range(2))
    events = first.fit()
    next(events)
    second.restore(first.state())
    assert [event.train_accuracy for event in events if hasattr(event, "train_accuracy")] == [None, None]
    assert list(second.fit())
    for a, b in zip(first.parts.model.parameters(), second.parts.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_trial_on_fewer_images_has_their_soft_labels(made):
    """Images that are held out take theirs with them."""
    run = made()
    with run.parts.trial("try", hold_out=20) as trial:
        forward = trial._step.forward
        with watched(forward.model, forward.loss) as seen:
            list(trial.steps_at([0.1, 0.1]))
    require_own_labels(run, seen, 20)


def test_wrapped_data_set_with_soft_labels_is_refused(made):
    """Rather than trained with hard labels."""
    for wrapper in ({"name": "repeat", "times": 2}, {"name": "concatenate"}):
        of = {"name": "voted_parts/voted"}
        with pytest.raises(ComponentError, match="soft labels"):
            made(dataset=wrapper | {"of": [of] if wrapper["name"] == "concatenate" else of})


@pytest.mark.parametrize("streamed", [False, True])
def test_wrapper_declares_the_soft_labels_of_what_it_wraps(made, streamed):
    """Also if it returns the training images of the other data set unchanged."""
    of = {"name": "voted_parts/voted", "streamed": streamed}
    made(dataset={"name": "same_votes", "of": of})
    with pytest.raises(ComponentFailure, match="wraps another data set: declare a second component") as caught:
        made(dataset={"name": "same", "of": of})
    assert "voted_parts/same" in str(caught.value)


def test_wrapper_that_returns_other_classes_with_the_same_images_is_refused(made):
    """Its images were checked with the classes of the data set that it wraps."""
    with pytest.raises(ComponentFailure, match=r"voted_parts/fewer.*\(40, 9\)"):
        made(dataset={"name": "fewer", "of": {"name": "voted_parts/voted", "streamed": True}})


def test_loss_without_soft_targets_is_refused_by_the_check(made, wording):
    """As for mixing."""
    with pytest.raises(RecipeError) as caught:
        made(loss="voted_parts/hard")
    assert str(caught.value) == wording


@pytest.mark.parametrize("name", ["silent", "empty"])
def test_declaration_and_data_agree(made, name):
    """Otherwise the check of the recipe would not see which losses fit."""
    with pytest.raises(ComponentFailure, match="soft_labels"):
        made(dataset=f"voted_parts/{name}")


def test_sets_of_labels_have_no_soft_labels(made):
    """Soft labels are shares of one whole, and the labels of a set are not."""
    with pytest.raises(ComponentFailure, match="has soft labels, which are shares of classes, but its task is multi"):
        made(dataset="voted_parts/sets", loss="bce")
