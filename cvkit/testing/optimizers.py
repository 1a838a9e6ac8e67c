"""The checks of optimizers, as required by training, schedulers, tuners and checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from ..checkpoint.serialization import pack, unpack
from ..checkpoint.state_dicts import load_optimizer_state, named_weights, optimizer_state
from ..engine.step import needs_closure, training_mode
from ..kinds import KINDS
from ..seeding import preserved_randomness
from .contract import promise
from .sample_parts import sample_info, sample_inputs, sample_labels, sample_model, seeded
from .suite import Suite


class OptimizerSuite(Suite):
    """The checks that every optimizer must pass."""

    kind = KINDS["optimizers"]

    def supplied(self) -> tuple[list[nn.Parameter], list[tuple[str, nn.Parameter]], list[tuple[str, Tensor]]]:
        """Return the parameters of a small model, the same with their names, and its buffers with their names."""
        net = _net()
        named = list(net.named_parameters())
        return [weight for _, weight in named], named, _buffers(net)

    def _optimizer(self, *parameters: nn.Parameter, net: nn.Module | None = None) -> Optimizer:
        with promise("every optimizer is a torch.optim.Optimizer") as broken:
            named = [(f"layer.{i}", each) for i, each in enumerate(parameters)]
            optimizer = self.build(list(parameters), named, [] if net is None else _buffers(net))
            if not isinstance(optimizer, Optimizer):
                broken(f"the factory returned {type(optimizer).__name__}")
        return optimizer

    def test_optimizer(self) -> None:
        """The optimizer is a torch optimizer, so that a run can read its groups and state."""
        self._optimizer(*_net().parameters())

    def test_holds_parameters(self) -> None:
        """Every parameter is in exactly one parameter group."""
        with promise("every parameter passed to an optimizer is in exactly one of its groups") as broken:
            given = list(_net().parameters())
            groups = self._optimizer(*given).param_groups
            held = [id(parameter) for group in groups for parameter in group["params"]]
            if sorted(held) != sorted(map(id, given)):
                broken(f"of {len(given)} parameters, {len(set(held) & set(map(id, given)))} are in its groups")

    def test_learning_rates(self) -> None:
        """Each group has a learning rate, and with a rate of zero no weight changes. Schedulers and tuners set it."""
        with promise("the `lr` of each parameter group of an optimizer is its learning rate") as broken:
            net = _net()
            optimizer = self._optimizer(*net.parameters(), net=net)
            for number, group in enumerate(optimizer.param_groups):
                if not isinstance(group.get("lr"), int | float | Tensor):
                    broken(f"group {number} has no `lr`, only {', '.join(map(str, group))}")
                group["lr"] = 0.0
            before = _weights(net)
            _train(net, optimizer, steps=2)
            if not torch.equal(_weights(net), before):
                broken("weights change with a learning rate of 0", "Read group['lr'] in every step")

    def test_lowers_quadratic(self) -> None:
        """After fifty steps, a point is nearer to the minimum of a quadratic function."""
        with promise(
            "every optimizer minimizes a quadratic function: half the squared distance to a point"
        ) as broken:
            point = nn.Parameter(torch.linspace(1, 2, 8))
            optimizer = self._optimizer(point)
            start = float(point.detach().square().sum()) / 2
            for _ in range(50):
                _step(optimizer, lambda: point.square().sum() / 2)
            if not (end := float(point.detach().square().sum()) / 2) < start:
                broken(
                    f"the value changed from {start:.4g} to {end:.4g} in 50 steps", "Try a smaller lr in `options`"
                )

    def test_groups(self) -> None:
        """Groups with names are kept in their order, and each has the rate of the options, for fine-tuning."""
        with promise("an optimizer keeps the parameter groups that it gets, with their names") as broken:
            first, *others = _net().parameters()
            groups: list[dict[str, Any]] = [{"params": [first], "name": "head"}, {"params": others, "name": "body"}]
            named = [
                {**group, "params": [(f"{group['name']}.{i}", each) for i, each in enumerate(group["params"])]}
                for group in groups
            ]
            found = self.build(groups, named, []).param_groups
            names = [group.get("name") for group in found]
            if names != ["head", "body"]:
                broken(
                    f"its groups have the names {names}",
                    "Pass the parameters on to torch.optim.Optimizer as they are",
                )
            if [len(group["params"]) for group in found] != [1, len(others)]:
                broken("the groups contain other parameters")

    def test_resume(self) -> None:
        """After saving to a checkpoint and restoring, the next steps are exactly the same."""
        with promise("an optimizer restored from a checkpoint takes exactly the same steps") as broken:
            net, fresh = _net(), _net()
            optimizer = self._optimizer(*net.parameters(), net=net)
            _train(net, optimizer, steps=3)
            packed, tensors = pack(optimizer_state(optimizer, named_weights(net)))
            fresh.load_state_dict(net.state_dict())
            resumed = self._optimizer(*fresh.parameters(), net=fresh)
            load_optimizer_state(resumed, named_weights(fresh), unpack(json.loads(json.dumps(packed)), tensors))
            _train(net, optimizer, steps=3, first=3)
            _train(fresh, resumed, steps=3, first=3)
            if not torch.equal(_state(net), _state(fresh)):
                difference = float((_state(net) - _state(fresh)).abs().max())
                broken(
                    f"after three steps, the weights or buffers differ by up to {difference:.3g}",
                    "Store everything that affects later steps in self.state and in the groups",
                )

    def test_closure(self) -> None:
        """An optimizer that declares ``needs_closure`` calls the closure in every step."""
        with promise("an optimizer with needs_closure computes the gradient by the closure in every step") as broken:
            net = _net()
            optimizer = self._optimizer(*net.parameters(), net=net)
            images, labels = sample_inputs(_INFO), sample_labels(_INFO)
            for step in (1, 2):
                if not _step(optimizer, lambda: cross_entropy(net(images), labels)):
                    broken(f"step {step} did not call it", "Call closure() in step, or remove needs_closure")

    def test_modes(self) -> None:
        """``train()`` and ``eval()``, if there are any, change nothing when they are called again."""
        with promise("an optimizer with two modes stays in a mode that it is set to again") as broken:
            net = _net()
            optimizer = self._optimizer(*net.parameters(), net=net)
            _train(net, optimizer, steps=3)
            for mode in ("eval", "train", "eval"):
                switch = getattr(optimizer, mode, lambda: None)
                switch()
                before = _weights(net)
                switch()
                if not torch.equal(_weights(net), before):
                    broken(f"a second {mode}() changes the weights", "Store the mode in the groups")

    def test_leaves_frozen(self) -> None:
        """A parameter without a gradient is not changed, with or without weight decay."""
        with promise("an optimizer does not change parameters without a gradient") as broken:
            net = _net()
            frozen = next(net.parameters())
            optimizer = self._optimizer(*net.parameters(), net=net)
            frozen.requires_grad_(False)
            before = frozen.clone()
            _train(net, optimizer, steps=2)
            if not torch.equal(frozen, before):
                broken("it changes them", "Skip parameters whose grad is None")


def _net() -> nn.Module:
    with seeded():
        return sample_model(_INFO)


_INFO = sample_info(height=8, width=8)


def _train(net: nn.Module, optimizer: Optimizer, steps: int, first: int = 0) -> None:
    """Take optimizer steps, each with its own dropout."""
    images, labels = sample_inputs(_INFO), sample_labels(_INFO)
    net.train()
    for step in range(first, first + steps):
        with seeded(step):
            _step(optimizer, lambda: cross_entropy(net(images), labels))


def _step(optimizer: Optimizer, value: Callable[[], Tensor]) -> int:
    """Take an optimizer step with the gradient of `value`; return how often it was computed."""
    calls = 0

    def closure() -> Tensor:
        nonlocal calls
        calls += 1
        optimizer.zero_grad(set_to_none=True)
        with preserved_randomness():
            result = value()
            result.backward()
        return result

    with training_mode(optimizer, _unguarded):
        if needs_closure(optimizer):
            optimizer.step(closure)  # type: ignore[arg-type]  # a tensor is as good as a float
        else:
            closure()
            optimizer.step()
    return calls


def _unguarded(call: Callable[[], Any]) -> Any:
    return call()


def _buffers(net: nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, each) for name, each in net.named_buffers() if each.is_floating_point()]


def _state(net: nn.Module) -> Tensor:
    return torch.cat([_weights(net), *(buffer.flatten() for _, buffer in _buffers(net))])


def _weights(net: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])
