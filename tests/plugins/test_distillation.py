"""Distillation: the formula, what the teacher sees, and runs that are resumed with the same teacher or not at all."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

import cvkit_torch.distillation as module
from cvkit import (
    CheckpointError,
    EpochRecord,
    RunError,
    RunFolder,
    build_parts,
    discover,
    load,
    resolve,
    train,
    trainer,
)
from cvkit.recipe import read_text
from cvkit.runs.session import Session
from cvkit_torch.distillation import Distillation, distillation

DATA = {"name": "shapes", "train_size": 40, "test_size": 20}
STUDENT = {
    "dataset": DATA,
    "model": {"name": "custom_resnet", "width": 2},
    "optimizer": {"name": "sgd", "lr": 0.05},
    "train": {"epochs": 2, "batch_size": 10, "device": "cpu"},
    "report": {"misclassified": 0, "augmented": 0},
}


@pytest.fixture
def info(teacher):
    return load(teacher).info


@pytest.fixture
def loss(teacher, info):
    return distillation(info, teacher=teacher, temperature=3.0, weight=0.7)


def test_loss_equals_the_formula(loss, teacher, info):
    """(1 - w) CE + w T^2 KL, with probabilities and their logarithms written out."""
    images, logits, labels = torch.rand(5, 3, 32, 32), torch.randn(5, info.num_classes), torch.arange(5)
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (info.mean, info.std))
    with torch.no_grad():
        taught = load(teacher).module((images - mean) / std)
    p, q = (taught / 3).softmax(dim=1), (logits / 3).softmax(dim=1)
    divergence = (p * (p.log() - q.log())).sum(dim=1).mean()
    expected = 0.3 * cross_entropy(logits, labels) + 0.7 * 9 * divergence
    torch.testing.assert_close(loss(logits, labels, images), expected)
    torch.testing.assert_close(loss.eval()(logits, labels), cross_entropy(logits, labels))


def test_classes_are_matched_by_name(teacher, info):
    """A data set with the classes in another order gets the teacher's logits in this order."""
    images = torch.rand(3, 3, 32, 32)
    turned = replace(info, classes=info.classes[::-1])
    one, other = (distillation(each, teacher=teacher).teacher.logits(images) for each in (info, turned))
    assert torch.equal(one, other.flip(1))


def test_teacher_of_another_size_sees_resized_images(loss):
    """They are the same images in the size that it was trained with."""
    assert loss.teacher.logits(torch.rand(2, 3, 48, 40)).shape[0] == 2


@pytest.mark.parametrize(
    "changes",
    [{"classes": ("cat", "dog")}, {"channels": 1}, {"task": "multi_label"}],
    ids=["classes", "channels", "task"],
)
def test_teacher_that_does_not_fit_is_refused(teacher, info, changes, wording):
    """By the classes' names, the channels or the task."""
    with pytest.raises(ValueError, match="teacher") as caught:
        distillation(replace(info, **changes), teacher=teacher)
    assert str(caught.value).replace(str(teacher), "RUN") == wording


def test_missing_teacher_is_a_sentence(tmp_path, info, wording):
    """Also when a run is resumed, which builds the loss again."""
    with pytest.raises(RunError) as caught:
        distillation(info, teacher=tmp_path / "gone")
    assert str(caught.value).replace(str(tmp_path), "FOLDER") == wording


def test_teacher_that_has_not_finished_is_refused(teacher, tmp_path, info, wording):
    """Its further training would replace its weights, and then the run could not be resumed."""
    stopped = tmp_path / "stopped"
    shutil.copytree(teacher, stopped)
    RunFolder(stopped).write_info(RunFolder(stopped).info() | {"status": "interrupted"})
    with pytest.raises(RunError, match="not finished") as caught:
        distillation(info, teacher=stopped)
    assert str(caught.value).replace(str(tmp_path), "FOLDER") == wording


