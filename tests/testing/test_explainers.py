"""The checks of explainers: a right one passes each, and each catches an explainer made to break it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from masked import without_numbers, without_quotes
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from cvkit import eval_mode
from cvkit.testing import ExplainerSuite, Suite


class Saliency:
    """How much each pixel moves the target's logit; twins change one step."""

    def __init__(self, model) -> None:
        self.model = model

    def __call__(self, images, targets):
        with eval_mode(self.model), torch.enable_grad():
            return self.maps(self.gradient(images, targets))

    def gradient(self, images, targets):
        inputs = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.scores(inputs, targets), inputs)
        return gradient

    def scores(self, inputs, targets):
        return self.model(inputs).gather(1, targets[:, None]).sum()

    def maps(self, gradient):
        maps = gradient.abs().amax(dim=1)
        return maps / maps.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)


class TestRight(ExplainerSuite):
    factory = staticmethod(Saliency)


class TestRightOnItsOwnModel(ExplainerSuite):
    factory = staticmethod(Saliency)

    def model(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(self.info.channels * 32 * 32, self.info.num_classes))


class KeepsChannels(Saliency):
    def maps(self, gradient):
        return gradient.abs().clamp(max=1)


class ComesAsDoubles(Saliency):
    def maps(self, gradient):
        return super().maps(gradient).double()


class DividesByZero(Saliency):
    def maps(self, gradient):
        return super().maps(gradient) / (gradient.abs().amax(dim=1) * 0)


class KeepsTheSign(Saliency):
    def maps(self, gradient):
        return gradient.mean(dim=1).clamp(-1, 1)


class Signed(Saliency):
    """How much each pixel moves the target's logit, and whether up or down, beside training images."""

    def __init__(self, model, info, background) -> None:
        super().__init__(model)
        self.info, self.background = info, background

    def gradient(self, images, targets):
        gradient = super().gradient(images, targets)
        return gradient * (images - self.background.images[: len(self.background.labels)].mean(dim=0))

    def maps(self, gradient):
        maps = gradient.sum(dim=1)
        return maps / maps.abs().amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)


class TestRightWithSignAndData(ExplainerSuite):
    factory = staticmethod(Signed)
    signed = True


class DividesByThePositiveMaximum(Signed):
    def maps(self, gradient):
        maps = gradient.sum(dim=1)
        return maps / (0.1 * maps.amax(dim=(1, 2), keepdim=True))


class DropsTheSign(Signed):
    def maps(self, gradient):
        return super().maps(gradient).abs()


class WritesIntoTheBackground(Signed):
    def gradient(self, images, targets):
        self.background.images.mul_(0.5)
        return super().gradient(images, targets)


class AsksTheBackground(Signed):
    def gradient(self, images, targets):
        self.background.images.requires_grad_()
        return super().gradient(images, targets).detach()


class KeepsItsGraph(Saliency):
    def maps(self, gradient):
        return super().maps(gradient).requires_grad_()


class DrawsFromItsOwnGenerator(Saliency):
    def gradient(self, images, targets):
        noise = np.random.default_rng().normal(size=tuple(images.shape))
        return super().gradient(images + torch.from_numpy(noise).float(), targets)


class ShowsEdges(Saliency):
    """Looks at the image alone, as some explainers were found to do."""

    def gradient(self, images, targets):
        return images.diff(dim=-1, append=images[..., :1])


class NormalisesOverTheBatch(Saliency):
    def maps(self, gradient):
        maps = gradient.abs().amax(dim=1)
        return maps / maps.max()


class NeedsGradientsOn(Saliency):
    def __call__(self, images, targets):
        with eval_mode(self.model):
            return self.maps(self.gradient(images, targets))


class NeedsAWeightsGradient(Saliency):
    def scores(self, inputs, targets):
        scores = super().scores(inputs, targets)
        weight = next(self.model.parameters())
        torch.autograd.grad(scores, weight, retain_graph=True)
        return scores


class AsksTheImages(Saliency):
    def gradient(self, images, targets):
        inputs = images.requires_grad_()
        (gradient,) = torch.autograd.grad(self.scores(inputs, targets), inputs)
        return gradient


class WritesIntoImages(Saliency):
    def gradient(self, images, targets):
        return super().gradient(images.clamp_(-1, 1), targets)


class LeavesEvaluationOn(Saliency):
    def __call__(self, images, targets):
        self.model.eval()
        return super().__call__(images, targets)


