"""An error of a component names it, both in the check before a run and in training."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
import torch

from cvkit import ComponentFailure, CvkitError, RunError
from cvkit.engine.trainer import Step

PLUGIN = '''
import threading

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from cvkit import Component, DataInfo, Splits, TensorSplit, hookimpl


def declared(*names, **more):
    return [Component(name, f"strange_parts:{name}", "Strange", **more) for name in names]


@hookimpl
def cvkit_models():
    return declared("pair_in_training", "needs_two", "uncopyable", "unexplained", "whole_batches")


@hookimpl
def cvkit_losses():
    return declared("raises", "raises_late", "leaves", "forgets_to_average", "misnames")


@hookimpl
def cvkit_augmentations():
    return declared("stops", "shrinks_the_batch")


@hookimpl
def cvkit_optimizers():
    return declared("lbfgs", "own_weights", "keeps_a_lock")


@hookimpl
def cvkit_schedulers():
    return declared("plateau", "stumbles", "huge")


@hookimpl
def cvkit_datasets():
    return declared("listed")


@hookimpl
def cvkit_explainers():
    return declared("patient", "picky", "keen")


class Net(nn.Sequential):
    def __init__(self, info):
        size = info.channels * info.height * info.width
        super().__init__(nn.Flatten(), nn.Linear(size, info.num_classes))


class pair_in_training(Net):
    def forward(self, images):
        logits = super().forward(images)
        return (logits, logits) if self.training else logits


class needs_two(nn.Sequential):
    def __init__(self, info):
        layers = nn.Conv2d(info.channels, 4, 3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4), nn.Flatten()
        super().__init__(*layers, nn.Linear(4, info.num_classes))


class uncopyable(Net):
    def __init__(self, info):
        super().__init__(info)
        self.lock = threading.Lock()


class unexplained(Net):
    pass


class whole_batches(Net):
    def forward(self, images):
        assert not self.training or len(images) % 4 == 0, "four at a time"
        return super().forward(images)


class raises(nn.Module):
    def __init__(self, info):
        super().__init__()

    def forward(self, logits, labels):
        raise LookupError("no weight for this class")


class raises_late(nn.Module):
    def __init__(self, info):
        super().__init__()
        self.calls = 0

    def forward(self, logits, labels):
        self.calls += 1
        if self.calls == 5:
            raise LookupError("no weight for this class")
        return cross_entropy(logits, labels)


class leaves(raises):
    def forward(self, logits, labels):
        raise SystemExit(0)


class forgets_to_average(raises):
    def forward(self, logits, labels):
        return cross_entropy(logits, labels, reduction="none" if self.training else "mean")


class misnames(raises):
    fixed_weights = "teacher"

    def forward(self, logits, labels):
        return cross_entropy(logits, labels)


def stops(info):
    return lambda images: images.no_such_thing


def shrinks_the_batch(info):
    return lambda images: images[1:]


def lbfgs(params):
    return torch.optim.LBFGS(params)


def own_weights(params):
    return torch.optim.SGD([*params, nn.Parameter(torch.zeros(3))], lr=0.1)


class keeps_a_lock(torch.optim.SGD):
    def __init__(self, params, *, lr: float = 0.1):
        super().__init__(params, lr=lr)

    def step(self, closure=None):
        super().step()
        for weight in self.param_groups[0]["params"]:
            self.state[weight]["lock"] = threading.Lock()


def plateau(optimizer, plan):
    return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)


def stumbles(optimizer, plan):
    def factor(step):
        if step == 3:
            raise ZeroDivisionError("no such step")
        return 1.0
    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def huge(optimizer, plan, *, base: float = 1e308):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: base ** (2 * step))


class Listed:
    def __init__(self, count, bad, value):
        self.count, self.bad, self.value = count, bad, value

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        label = index % 10
        if index == self.bad:
            if self.value == "OSError":
                raise OSError(5, "Input/output error", "/pictures/7.png")
            if self.value == "image":
                return torch.zeros(3, 8, 9, dtype=torch.uint8), label
            if self.value == "alone":
                return torch.zeros(3, 8, 8, dtype=torch.uint8)
            label = {
                "float": 1.0, "str": "cat", "high": 10, "negative": -100, "vector": torch.tensor([1]), "none": None
            }[self.value]
        return torch.full((3, 8, 8), index, dtype=torch.uint8), label


def listed(root, *, value: str = "none", whole: str = ""):
    info = DataInfo(3, 8, 8, tuple("abcdefghij"), (0.5,) * 3, (0.2,) * 3)
    images, labels = torch.zeros(16, 3, 8, 8, dtype=torch.uint8), torch.arange(16) % 10
    sound = TensorSplit(images, labels)
    train = Listed(16, 11, value) if not whole else {
        "float": TensorSplit(images, labels.float()),
        "int32": TensorSplit(images, labels.int()),
        "high": TensorSplit(images, labels + 1),
        "negative": TensorSplit(images, labels - 1),
        "column": TensorSplit(images, labels[:, None]),
        "fewer": TensorSplit(images, labels[:-1]),
        "float images": TensorSplit(images / 255, labels),
        "none": None,
        "empty": TensorSplit(images[:0], labels[:0]),
    }[whole]
    return Splits(train, sound, info)


class patient:
    """Asks the model very often."""

    def __init__(self, model, *, passes: int = 10_000):
        self.model, self.passes = model, passes

    def __call__(self, images, targets):
        for number in range(self.passes):
            self.model(images)
            assert number < 100, "an explanation was carried to its end"
        return torch.zeros(len(images), *images.shape[-2:])


class picky:
    """Can explain one layer."""

    def __init__(self, model, *, layer: str = "0"):
        self.model, self.layer = model, layer

    def __call__(self, images, targets):
        if self.layer != "0":
            raise KeyError(self.layer)
        return torch.zeros(len(images), *images.shape[-2:])


class keen:
    """Can explain nothing."""

    def __init__(self, model, *, size: int = 3):
        self.model = model

    def __call__(self, images, targets):
        return torch.zeros(len(images), 1, 1)
'''
PLAIN = ("augmentations=[]", "explainers=[]", "scheduler=constant", "model={name: strange_parts/unexplained}")


@pytest.mark.parametrize(
    ("override", "component", "words"),
    [
        ("model=pair_in_training", "strange_parts/pair_in_training", "tuple"),
        ("loss=raises", "strange_parts/raises", "LookupError: no weight for this class"),
        ("loss=leaves", "strange_parts/leaves", "SystemExit"),
        ("loss=forgets_to_average", "strange_parts/forgets_to_average", "float32 (8,)"),
        ("loss=misnames", "strange_parts/misnames", "has fixed_weights 'teacher'"),
        ("augmentations=[stops]", "strange_parts/stops", "'Tensor' object has no attribute 'no_such_thing'"),
        ("augmentations=[shrinks_the_batch]", "strange_parts/shrinks_the_batch", "float32 (1, 3, 32, 32)"),
        ("optimizer=lbfgs", "strange_parts/lbfgs", "closure"),
        ("optimizer=own_weights", "strange_parts/own_weights", ""),
        ("optimizer=keeps_a_lock", "strange_parts/keeps_a_lock", "lock"),
        ("scheduler=plateau", "strange_parts/plateau", "metrics"),
        ("scheduler=huge", "strange_parts/huge", "OverflowError"),
    ],
)
def test_component_that_cannot_train_is_named_before_the_run(strange_run, override, component, words):
    """When the run is built: no folder is there yet. In one line, with the place where it is a line of the plugin."""
    with pytest.raises(CvkitError) as caught:
        strange_run(PLUGIN, *PLAIN, override)
    told = str(caught.value)
    assert f"'{component}'" in told
    assert words in told
    assert "\n" not in told


@pytest.mark.parametrize(
    "override",
    [
        "model=pair_in_training",
        "loss=raises",
        "loss=forgets_to_average",
        "augmentations=[shrinks_the_batch]",
        "optimizer=own_weights",
        "optimizer=keeps_a_lock",
    ],
)
def test_component_that_cannot_train_is_told_in_a_sentence(strange_run, override, wording):
    """Where its words are cvkit's or the plugin's, and not torch's."""
    with pytest.raises(CvkitError) as caught:
        strange_run(PLUGIN, *PLAIN, override)
    assert str(caught.value) == wording


