"""Training images with soft labels: what the loss compares with, from memory, streamed, mixed and in trials."""

from __future__ import annotations

import sys

import pytest
import torch
from torch.nn.functional import cross_entropy

from cvkit import ComponentFailure, RecipeError, trainer

PARTS = """
from dataclasses import dataclass, replace
import torch
from cvkit import Component, hookimpl
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

def sets(root):
    splits = voted(root)
    return replace(splits, info=replace(splits.info, task="multi_label"))

@hookimpl
def cvkit_datasets():
    yield Component("voted", "voted_parts:voted", soft_labels=True)
    yield Component("silent", "voted_parts:voted")
    yield Component("empty", "voted_parts:plain", soft_labels=True)
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


def given_to(run):
    """Train, and return the logits and targets that the loss got, step by step, and the loss of each step."""
    seen = []
    hook = run.parts.loss.register_forward_hook(lambda _, given, value: seen.append((*given, value)))
    records = [event for event in run.fit() if hasattr(event, "step_losses")]
    hook.remove()
    return [values for values in seen if values[1].is_floating_point()], records


@pytest.mark.parametrize("streamed", [False, True], ids=["memory", "streamed"])
def test_loss_compares_with_the_soft_labels_of_each_image(made, streamed):
    """In the order of the epoch; accuracy compares with the label beside the image."""
    run = made(dataset={"name": "voted_parts/voted", "streamed": streamed})
    soft = run.parts.splits.train.soft_labels
    seen, records = given_to(run)
    targets = torch.cat([targets for _, targets, _ in seen[:4]])
    assert torch.equal(targets[torch.arange(40)].sort(dim=0).values, soft.sort(dim=0).values)
    logits, first, value = seen[0]
    torch.testing.assert_close(value, cross_entropy(logits, first))
    assert records[0].train_accuracy is not None


def test_memory_and_stream_train_alike(made):
    """To the bit."""
    one, other = (made(dataset={"name": "voted_parts/voted", "streamed": each}) for each in (False, True))
    for run in (one, other):
        assert list(run.fit())
    for a, b in zip(one.parts.model.parameters(), other.parts.model.parameters(), strict=True):
        assert torch.equal(a, b)


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
    rows = {tuple(row) for row in run.parts.splits.train.soft_labels.tolist()}
    with run.parts.trial("try", hold_out=20) as trial:
        seen = []
        step = trial._step
        step.forward.loss.register_forward_hook(lambda _, given, value: seen.append(given[1]))
        list(trial.steps_at([0.1, 0.1]))
    found = {tuple(row) for targets in seen for row in targets.tolist()}
    assert len(found) == 20
    assert found <= rows


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
