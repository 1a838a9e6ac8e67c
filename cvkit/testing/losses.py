"""The checks of losses, as required by training and evaluation."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.optim import SGD

from ..checkpoint.serialization import pack, unpack
from ..checkpoint.state_dicts import load_model_state, model_state
from ..data.labels import ClassCounts, Labels
from ..data.splits import DataInfo
from ..engine.fixed_weights import fixed_weights
from ..kinds import KINDS
from ..tasks import MULTI_LABEL
from .contract import promise
from .sample_parts import sample_images, sample_info, sample_label_sets, sample_labels, seeded
from .suite import Suite


class LossSuite(Suite):
    """The checks that every loss must pass.

    Attributes:
        info: Channels, size and classes of the data, by default 3x32x32 and 10 classes.
        soft_targets: Whether the loss of `factory` takes targets (B, K) too. For a `component`, its declaration
            determines this.
        takes_images: Whether the loss of `factory` gets images in training. For a `component`, its declaration
            determines this.
    """

    kind = KINDS["losses"]
    info: DataInfo = sample_info()
    soft_targets: bool = False
    takes_images: bool = False

    def supplied(self) -> tuple[DataInfo, tuple[int, ...]]:
        """Return the information about the data set, and uneven counts of its classes."""
        return (self.info, tuple(range(1, self.info.num_classes + 1)))

    def _loss(self) -> nn.Module:
        with promise("every loss is an nn.Module") as broken:
            loss = self.build()
            if not isinstance(loss, nn.Module):
                broken(f"the factory returned {type(loss).__name__}")
        return loss

    def _batch(self, count: int = 12) -> tuple[Tensor, Tensor]:
        """Return logits (count, K) and labels (count,)."""
        with seeded(1):
            logits = torch.randn(count, self.info.num_classes)
        return logits, sample_labels(self.info, count)

    def _call(self, loss: nn.Module, logits: Tensor, labels: Tensor, chosen: Tensor | slice = slice(None)) -> Tensor:
        """Return the loss as a run calls it: in training also with the images, of the `chosen` samples."""
        if not loss.training or not (self.takes_images or self.entry.component.takes_images):
            return loss(logits, labels)  # type: ignore[no-any-return]  # a loss may return anything
        images = sample_images(self.info, 12) / 255
        return loss(logits, labels, images[chosen])  # type: ignore[no-any-return]  # as above

    def _value(self, loss: nn.Module, logits: Tensor, labels: Tensor, chosen: Tensor | slice = slice(None)) -> float:
        with torch.no_grad():
            return float(self._call(loss, logits, labels, chosen))

    def test_module(self) -> None:
        """The loss is a module, so that it can be moved to a device."""
        self._loss()

    def test_scalar(self) -> None:
        """Logits (B, K) and labels (B,) result in a floating-point scalar."""
        with promise("every loss returns a scalar for logits (B, K) and labels (B,)") as broken:
            value = self._call(self._loss(), *self._batch())
            if not (isinstance(value, Tensor) and value.shape == () and value.is_floating_point()):
                got = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
                broken(got, "Return the mean over the batch")

    def test_differentiable(self) -> None:
        """The gradient with respect to the logits is finite, and not zero everywhere."""
        with promise("every loss has a finite, nonzero gradient with respect to the logits") as broken:
            logits, labels = self._batch()
            logits.requires_grad_()
            (gradient,) = torch.autograd.grad(self._call(self._loss(), logits, labels), logits)
            if not torch.isfinite(gradient).all():
                broken("the gradient is not finite")
            if not gradient.any():
                broken("the gradient is zero everywhere")

    def test_finite(self) -> None:
        """The loss is finite for confident logits, right or wrong, and for equal logits."""
        with promise("every loss is finite for finite logits") as broken:
            _, labels = self._batch()
            right = one_hot(labels, self.info.num_classes).float()
            for name, logits in (
                ("confident", 300 * right),
                ("confident and wrong", -300 * right),
                ("equal", 0 * right),
            ):
                if not math.isfinite(value := self._value(self._loss(), logits, labels)):
                    broken(f"the loss is {value} for {name} logits", "Use log_softmax or logsumexp")

    def test_repeatable(self) -> None:
        """The same batch results in the same loss again: the loss keeps no state and draws no random numbers."""
        with promise("every loss returns the same value for the same batch") as broken:
            loss, batch = self._loss(), self._batch()
            first, second = self._value(loss, *batch), self._value(loss, *batch)
            if first != second:
                broken(f"{first:.7g}, then {second:.7g}")

    def test_weights(self) -> None:
        """All trained tensors are parameters, and every parameter that requires a gradient gets one."""
        contract = "trained tensors of a loss are parameters, and each that requires a gradient gets a finite one"
        with promise(contract) as broken:
            loss, (logits, labels) = self._loss(), self._batch()
            logits.requires_grad_()
            value = self._call(loss.train(), logits, labels)
            known = {id(logits), *map(id, loss.parameters())}
            if strangers := [leaf for leaf in _leaves(value) if id(leaf) not in known]:
                broken(
                    f"a tensor {tuple(strangers[0].shape)} requires a gradient but is not a parameter: it is not "
                    "trained",
                    "Store it as nn.Parameter, or with register_buffer if it should not be trained",
                )
            value.backward()
            for name, parameter in loss.named_parameters():
                if parameter.requires_grad and (parameter.grad is None or not parameter.grad.isfinite().all()):
                    got = "no gradient" if parameter.grad is None else "a gradient that is not finite"
                    broken(f"{name} gets {got}", "Use it in forward, or set requires_grad to False")

    def test_state(self) -> None:
        """A new loss with the parameters and buffers from a checkpoint is equal to the original."""
        with promise(
            "the parameters and buffers of a loss are its complete state, because a checkpoint stores only them"
        ) as broken:
            loss, (logits, labels) = self._loss(), self._batch()
            weights = [parameter for parameter in loss.parameters() if parameter.requires_grad]
            value = self._call(loss.train(), logits.requires_grad_(), labels)
            if weights and value.requires_grad:
                value.backward()
                SGD(weights, lr=0.5).step()
            packed, tensors = pack(model_state(loss))
            with seeded(2):
                fresh = self._loss()
            load_model_state(fresh, unpack(json.loads(json.dumps(packed)), tensors), "loss")
            first, second = (self._value(each.eval(), logits, labels) for each in (loss, fresh))
            if first != second:
                broken(
                    f"{first:.7g}, but {second:.7g} after restoring the state in a new loss",
                    "Store trained tensors as nn.Parameter, and counters with register_buffer",
                )

    def test_fixed_weights(self) -> None:
        """If the loss names weights that it uses without training them, the same weights have the same SHA-256."""
        contract = "fixed_weights of a loss maps names to SHA-256, the same for the same weights"
        with promise(contract) as broken:
            first, second = (fixed_weights(self.entry, self._loss()) for _ in range(2))
            for name, digest in first.items():
                if not re.fullmatch("[0-9a-f]{64}", digest):
                    broken(f"{digest!r} for {name!r}", "Use hashlib.sha256(...).hexdigest()")
            if first != second:
                broken(
                    "another loss with the same options has other names or digests",
                    "Compute them from the weights alone, because a run is resumed only with the same",
                )

    def test_soft_targets(self) -> None:
        """If the loss takes soft targets, those that name one class have the loss of its label."""
        if not (self.soft_targets or self.entry.component.soft_targets):
            return
        with promise("a loss with soft_targets gives one-hot targets (B, K) the loss of their labels") as broken:
            loss, (logits, labels) = self._loss(), self._batch()
            targets = one_hot(labels, self.info.num_classes).float()
            hard, soft = self._value(loss, logits, labels), self._value(loss, logits, targets)
            if not _same(hard, soft):
                broken(f"{hard:.7g} for labels, but {soft:.7g} for the same labels as targets")

    def test_soft_batch_mean(self) -> None:
        """If the loss takes soft targets, a batch's loss is the mean of its parts' losses for these too."""
        if not (self.soft_targets or self.entry.component.soft_targets):
            return
        with promise("the loss of a batch with soft targets is the mean of the losses of its parts") as broken:
            loss, (logits, labels) = self._loss(), self._batch(12)
            targets = one_hot(labels, self.info.num_classes).float()
            mixed = 0.7 * targets + 0.3 * targets.flip(0)
            whole = self._value(loss, logits, mixed)
            parts = sum(self._value(loss, logits[part], mixed[part], part) * share for part, share in _PARTS)
            if not _same(whole, parts):
                broken(f"{whole:.7g} for the batch, but {parts:.7g} from its parts", "Return the mean over samples")

    def test_label_sets(self) -> None:
        """If the loss supports ``multi_label``, it takes sets of labels, float (B, K), also empty ones."""
        if MULTI_LABEL.name not in self.supported:
            return
        contract = "a loss for multi_label returns the mean over sets of labels (B, K), and less for right logits"
        with promise(contract) as broken:
            info, sets = replace(self.info, task=MULTI_LABEL.name), sample_label_sets(self.info, 12)
            counts = ClassCounts(Labels(len(sets), lambda: sets), info.num_classes, info.labels)
            loss: nn.Module = self.build(info, counts)
            right, wrong = (self._value(loss, sign * (4 * sets - 2), sets) for sign in (1, -1))
            if not right < wrong:  # also if one of them is not a number
                broken(f"{right:.4g} for right logits, but {wrong:.4g} for wrong ones")
            logits = self._batch(12)[0]
            whole = self._value(loss, logits, sets)
            parts = sum(self._value(loss, logits[part], sets[part], part) * share for part, share in _PARTS)
            if not _same(whole, parts):
                broken(f"{whole:.7g} for the batch, but {parts:.7g} from its parts", "Return the mean over samples")

    def test_evaluates_alone(self) -> None:
        """In evaluation mode, logits and labels result in a scalar, also if the loss takes images in training."""
        with promise("a loss in evaluation mode returns a scalar for logits and labels alone") as broken:
            loss = self._loss().eval()
            value = loss(*self._batch())
            if not (isinstance(value, Tensor) and value.shape == ()):
                broken(
                    f"it returns {type(value).__name__}", "Return the loss of the labels if self.training is false"
                )

    def test_order(self) -> None:
        """The order of the samples in a batch does not matter."""
        with promise("a loss does not depend on the order of the samples in a batch") as broken:
            loss, (logits, labels) = self._loss(), self._batch()
            back = torch.arange(len(labels)).flip(0)
            first, turned = self._value(loss, logits, labels), self._value(loss, logits[back], labels[back], back)
            if not _same(first, turned):
                broken(f"{first:.7g}, but {turned:.7g} for the same batch in reverse order")

    def test_batch_mean(self) -> None:
        """A batch's loss is the mean of its parts' losses, weighted by size, because gradients are accumulated so."""
        with promise("the loss of a batch is the mean of the losses of its parts, weighted by their sizes") as broken:
            loss, (logits, labels) = self._loss(), self._batch(12)
            whole = self._value(loss, logits, labels)
            parts = sum(self._value(loss, logits[part], labels[part], part) * share for part, share in _PARTS)
            if not _same(whole, parts):
                broken(f"{whole:.7g} for the batch, but {parts:.7g} from its parts", "Return the mean over samples")

    def test_prefers_right(self) -> None:
        """Logits that favour the label result in a lower loss than logits that favour another class."""
        with promise("a loss is lower for right logits than for wrong ones") as broken:
            loss, (_, labels) = self._loss(), self._batch()
            right, wrong = (
                self._value(loss, 4.0 * one_hot(said, self.info.num_classes), labels)
                for said in (labels, (labels + 1) % self.info.num_classes)
            )
            if not right < wrong:
                broken(f"{right:.4g} for right logits, but {wrong:.4g} for wrong ones")


_PARTS = ((slice(0, 4), 4 / 12), (slice(4, 12), 8 / 12))


def _leaves(value: Tensor) -> list[Tensor]:
    """Return the leaf tensors that the gradient of a value is passed back to."""
    leaves, waiting, seen = [], [value.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(variable := getattr(node, "variable", None), Tensor):
            leaves.append(variable)
        waiting += [following for following, _ in node.next_functions]
    return leaves


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-5 * max(1.0, abs(one))