@pytest.mark.parametrize(
    ("overrides", "component", "steps"),
    [
        (("loss=raises_late",), "strange_parts/raises_late", 4),
        (("scheduler=stumbles",), "strange_parts/stumbles", 2),
    ],
)
def test_component_that_fails_in_training_is_named(strange_run, overrides, component, steps):
    """At the step at which it does."""
    run = strange_run(PLUGIN, *PLAIN, *overrides)
    run.parts.loss.calls = 0
    taken = []
    with pytest.raises(ComponentFailure) as caught:
        taken.extend(event for event in run.fit() if isinstance(event, Step))
    assert caught.value.component == component
    assert run.step - (component == "strange_parts/stumbles") == steps


def test_last_batch_of_one_is_tried_in_its_size(strange_run, wording):
    """33 images in batches of 8, to a model that normalises over the batch."""
    settings = ("model=needs_two", "dataset.train_size=33", "train.drop_last=false")
    with pytest.raises(ComponentFailure, match="drop_last") as caught:
        strange_run(PLUGIN, *PLAIN, *settings)
    assert caught.value.component == "strange_parts/needs_two"
    assert re.sub(r"(ValueError: )[^;]*", r"\1<torch's reason>", str(caught.value)) == wording
    strange_run(PLUGIN, *PLAIN, *settings[:2])


