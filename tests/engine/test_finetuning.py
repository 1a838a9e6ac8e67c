"""Fine-tuning: the head, what is frozen and when, the rates of the groups, and a start from another run."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from small import run_of
from torch import nn

from cvkit import DataInfo, RunError, Trainer
from cvkit.engine.freezing import freezing_of
from cvkit.engine.head import find_head
from cvkit.engine.parameter_groups import parameter_groups
from cvkit.engine.records import EpochRecord
from cvkit.engine.trainer import Step
from cvkit.recipe.finetune_settings import FinetuneSettings

TEXT = """\
name: small
dataset: {name: shapes, train_size: 40, test_size: 20}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9, weight_decay: 0.1}
scheduler: {name: cosine, warmup_epochs: 0.5}
train: {epochs: 3, batch_size: 8}
"""
INFO = DataInfo(3, 16, 16, ("a", "b", "c"), (0.5,) * 3, (0.2,) * 3)


class Net(nn.Module):
    """A body with batch normalisation, a linear layer with as many outputs that is not the head, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 3)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
        self.blocks = nn.ModuleList([nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)])
        self.norm = nn.LayerNorm(8)
        self.gate = nn.Linear(8, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.stem(images)
        for block in self.blocks:
            features = block(features)
        pooled = self.norm(features.mean(dim=(2, 3)))
        return self.fc(pooled) * self.gate(pooled).detach().sum().sign()


@pytest.fixture
def make(catalog) -> Callable[..., Trainer]:
    return lambda *overrides: Trainer(run_of(catalog, *overrides, text=TEXT))


def norm_statistics(model: nn.Module) -> list[torch.Tensor]:
    """Copies of what every batch normalisation has counted so far."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    return [value.clone() for norm in norms for value in (norm.running_mean, norm.running_var)]


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def after_each_epoch(trainer: Trainer) -> list[tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]]:
    """The body's weights, the head's and the statistics, at the start and after each epoch."""
    model = trainer.parts.model
    head = find_head(trainer.parts.recipe.model, model, trainer.parts.info)

    def now() -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
        named = [(name, weight.detach().clone()) for name, weight in model.named_parameters()]
        body = [weight for name, weight in named if not name.startswith(f"{head}.")]
        return body, [weight for name, weight in named if name.startswith(f"{head}.")], norm_statistics(model)

    return [now(), *(now() for event in trainer.fit() if isinstance(event, EpochRecord))]


def test_frozen_epochs_train_the_head_alone(make):
    """With `with_body`, the statistics of batch normalisation do not move either; later everything is trained."""
    start, first, second, _ = after_each_epoch(make("finetune.freeze={epochs: 1}"))
    assert same(start[0], first[0])
    assert same(start[2], first[2])
    assert not same(start[1], first[1])
    assert not same(first[0], second[0])
    assert not same(first[2], second[2])


def test_batch_normalisation_can_stay_frozen_or_move(make):
    """`always`: never trained, in any epoch; `never`: statistics and weights move although the body is frozen."""
    always = after_each_epoch(make("finetune.freeze={epochs: 1, batch_norm: always}"))
    assert same(always[0][2], always[3][2])
    assert not same(always[0][0], always[3][0])
    never = after_each_epoch(make("finetune.freeze={epochs: 1, batch_norm: never}"))
    assert not same(never[0][2], never[1][2])


def test_nothing_is_frozen_between_steps(make):
    """So explanations of a frozen body have gradients, and modes are as a trainer expects them."""
    trainer = make("finetune.freeze={epochs: 9, batch_norm: always}")
    next(iter(trainer.fit()))
    assert all(weight.requires_grad for weight in trainer.parts.model.parameters())
    assert all(module.training for module in trainer.parts.model.modules())


def test_patterns_freeze_modules_by_name():
    """A name matches as it is; the head is never frozen; a pattern without a module is an error."""
    net = Net()
    freezing = freezing_of(net, FinetuneSettings(freeze={"epochs": 1, "body": ["blocks.*", "fc"]}), "gate")
    with freezing.during(0):
        frozen = {name for name, weight in net.named_parameters() if not weight.requires_grad}
    assert frozen == {"blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias", "fc.weight", "fc.bias"}
    with pytest.raises(RunError, match=r"'layer7'.*it has fc, stem, blocks, norm"):
        freezing_of(net, FinetuneSettings(freeze={"body": ["layer7"]}), "gate")


def test_head_is_found_by_the_order_of_a_forward_pass(make):
    """The last layer with an output per class that is called, whatever the order in the class; else an error."""
    part = make().parts.recipe.model
    net = Net()
    statistics = norm_statistics(net)
    assert find_head(part, net, INFO) == "gate"
    assert same(statistics, norm_statistics(net))
    assert net.training
    net.get_classifier = lambda: net.fc
    assert find_head(part, net, INFO) == "fc"
    with pytest.raises(RunError, match="found no head"):
        find_head(part, nn.Sequential(nn.Flatten(), nn.Linear(768, 7)), INFO)


def test_groups_have_names_rates_and_decay(make):
    """The head has the rate of the recipe; the ratio holds at every step of a schedule with warm-up."""
    trainer = make("finetune.head_lr=10", "finetune.no_decay=[bias, norm]")
    groups = trainer.train_step.optimizer.param_groups
    assert [group["name"] for group in groups] == ["head", "head, no decay", "body", "body, no decay"]
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0, 0.1, 0.0]
    held = {id(weight) for group in groups for weight in group["params"]}
    assert held == set(map(id, trainer.parts.model.parameters()))
    for event in trainer.fit():
        if isinstance(event, Step):
            assert groups[2]["lr"] == pytest.approx(groups[0]["lr"] / 10)
            assert groups[3]["lr"] == groups[2]["lr"]
    plain = make()
    rates = [event for event in plain.fit() if isinstance(event, EpochRecord)][-1].step_lrs
    with_groups = make("finetune.head_lr=10")
    assert [e for e in with_groups.fit() if isinstance(e, EpochRecord)][-1].step_lrs == pytest.approx(rates)


def test_one_cycle_keeps_the_ratios(make):
    """Its peak is the head's."""
    trainer = make("finetune.head_lr=4", "scheduler={name: one_cycle, max_lr: 0.2}")
    groups, peaks = trainer.train_step.optimizer.param_groups, [0.0, 0.0]
    for _ in trainer.fit():
        peaks = [max(peak, group["lr"]) for peak, group in zip(peaks, groups, strict=True)]
    assert peaks[0] == pytest.approx(0.2, rel=0.05)
    assert peaks[1] == pytest.approx(peaks[0] / 4)


def test_layer_decay_never_applies_to_the_head():
    """It falls from the top of the body to the bottom."""
    found = parameter_groups(Net(), nn.Identity(), FinetuneSettings(layer_decay=0.5), "gate")
    factors = {group.name: group.factor for group in found}
    assert factors == {
        "head": 1.0, "norm": 0.5, "blocks.1": 0.25, "blocks.0": 0.125, "stem.1": 0.0625, "stem.0": 0.03125,
        "fc": 0.015625,
    }  # fmt: skip


@pytest.mark.parametrize("overrides", [(), ("finetune.head=model",), ("finetune.head_lr=1",)])
def test_run_without_finetuning_is_unchanged(make, weights_of, overrides):
    """One group without a name, and the same weights to the bit."""
    trainer = make(*overrides)
    (group,) = trainer.train_step.optimizer.param_groups
    assert "name" not in group
    expected, found = weights_of(make()), weights_of(trainer)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize(("head", "spread"), [("zeros", 0.0), ("normal", 0.01)])
def test_head_starts_as_asked(make, head, spread):
    """Zeros give a first loss of ln K, and the run says which layer is the head."""
    trainer = make(f"finetune.head={head}", "train.batch_size=40")
    layer = trainer.parts.model.get_submodule(trainer.parts.finetuning.head)
    assert float(layer.weight.detach().std()) == pytest.approx(spread, rel=0.3)
    assert f"'{trainer.parts.finetuning.head}'" in trainer.parts.finetuning.notes[0]
    first = next(event for event in trainer.fit() if isinstance(event, Step))
    if head == "zeros":
        assert first.loss == pytest.approx(torch.tensor(float(trainer.parts.info.num_classes)).log().item(), rel=1e-5)


@pytest.mark.parametrize("stopped_after", [2, 5, 7, 11])
def test_resume_is_bit_identical(make, weights_of, stopped_after):
    """Within and after the frozen epoch, with groups: weights, statistics and rates."""
    options = (
        "finetune.freeze={epochs: 1}", "finetune.head_lr=10", "finetune.no_decay=[bias]", "finetune.head=zeros",
        "scheduler={name: one_cycle, max_lr: 0.1}",
    )  # fmt: skip
    expected = weights_of(make(*options))
    first = make(*options)
    for event in first.fit():
        if isinstance(event, Step) and event.step == stopped_after:
            break
    second = make(*options)
    second.restore(json_like(first.state()))
    found = weights_of(second)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    names = [group["name"] for group in second.train_step.optimizer.param_groups]
    assert names == [group["name"] for group in first.train_step.optimizer.param_groups]


def json_like(state):
    """The state as a checkpoint gives it back."""
    from cvkit.checkpoint.serialization import pack, unpack

    packed, tensors = pack(state)
    return unpack(json.loads(json.dumps(packed)), {name: value.clone() for name, value in tensors.items()})


def test_settings_that_exclude_each_other_are_reported(catalog):
    """`head_lr` and `layer_decay` are two answers to one question."""
    with pytest.raises(Exception, match="both set the rates"):
        run_of(catalog, "finetune.layer_decay=0.5", "finetune.head_lr=10", text=TEXT)


@pytest.mark.parametrize("value", ["{epoch: 1}", "{epochs: -1}", "{batch_norm: sometimes}", "3"])
def test_freeze_that_cannot_be_is_reported(catalog, value):
    """With what it may contain."""
    with pytest.raises(Exception, match="a mapping with epochs"):
        run_of(catalog, f"finetune.freeze={value}", text=TEXT)
