"""What every explainer must do: what the report relies on, and a model that is trained on afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from ..checkpoint.state_dicts import model_state
from ..data.splits import DataInfo
from ..kinds import KINDS
from .sample_parts import sample_info, sample_inputs, sample_labels, sample_model, seeded
from .suite import Fail, Suite, promise


class ExplainerSuite(Suite):
    """The checks that every explainer must pass, on small images of noise.

    `info` is their size, 3x32x32 of 10 classes; override `model` where the explainer is for another kind of network.
    """

    kind = KINDS["explainers"]
    info: DataInfo = sample_info()

    def model(self) -> nn.Module:
        """Return a model to explain, its weights drawn from the global generators: small, with batch norm."""
        return sample_model(self.info)

    def supplied(self) -> tuple[nn.Module]:
        """Return a model in evaluation mode."""
        return (self._drawn(),)

    def _drawn(self, seed: int = 0) -> nn.Module:
        with seeded(seed):
            return self.model().eval()

    def _maps(self, model: nn.Module, chosen: slice = slice(None)) -> Tensor:
        """Build the explainer and return its maps of the chosen sample images."""
        return self._explained(self.build(model), chosen)

    def _explained(self, explainer: Any, chosen: slice = slice(None)) -> Tensor:
        images, targets = sample_inputs(self.info), sample_labels(self.info)
        with seeded(1):
            maps: Tensor = explainer(images[chosen], targets[chosen])
        return maps

    def test_shape(self) -> None:
        """A map for each image, of its size: (B, H, W)."""
        with promise("every explainer returns a map (B, H, W) of the size of its images (B, C, H, W)") as broken:
            maps, images = self._maps(self._drawn()), sample_inputs(self.info)
            if tuple(maps.shape) != (len(images), *images.shape[2:]):
                broken(f"maps {tuple(maps.shape)} of images {tuple(images.shape)}")

    def test_dtype(self) -> None:
        """Maps are float32."""
        with promise("every explainer returns float32 maps") as broken:
            if (dtype := self._maps(self._drawn()).dtype) != torch.float32:
                broken(str(dtype))

    def test_finite(self) -> None:
        """No value of a map is infinite or not a number."""
        with promise("every explainer returns finite maps") as broken:
            maps = self._maps(self._drawn())
            if bad := int((~torch.isfinite(maps)).sum()):
                broken(f"{bad} of {maps.numel()} values are not", "Guard the division by a map's maximum")

    def test_range(self) -> None:
        """Maps lie in [0, 1]."""
        with promise("every explainer returns maps in [0, 1]") as broken:
            maps = self._maps(self._drawn())
            if maps.min() < 0 or maps.max() > 1 + 1e-6:
                broken(
                    f"values from {float(maps.min()):.4g} to {float(maps.max()):.4g}",
                    "Divide each map by its maximum",
                )

    def test_detached(self) -> None:
        """Maps carry no graph."""
        with promise("every explainer returns detached maps") as broken:
            if self._maps(self._drawn()).requires_grad:
                broken("maps that require a gradient", "Return maps.detach()")

    def test_repeatable(self) -> None:
        """The same seed, model and images give the same maps."""
        with promise("an explainer gives the same maps for the same model, images and global seed") as broken:
            model = self._drawn()
            first, second = self._maps(model), self._maps(model)
            if not torch.equal(first, second):
                broken(f"they differ by up to {_difference(first, second):.3g}", "Draw from the global generators")

    def test_depends_on_weights(self) -> None:
        """A model with weights drawn anew gives other maps."""
        with promise("an explanation depends on the weights of the model") as broken:
            if torch.equal(self._maps(self._drawn(0)), self._maps(self._drawn(1))):
                broken("the maps of two models with different weights are the same")

    def test_batch_equals_singles(self) -> None:
        """An image gets the same map alone as among others."""
        with promise("an explainer gives an image the same map alone and in a batch") as broken:
            model = self._drawn()
            together = self._maps(model)
            alone = torch.cat([self._maps(model, slice(i, i + 1)) for i in range(len(together))])
            if not _close(alone, together):
                broken(f"they differ by up to {_difference(alone, together):.3g}", "Normalise each map on its own")

    def test_without_gradients(self) -> None:
        """Under ``torch.no_grad()`` it gives the same maps."""
        with promise("an explainer works where gradients are switched off") as broken:
            model = self._drawn()
            expected = self._maps(model)
            with torch.no_grad():
                maps = self._maps(model)
            _require_close(broken, maps, expected, "Wrap what needs a gradient in torch.enable_grad()")

    def test_frozen_model(self) -> None:
        """A model none of whose parameters requires a gradient gives the same maps."""
        with promise("an explainer works on a frozen model") as broken:
            expected = self._maps(self._drawn())
            maps = self._maps(self._drawn().requires_grad_(False))
            _require_close(broken, maps, expected, "Take the gradient with respect to images or activations")

    def test_leaves_input(self) -> None:
        """The images it is given stay as they were, and ask for no gradient."""
        with promise("an explainer leaves the images that it is given as they were") as broken:
            images, before = sample_inputs(self.info), sample_inputs(self.info)
            self.build(self._drawn())(images, sample_labels(self.info))
            if images.requires_grad or images.grad is not None:
                broken("they require a gradient now", "Use images.clone().requires_grad_()")
            if not torch.equal(images, before):
                broken("it writes into them")

    def test_leaves_modes(self) -> None:
        """Every module is in the mode, training or evaluation, in which it was."""
        with promise("an explainer leaves the mode of every module of a model as it found it") as broken:
            model = _half_trained(self._drawn())
            before = {name: module.training for name, module in model.named_modules()}
            self._maps(model)
            changed = [name for name, module in model.named_modules() if module.training != before[name]]
            if changed:
                broken(f"{len(changed)} modules are in another mode, such as '{changed[0]}'", "Use cvkit.eval_mode")

    def test_leaves_weights(self) -> None:
        """Every parameter and buffer is as it was, even of a model that comes in training mode."""
        with promise("an explainer leaves every parameter and buffer of a model as it found them") as broken:
            for model in (self._drawn(), self._drawn().train()):
                before = {name: tensor.clone() for name, tensor in model_state(model).items()}
                self._maps(model)
                after = model_state(model)
                if changed := [name for name in before if not torch.equal(before[name], after[name])]:
                    mode = "training" if model.training else "evaluation"
                    broken(f"'{changed[0]}' of a model in {mode} mode is changed", "Explain within cvkit.eval_mode")

    def test_leaves_gradients(self) -> None:
        """Every parameter's ``.grad`` is as it was, be it None or a gradient."""
        with promise("an explainer leaves the gradient of every parameter as it found it") as broken:
            for model in (self._drawn(), _half_trained(self._drawn())):
                before = {n: None if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}
                self._maps(model)
                for name, parameter in model.named_parameters():
                    found, left = before[name], parameter.grad
                    if (found is None) != (left is None) or (found is not None and not torch.equal(found, left)):  # type: ignore[arg-type]  # both are tensors here
                        broken(f"the gradient of '{name}' is another", "Use torch.autograd.grad instead of backward")

    def test_leaves_requires_grad(self) -> None:
        """What was trained is trained on, and what was frozen stays frozen."""
        with promise("an explainer leaves requires_grad of every parameter as it found it") as broken:
            for model in (self._drawn(), self._drawn().requires_grad_(False)):
                before = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
                self._maps(model)
                for name, parameter in model.named_parameters():
                    if parameter.requires_grad != before[name]:
                        broken(f"requires_grad of '{name}' is {parameter.requires_grad}, and was {before[name]}")

    def test_leaves_hooks(self) -> None:
        """No hook is left on any module or parameter, or on all modules, while the explainer itself is kept."""
        with promise("an explainer leaves no hook on a model, between one explanation and the next") as broken:
            model = self._drawn()
            before = dict(_hooks(model))
            explainer = self.build(model)  # held on to, as a report does: some take their hooks away when they go
            self._explained(explainer)
            if left := [place for place, count in _hooks(model) if count > before[place]]:
                broken(f"hooks on {', '.join(left[:3])}", "Remove their handles in a finally block")


def _half_trained(model: nn.Module) -> nn.Module:
    """Return the model as a training loop may hold it: with gradients, in training mode but for its first child."""
    model.train()
    next(iter(model.children()), model).eval()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    return model


def _hooks(model: nn.Module) -> Iterator[tuple[str, int]]:
    """Yield how many hooks there are on each module and parameter, and on torch's modules altogether."""
    for name, module in model.named_modules():
        yield f"module '{name}'", _count(vars(module))
    for name, parameter in model.named_parameters():
        tables = ("_backward_hooks", "_post_accumulate_grad_hooks")
        yield f"parameter '{name}'", _count({table: getattr(parameter, table) for table in tables})
    yield "every module, by torch.nn.modules.module", _count(vars(torch_module))


def _count(attributes: dict[str, Any]) -> int:
    """Return how many hooks the tables among some attributes hold; torch names and fills them alike everywhere."""
    return sum(len(table or ()) for name, table in attributes.items() if name.endswith("_hooks"))


def _require_close(broken: Fail, maps: Tensor, expected: Tensor, advice: str) -> None:
    if not _close(maps, expected):
        broken(f"maps then differ by up to {_difference(maps, expected):.3g}", advice)


def _close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-3)


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max())