class SetsOneModeForAll(Saliency):
    def __call__(self, images, targets):
        maps = super().__call__(images, targets)
        self.model.train(self.model.training)
        return maps


class LeavesTrainingOn(Saliency):
    def __call__(self, images, targets):
        with torch.enable_grad():
            return self.maps(self.gradient(images, targets))


class GoesBackward(Saliency):
    def gradient(self, images, targets):
        inputs = images.clone().requires_grad_()
        self.scores(inputs, targets).backward()
        return inputs.grad


class ClearsGradients(Saliency):
    def gradient(self, images, targets):
        self.model.zero_grad()
        return super().gradient(images, targets)


class FreezesTheModel(Saliency):
    def __init__(self, model):
        super().__init__(model.requires_grad_(False))


class LeavesAHook(Saliency):
    def __init__(self, model):
        super().__init__(model)
        next(model.children()).register_forward_hook(lambda module, inputs, output: None)


class HooksAParameter(Saliency):
    def __init__(self, model):
        super().__init__(model)
        next(model.parameters()).register_hook(lambda gradient: None)


class HooksGradientsWhenTheyAreThere(Saliency):
    def __init__(self, model):
        super().__init__(model)
        next(model.parameters()).register_post_accumulate_grad_hook(lambda parameter: None)


class HooksEveryModule(Saliency):
    handles = []

    def __init__(self, model):
        super().__init__(model)
        self.handles.append(register_module_forward_hook(lambda module, inputs, output: None))


@pytest.fixture(autouse=True)
def no_hook_on_every_module():
    """What a twin leaves in torch itself is taken away again."""
    yield
    while HooksEveryModule.handles:
        HooksEveryModule.handles.pop().remove()


class TakesItsHookAwayWhenItGoes(Saliency):
    def __init__(self, model):
        super().__init__(model)
        self.handle = next(model.children()).register_forward_hook(lambda module, inputs, output: None)

    def __del__(self):
        self.handle.remove()


TWINS = [
    ("shape", KeepsChannels, "(4, 3, 32, 32)"),
    ("dtype", ComesAsDoubles, "torch.float64"),
    ("finite", DividesByZero, "4096"),
    ("range", KeepsTheSign, "-0."),
    ("detached", KeepsItsGraph, ""),
    ("repeatable", DrawsFromItsOwnGenerator, ""),
    ("depends_on_weights", ShowsEdges, ""),
    ("batch_equals_singles", NormalisesOverTheBatch, ""),
    ("without_gradients", NeedsGradientsOn, "RuntimeError"),
    ("frozen_model", NeedsAWeightsGradient, "RuntimeError"),
    ("leaves_input", AsksTheImages, ""),
    ("leaves_input", WritesIntoImages, ""),
    ("leaves_modes", LeavesEvaluationOn, "''"),
    ("leaves_modes", SetsOneModeForAll, "'features'"),
    ("leaves_weights", LeavesTrainingOn, "'features.1.running_mean'"),
    ("leaves_gradients", GoesBackward, "'features.0.weight'"),
    ("leaves_gradients", ClearsGradients, "'features.0.weight'"),
    ("leaves_requires_grad", FreezesTheModel, "'features.0.weight'"),
    ("leaves_hooks", LeavesAHook, "'features'"),
    ("leaves_hooks", HooksAParameter, "'features.0.weight'"),
    ("leaves_hooks", HooksGradientsWhenTheyAreThere, "'features.0.weight'"),
    ("leaves_hooks", HooksEveryModule, "torch.nn.modules.module"),
    ("leaves_hooks", TakesItsHookAwayWhenItGoes, "'features'"),
]


SIGNED = [
    ("range", DividesByThePositiveMaximum, "to 10"),
    ("signs", DropsTheSign, ""),
    ("leaves_background", WritesIntoTheBackground, ""),
    ("leaves_background", AsksTheBackground, ""),
]


@pytest.mark.parametrize(("check", "twin", "value"), SIGNED, ids=[f"{c}-{t.__name__}" for c, t, _ in SIGNED])
def test_check_of_signed_maps_and_data_catches_its_broken_twin(check, twin, value, seen, wording):
    """A declaration in the suite says that maps are signed."""
    said = seen(ExplainerSuite, check, twin, signed=True)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


@pytest.mark.parametrize(("check", "twin", "value"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, value, seen, wording):
    """What the twin does wrong is what the failure says was seen, with its own names and numbers."""
    said = seen(ExplainerSuite, check, twin)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS + SIGNED} == ExplainerSuite.checks() - Suite.checks()