def test_teacher_is_neither_trained_nor_copied_nor_stored(loss):
    """It belongs to no state, and copies of the loss, for trials, share it."""
    assert not list(loss.parameters())
    assert not loss.state_dict()
    assert not any(weight.requires_grad for weight in loss.teacher.module.parameters())
    assert copy.deepcopy(loss).teacher is loss.teacher
    loss.train()
    assert not loss.teacher.module.training


def distilled(teacher, **changes):
    return {**STUDENT, "loss": {"name": "distillation", "teacher": str(teacher)}, **changes}


@pytest.mark.parametrize("optimizer", ["sgd", "sam"])
def test_run_resumes_to_the_bit_on_what_the_student_sees(teacher, optimizer, monkeypatch):
    """The teacher gets the augmented and mixed images, and its weights and statistics do not change."""
    recipe = distilled(teacher, augmentations=["horizontal_flip", "mixup"], optimizer={"name": optimizer, "lr": 0.05})
    first, second = trainer(recipe), trainer(recipe)
    before = {name: value.clone() for name, value in first.parts.loss.teacher.module.state_dict().items()}
    seen, normalised = [], []
    monkeypatch.setattr(Distillation, "forward", noting(Distillation.forward, seen))
    hook = first.parts.model.register_forward_pre_hook(lambda net, given: normalised.append(given[0]))
    events = first.fit()
    next(events)
    hook.remove()
    assert torch.equal(first.parts.preprocessor.normalize(seen[0]), normalised[0])
    second.restore(first.state())
    assert [event for event in events if isinstance(event, EpochRecord)]
    assert list(second.fit())
    for a, b in zip(first.parts.model.parameters(), second.parts.model.parameters(), strict=True):
        assert torch.equal(a, b)
    after = first.parts.loss.teacher.module.state_dict()
    assert all(torch.equal(before[name], value) for name, value in after.items())


def noting(forward, seen):
    def call(self, logits, target, images=None):
        if images is not None:
            seen.append(images)
        return forward(self, logits, target, images)

    return call


def test_run_records_its_teacher_and_refuses_another(teacher, tmp_path, monkeypatch, wording):
    """By the SHA-256 of its weights."""
    run = train(distilled(teacher), output=tmp_path / "runs", data=tmp_path, progress=False)
    recorded = json.loads((run.folder / "run.json").read_text())["fixed_weights"]
    assert list(recorded) == [str(teacher)]
    assert len(recorded[str(teacher)]) == 64
    start_again(run.folder, tmp_path)
    monkeypatch.setattr(module, "_digest", lambda net: "0" * 64)
    with pytest.raises(CheckpointError) as caught:
        start_again(run.folder, tmp_path)
    said = str(caught.value).replace(str(teacher), "TEACHER").replace(recorded[str(teacher)][:12], "SHA")
    assert said.partition(" uses ")[2] == wording


def test_run_continues_with_its_teacher_at_another_place(teacher, tmp_path):
    """If the change is accepted, and if the weights there are the same."""
    run = train(distilled(teacher), output=tmp_path / "runs", data=tmp_path, progress=False)
    moved = tmp_path / "moved"
    shutil.copytree(teacher, moved)
    recipe = run.folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace(str(teacher), str(moved)))
    with pytest.raises(RunError, match="add --accept-changes"):
        start_again(run.folder, tmp_path)
    start_again(run.folder, tmp_path, accept_changes=True)
    other = train({**STUDENT, "train": STUDENT["train"] | {"epochs": 1}}, output=moved, progress=False).folder
    recipe.write_text(recipe.read_text().replace(str(moved), str(other)))
    with pytest.raises(RunError, match=r"cannot change loss\.teacher"):
        start_again(run.folder, tmp_path, accept_changes=True)


def start_again(path, root, accept_changes=False):
    folder, catalog = RunFolder.open(path), discover(distributions=["cvkit-core"])
    recipe = resolve(read_text(folder.recipe_text()), catalog)
    parts = build_parts(recipe, recipe.dataset.build(root), restoring=True)
    session = Session(parts, folder, root, catalog, accept_changes=accept_changes)
    try:
        session.start()
    finally:
        folder.unlock()