def test_model_that_takes_only_whole_batches_may_train(strange_run):
    """A few images stand for a batch, but where they fail, the batch's own size decides."""
    assert strange_run(PLUGIN, *PLAIN, "model=whole_batches", "train.batch_size=8").step == 0
    with pytest.raises(ComponentFailure, match="four at a time"):
        strange_run(PLUGIN, *PLAIN, "model=whole_batches", "train.batch_size=7")


def test_model_that_cannot_be_copied_is_said_to_be_untried(strange_run, wording):
    """It trains none the less."""
    run = strange_run(PLUGIN, *PLAIN, "model=uncopyable", "train.epochs=1")
    (told,) = [line for line in run.parts.warnings if "strange_parts/uncopyable" in line]
    assert re.sub(r"TypeError: .*?\)", "<Python's reason>", told) == wording
    assert sum(isinstance(event, Step) for event in run.fit()) == 8
    assert run.trained().logits(run.parts.splits.test.images).shape == (30, 10)


@pytest.mark.parametrize("value", ["OSError", "image", "alone", "float", "str", "high", "negative", "vector", "none"])
def test_sample_that_is_none_is_named_by_its_number(strange_run, value, wording):
    """An unreadable file, another size, labels of another kind: also from another process."""
    told = []
    for workers in (0, 1):
        settings = (f"dataset={{name: listed, value: {value}}}", f"train.workers={workers}", "train.batch_size=8")
        run = strange_run(PLUGIN, *PLAIN, *settings)
        with pytest.raises(ComponentFailure, match=r"\b11\b") as caught:
            list(run.fit())
        assert caught.value.component == "strange_parts/listed"
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert told[0] == wording


@pytest.mark.parametrize(
    "whole", ["float", "int32", "high", "negative", "column", "fewer", "float images", "none", "empty"]
)
def test_images_in_memory_are_checked_at_once(strange_run, whole, wording):
    """Before anything is trained."""
    with pytest.raises(ComponentFailure) as caught:
        strange_run(PLUGIN, *PLAIN, f"dataset={{name: listed, whole: {whole}}}")
    assert caught.value.component == "strange_parts/listed"
    assert str(caught.value) == wording


def test_rehearsal_draws_from_no_generator_and_touches_no_part(strange_run, make_run):
    """What the run then does is what it would have done: weights, gradients, modes, generators."""
    torch.manual_seed(3), random.seed(3), np.random.seed(3)
    expected = torch.rand(1).item(), random.random(), np.random.rand()
    torch.manual_seed(3), random.seed(3), np.random.seed(3)
    run = strange_run(PLUGIN, "loss=raises_late", "dataset.train_size=33", "train.drop_last=false")
    assert (torch.rand(1).item(), random.random(), np.random.rand()) == expected
    assert run.parts.loss.calls == 0
    assert all(parameter.grad is None for parameter in run.parts.model.parameters())
    assert all(module.training for module in run.parts.model.modules())
    assert int(next(b for name, b in run.parts.model.named_buffers() if "num_batches" in name)) == 0


def test_option_of_an_explainer_that_is_wrong_is_refused(strange_run, wording):
    """A layer that is not there, without which it works."""
    with pytest.raises(RunError, match=r"strange_parts/picky.*KeyError: 'features\.7'") as caught:
        strange_run(PLUGIN, *PLAIN, "explainers=[{name: picky, layer: features.7}]")
    assert str(caught.value) == wording
    assert strange_run(PLUGIN, *PLAIN, "explainers=[picky]").parts.warnings == ()


def test_layer_that_the_model_lacks_is_told_before_the_run(make_run):
    """By the built-in explainers as well."""
    with pytest.raises(RunError, match=r"gradcam/grad_cam.*'features\.7'"):
        make_run("explainers=[{name: grad_cam, layer: features.7}]")


@pytest.mark.parametrize("written", ["keen", "{name: keen, size: 4}"])
def test_explainer_that_cannot_explain_the_model_is_warned_of(strange_run, written, wording):
    """With whatever options: the run trains, and the report says so too."""
    (told,) = strange_run(PLUGIN, *PLAIN, f"explainers=[{written}]").parts.warnings
    assert "'strange_parts/keen'" in told
    assert told == wording


def test_explanation_that_takes_many_passes_is_not_carried_to_its_end(strange_run):
    """A few tell that it works; all of them could take longer than the training."""
    assert strange_run(PLUGIN, *PLAIN, "explainers=[patient]").parts.warnings == ()
