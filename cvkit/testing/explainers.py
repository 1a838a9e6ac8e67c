"""The checks of explainers, as required by the report and by training that continues afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from ..checkpoint.state_dicts import model_state
from ..data.splits import DataInfo
from ..engine.background import Background
from ..kinds import KINDS
from ..protocols import ROUNDING
from .comparison import difference
from .contract import Fail, promise
from .sample_parts import sample_background, sample_info, sample_inputs, sample_labels, sample_model, seeded
from .suite import Suite


class ExplainerSuite(Suite):
    """The checks that every explainer must pass, on small images of noise.

    Override `model` if the explainer requires another kind of network.

    Attributes:
        info: Channels, size and classes of the images, by default 3x32x32 and 10 classes.
        signed: Whether the maps of `factory` are in [-1, 1] instead of [0, 1]. For a `component`, its declaration
            determines this.
    """

    kind = KINDS["explainers"]
    info: DataInfo = sample_info()
    signed: bool = False

    @property
    def is_signed(self) -> bool:
        """Whether the maps are in [-1, 1]."""
        return self.signed or self.entry.component.signed

    def model(self) -> nn.Module:
        """Return a model to explain, with weights drawn from the global generators.

        Returns:
            By default, a small network with batch norm.
        """
        return sample_model(self.info)

    def supplied(self) -> tuple[nn.Module, DataInfo, Background]:
        """Return a model in evaluation mode, the properties of the images, and background samples of noise."""
        return self._drawn(), self.info, sample_background(self.info)

    def _drawn(self, seed: int = 0) -> nn.Module:
        with seeded(seed):
            return self.model().eval()

    def _maps(self, model: nn.Module, chosen: slice = slice(None)) -> Tensor:
        """Build the explainer and return its maps of the selected sample images."""
        return self._explained(self._built(model), chosen)

    def _built(self, model: nn.Module, background: Background | None = None) -> Any:
        given = sample_background(self.info) if background is None else background
        return self.build(model, self.info, given)

    def _explained(self, explainer: Any, chosen: slice = slice(None)) -> Tensor:
        images, targets = sample_inputs(self.info), sample_labels(self.info)
        with seeded(1):
            maps: Tensor = explainer(images[chosen], targets[chosen])
        return maps

    def test_shape(self) -> None:
        """Each image gets a map of its size: (B, H, W)."""
        with promise("every explainer returns maps (B, H, W) of the same size as its images (B, C, H, W)") as broken:
            maps, images = self._maps(self._drawn()), sample_inputs(self.info)
            if tuple(maps.shape) != (len(images), *images.shape[2:]):
                broken(f"maps {tuple(maps.shape)} for images {tuple(images.shape)}")

    def test_dtype(self) -> None:
        """Maps are float32."""
        with promise("every explainer returns float32 maps") as broken:
            if (dtype := self._maps(self._drawn()).dtype) != torch.float32:
                broken(str(dtype))

    def test_finite(self) -> None:
        """No value of a map is infinite or NaN."""
        with promise("every explainer returns finite maps") as broken:
            maps = self._maps(self._drawn())
            if bad := int((~torch.isfinite(maps)).sum()):
                broken(f"{bad} of {maps.numel()} values are not finite", "Do not divide by a maximum of 0")

    def test_range(self) -> None:
        """Maps lie in [0, 1], or in [-1, 1] if they are signed."""
        signed = self.is_signed
        contract = "every explainer returns maps in [0, 1]"
        with promise("every signed explainer returns maps in [-1, 1]" if signed else contract) as broken:
            maps = self._maps(self._drawn())
            if maps.min() < (-1 - ROUNDING if signed else 0) or maps.max() > 1 + ROUNDING:
                broken(
                    f"values from {float(maps.min()):.4g} to {float(maps.max()):.4g}",
                    f"Divide each map by its {'largest absolute value' if signed else 'maximum'}",
                )

    def test_signs(self) -> None:
        """Signed maps have negative values, because no class is supported by every pixel of noise."""
        if not self.is_signed:
            return
        with promise(
            "the maps of a signed explainer are negative where pixels are evidence against the class"
        ) as broken:
            maps = self._maps(self._drawn())
            if not (maps < 0).any():
                broken("no value is negative", "Do not declare the component signed, or keep the sign")

    def test_detached(self) -> None:
        """Maps are detached from the graph."""
        with promise("every explainer returns detached maps") as broken:
            if self._maps(self._drawn()).requires_grad:
                broken("the maps require a gradient", "Return maps.detach()")

    def test_repeatable(self) -> None:
        """The same seed, model and images result in the same maps."""
        with promise("an explainer returns the same maps for the same model, images and global seed") as broken:
            model = self._drawn()
            first, second = self._maps(model), self._maps(model)
            if not torch.equal(first, second):
                broken(f"they differ by up to {difference(first, second):.3g}", "Use the global generators")

    def test_depends_on_weights(self) -> None:
        """A model with other weights results in other maps."""
        with promise("an explanation depends on the weights of the model") as broken:
            if torch.equal(self._maps(self._drawn(0)), self._maps(self._drawn(1))):
                broken("the maps of two models with different weights are equal")

    def test_batch_equals_singles(self) -> None:
        """The map of an image is the same alone and in a batch."""
        with promise("an explainer returns the same map for an image alone and in a batch") as broken:
            model = self._drawn()
            together = self._maps(model)
            alone = torch.cat([self._maps(model, slice(i, i + 1)) for i in range(len(together))])
            if not _close(alone, together):
                broken(f"they differ by up to {difference(alone, together):.3g}", "Normalise each map separately")

    def test_without_gradients(self) -> None:
        """Under ``torch.no_grad()``, the maps are the same."""
        with promise("an explainer works if gradients are disabled") as broken:
            model = self._drawn()
            expected = self._maps(model)
            with torch.no_grad():
                maps = self._maps(model)
            _require_close(broken, maps, expected, "Compute gradients inside torch.enable_grad()")

    def test_frozen_model(self) -> None:
        """If no parameter of the model requires a gradient, the maps are the same."""
        with promise("an explainer works on a frozen model") as broken:
            expected = self._maps(self._drawn())
            maps = self._maps(self._drawn().requires_grad_(False))
            _require_close(broken, maps, expected, "Compute gradients with respect to images or activations")

    def test_leaves_input(self) -> None:
        """The input images are not modified, and do not require a gradient afterwards."""
        with promise("an explainer does not modify its input images") as broken:
            images, before = sample_inputs(self.info), sample_inputs(self.info)
            self._built(self._drawn())(images, sample_labels(self.info))
            if images.requires_grad or images.grad is not None:
                broken("they require a gradient afterwards", "Use images.clone().requires_grad_()")
            if not torch.equal(images, before):
                broken("it writes to them")

    def test_leaves_background(self) -> None:
        """The background samples are not modified, and do not require a gradient afterwards."""
        with promise("an explainer does not modify its background samples") as broken:
            given, before = sample_background(self.info), sample_background(self.info)
            self._explained(self._built(self._drawn(), given))
            if given.images.requires_grad:
                broken("they require a gradient afterwards", "Use background.images.clone()")
            if not (torch.equal(given.images, before.images) and torch.equal(given.labels, before.labels)):
                broken("it writes to them", "Use background.images.clone()")

    def test_leaves_modes(self) -> None:
        """The mode of every module, training or evaluation, is not changed."""
        with promise("an explainer does not change the mode of any module of the model") as broken:
            model = _half_trained(self._drawn())
            before = {name: module.training for name, module in model.named_modules()}
            self._maps(model)
            changed = [name for name, module in model.named_modules() if module.training != before[name]]
            if changed:
                broken(f"{len(changed)} modules have another mode, such as '{changed[0]}'", "Use cvkit.eval_mode")

    def test_leaves_weights(self) -> None:
        """No parameter or buffer is changed, even if the model is in training mode."""
        with promise("an explainer does not change any parameter or buffer of the model") as broken:
            for model in (self._drawn(), self._drawn().train()):
                before = {name: tensor.clone() for name, tensor in model_state(model).items()}
                self._maps(model)
                after = model_state(model)
                if changed := [name for name in before if not torch.equal(before[name], after[name])]:
                    mode = "training" if model.training else "evaluation"
                    broken(f"it changes '{changed[0]}' of a model in {mode} mode", "Explain within cvkit.eval_mode")

    def test_leaves_gradients(self) -> None:
        """The ``.grad`` of every parameter is not changed, whether it is None or a gradient."""
        with promise("an explainer does not change the gradient of any parameter") as broken:
            for model in (self._drawn(), _half_trained(self._drawn())):
                before = {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}
                self._maps(model)
                for name, parameter in model.named_parameters():
                    found, left = before[name], parameter.grad
                    if (found is None) != (left is None) or (found is not None and not torch.equal(found, left)):  # type: ignore[arg-type]  # both are tensors here
                        broken(f"it changes the gradient of '{name}'", "Use torch.autograd.grad instead of backward")

    def test_leaves_requires_grad(self) -> None:
        """Trainable parameters stay trainable, and frozen parameters stay frozen."""
        with promise("an explainer does not change requires_grad of any parameter") as broken:
            for model in (self._drawn(), self._drawn().requires_grad_(False)):
                before = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
                self._maps(model)
                for name, parameter in model.named_parameters():
                    if parameter.requires_grad != before[name]:
                        broken(f"requires_grad of '{name}' is {parameter.requires_grad}, but was {before[name]}")

    def test_leaves_hooks(self) -> None:
        """No hook remains on any module or parameter, or on all modules, while the explainer object still exists."""
        with promise("no hook of an explainer remains on the model between explanations") as broken:
            model = self._drawn()
            before = dict(_hooks(model))
            explainer = self._built(model)  # keep the object, as a report does: some remove their hooks when deleted
            self._explained(explainer)
            if left := [place for place, count in _hooks(model) if count > before[place]]:
                broken(f"there are hooks on {', '.join(left[:3])}", "Remove their handles in a finally block")


def _half_trained(model: nn.Module) -> nn.Module:
    """Return the model as during training: with gradients, and in training mode except for its first child."""
    model.train()
    next(iter(model.children()), model).eval()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    return model


def _hooks(model: nn.Module) -> Iterator[tuple[str, int]]:
    """Yield the number of hooks on each module and parameter, and of the global hooks of torch's modules."""
    for name, module in model.named_modules():
        yield f"module '{name}'", _count(vars(module))
    for name, parameter in model.named_parameters():
        tables = ("_backward_hooks", "_post_accumulate_grad_hooks")
        yield f"parameter '{name}'", _count({table: getattr(parameter, table) for table in tables})
    yield "every module, by torch.nn.modules.module", _count(vars(torch_module))


def _count(attributes: dict[str, Any]) -> int:
    """Return the number of hooks in the attributes; torch stores them in tables whose names end with ``_hooks``."""
    return sum(len(table or ()) for name, table in attributes.items() if name.endswith("_hooks"))


def _require_close(broken: Fail, maps: Tensor, expected: Tensor, advice: str) -> None:
    if not _close(maps, expected):
        broken(f"the maps differ by up to {difference(maps, expected):.3g}", advice)


def _close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-3)
