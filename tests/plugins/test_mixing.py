"""Mixup, CutMix and losses of soft targets are those of timm and torch, and a run says what it cannot measure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small import RECIPE
from timm.data.mixup import Mixup
from timm.loss import BinaryCrossEntropy
from torch.nn.functional import cross_entropy as torch_cross_entropy
from torch.nn.functional import one_hot

from cvkit import ComponentFailure, EpochRecord, Progress, RecipeError, Trainer, build_parts, discover, resolve
from cvkit.api.results import Records
from cvkit.engine.trainer import Step
from cvkit.recipe import read_text
from cvkit.runs.lines import epoch_line
from cvkit.step_progress import during
from cvkit.testing import sample_info
from cvkit_torch.losses import bce, cross_entropy
from cvkit_torch.mixing import cutmix, mixup, mixup_or_cutmix

INFO = sample_info(height=17, width=12, classes=5)
IMAGES, LABELS = torch.rand(8, 3, 17, 12), torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
MIXED = [*(RECIPE.replace("cutout]", f"{name}]") for name in ("mixup", "{name: cutmix, off_epochs: 1}"))]


@pytest.mark.parametrize(
    ("ours", "alphas", "prob", "switch"),
    [
        (mixup(INFO, alpha=0.8), (0.8, 0.0), 1.0, 0.5),
        (cutmix(INFO, alpha=1.0, p=0.7), (0.0, 1.0), 0.7, 0.5),
        (mixup_or_cutmix(INFO, mixup_alpha=0.2, switch=0.3, p=0.9), (0.2, 1.0), 0.9, 0.3),
    ],
)
def test_mixing_equals_timms_on_the_same_draws(ours, alphas, prob, switch):
    """To the bit, for images and targets."""
    theirs = Mixup(*alphas, prob=prob, switch_prob=switch, label_smoothing=0.0, num_classes=5)
    changed = 0
    for seed in range(40):
        np.random.seed(seed)
        expected = theirs(IMAGES.clone(), LABELS)
        np.random.seed(seed)
        images, targets = ours(IMAGES, one_hot(LABELS, 5).float())
        assert torch.equal(images, expected[0])
        assert torch.equal(targets, expected[1].to(targets))
        changed += not torch.equal(images, IMAGES)
    assert changed > 20


def test_mixing_is_off_in_the_last_epochs():
    """By the progress of training."""
    ours, targets = mixup(INFO, off_epochs=2), one_hot(LABELS, 5).float()
    for epoch in range(5):
        with during(Progress(epoch, epoch * 4, 5, 20)):
            assert (ours(IMAGES, targets)[1] is targets) == (epoch >= 3)


@pytest.mark.parametrize("options", [{}, {"target_threshold": 0.3}, {"sum_classes": True}])
@pytest.mark.parametrize("soft", [False, True])
def test_bce_equals_timms(options, soft):
    """With smoothing of labels; timm smooths soft targets in its `Mixup`."""
    logits = torch.randn(8, 5)
    theirs = BinaryCrossEntropy(0.1, **options)
    hard = one_hot(LABELS, 5).float()
    targets = 0.6 * hard + 0.4 * hard.flip(0)
    expected = theirs(logits, targets * 0.9 + 0.1 / 5) if soft else theirs(logits, LABELS)
    ours = bce(INFO, label_smoothing=0.1, **options)(logits, targets if soft else LABELS)
    torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5, 0.0, 3.0]])
def test_cross_entropy_of_soft_targets_is_torchs(weights):
    """Each class with its weight, as a mean over the batch, with smoothing."""
    logits, hard = torch.randn(8, 5), one_hot(LABELS, 5).float()
    targets, given = 0.6 * hard + 0.4 * hard.flip(0), None if weights is None else torch.tensor(weights)
    ours = cross_entropy(INFO, label_smoothing=0.1, class_weights=weights)(logits, targets)
    torch.testing.assert_close(ours, torch_cross_entropy(logits, targets, given, label_smoothing=0.1))


def trainer(text, *overrides):
    recipe = resolve(read_text(text, overrides), discover())
    return Trainer(build_parts(recipe, recipe.dataset.build(Path("unused"))))


def test_epochs_with_mixed_images_have_no_training_accuracy():
    """The last epoch is not mixed, and has one."""
    records = [event for event in trainer(MIXED[1]).fit() if isinstance(event, EpochRecord)]
    assert [record.train_accuracy is None for record in records] == [True, True, False]
    assert 0 <= records[2].train_accuracy <= 1
    assert EpochRecord.from_json(json.loads(json.dumps(records[0].to_json()))) == records[0]
    assert epoch_line(records[0]).split()[2] == "-"
    assert Records(records[:2]).to_pandas()["train_accuracy"].isna().all()
    assert Records(records[:2]).to_pandas()["train_accuracy"].dtype == float
    assert "<td>-</td>" in Records(records)._repr_html_()


def test_mixed_run_continues_bit_identically(same):
    """Interrupted in the second epoch."""
    whole = trainer(MIXED[0])
    expected = [event for event in whole.fit() if isinstance(event, EpochRecord)]
    first = trainer(MIXED[0])
    state = next(first.state() for event in first.fit() if isinstance(event, Step) and event.step == 11)
    second = trainer(MIXED[0])
    second.restore(state)
    records = [event for event in second.fit() if isinstance(event, EpochRecord)]
    same(whole.parts.model.state_dict(), second.parts.model.state_dict())
    assert [record.step_losses for record in records] == [record.step_losses for record in expected[1:]]
    assert all(record.train_accuracy is None for record in records)


PLUGIN = """
import torch
from torch import nn
from cvkit import Component, hookimpl
def hard(info):
    return nn.CrossEntropyLoss()
def twist(info):
    return lambda images, targets: MADE(images, targets)
@hookimpl
def cvkit_losses():
    yield Component("hard", "odd_parts:hard")
@hookimpl
def cvkit_augmentations():
    yield Component("twist", "odd_parts:twist", mixes=True)
"""


def test_loss_that_takes_only_labels_is_refused(tmp_path):
    """When the recipe is checked, with the losses that can be used."""
    (tmp_path / "odd_parts.py").write_text(PLUGIN)
    catalog = discover(paths=[tmp_path / "odd_parts.py"])
    with pytest.raises(RecipeError, match=r"(?s)'odd_parts/hard' takes labels.*torch/bce, torch/cross_entropy"):
        resolve(read_text(MIXED[0], ["loss=odd_parts/hard"]), catalog)
    resolve(read_text(RECIPE, ["loss=odd_parts/hard"]), catalog)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("images", "expected the images and the targets"),
        ("(images, targets[:1])", "returned targets float32"),
        ("(images[:1], targets)", "expected as many float images"),
        ("(images, targets / 0)", "returned targets with values that are not finite"),
    ],
)
def test_what_a_mixing_augmentation_returns_is_checked(tmp_path, made, said):
    """And the error names it."""
    name = f"odd_{abs(hash(made))}"
    code = PLUGIN.replace("odd_parts", name).replace("MADE(images, targets)", made)
    (tmp_path / f"{name}.py").write_text(code)
    recipe = resolve(
        read_text(RECIPE.replace("cutout]", f"{name}/twist]"), []), discover(paths=[tmp_path / f"{name}.py"])
    )
    with pytest.raises(ComponentFailure, match=rf"{name}/twist.*{said}"):
        build_parts(recipe, recipe.dataset.build(Path("unused")))
