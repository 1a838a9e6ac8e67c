"""What every loss must do: what the training step and the evaluation rely on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ..component import KINDS
from ..engine.data import DataInfo
from .contract import Suite, promise
from .samples import sample_info, sample_labels, seeded


class LossSuite(Suite):
    """The checks that every loss must pass; `info` is the data set it is built for, of 10 classes."""

    kind = KINDS["losses"]
    info: DataInfo = sample_info()

    def supplied(self) -> tuple[DataInfo]:
        """Return the data set's info."""
        return (self.info,)

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

    def test_module(self) -> None:
        """It is a module, so that it can be moved to a device."""
        self._loss()

    def test_scalar(self) -> None:
        """Logits (B, K) and labels (B,) give a floating-point scalar."""
        with promise("every loss turns logits (B, K) and labels (B,) into a scalar") as broken:
            value = self._loss()(*self._batch())
            if not (isinstance(value, Tensor) and value.shape == () and value.is_floating_point()):
                got = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
                broken(got, "Take the mean over the batch")

    def test_differentiable(self) -> None:
        """It has a finite gradient with respect to the logits, not all of it zero."""
        with promise("every loss has a finite gradient with respect to the logits") as broken:
            logits, labels = self._batch()
            logits.requires_grad_()
            (gradient,) = torch.autograd.grad(self._loss()(logits, labels), logits)
            if not torch.isfinite(gradient).all():
                broken("a gradient that is not finite")
            if not gradient.any():
                broken("a gradient that is zero everywhere")

    def test_finite(self) -> None:
        """Confident logits, right or wrong, and equal ones give a finite loss."""
        with promise("every loss is finite for finite logits") as broken:
            _, labels = self._batch()
            right = one_hot(labels, self.info.num_classes).float()
            for name, logits in (
                ("confident", 300 * right),
                ("confident and wrong", -300 * right),
                ("equal", 0 * right),
            ):
                if not torch.isfinite(value := self._loss()(logits, labels)).all():
                    broken(f"{float(value)} for {name} logits", "Use log_softmax or logsumexp")

    def test_repeatable(self) -> None:
        """The same batch gives the same loss again: it keeps nothing, and draws nothing."""
        with promise("every loss gives the same value for the same batch") as broken:
            loss, batch = self._loss(), self._batch()
            first, second = float(loss(*batch)), float(loss(*batch))
            if first != second:
                broken(f"{first:.7g}, then {second:.7g}")

    def test_order(self) -> None:
        """The order of the samples in a batch makes no difference."""
        with promise("a loss does not depend on the order of the samples in a batch") as broken:
            loss, (logits, labels) = self._loss(), self._batch()
            first, turned = float(loss(logits, labels)), float(loss(logits.flip(0), labels.flip(0)))
            if not _same(first, turned):
                broken(f"{first:.7g}, and {turned:.7g} for the same batch turned round")

    def test_batch_mean(self) -> None:
        """The whole batch's loss is the mean of its parts', weighted by their sizes: gradients are accumulated so."""
        with promise("the loss of a batch is the mean of the losses of its parts, weighted by their sizes") as broken:
            loss, (logits, labels) = self._loss(), self._batch(12)
            whole = float(loss(logits, labels))
            parts = sum(float(loss(logits[part], labels[part])) * share for part, share in _PARTS)
            if not _same(whole, parts):
                broken(f"{whole:.7g} for the whole, and {parts:.7g} from its parts", "Return the mean over samples")

    def test_prefers_right(self) -> None:
        """Logits that say the label cost less than logits that say another class."""
        with promise("a loss is lower for right logits than for wrong ones") as broken:
            loss, (_, labels) = self._loss(), self._batch()
            right, wrong = (
                float(loss(4.0 * one_hot(said, self.info.num_classes), labels))
                for said in (labels, (labels + 1) % self.info.num_classes)
            )
            if not right < wrong:
                broken(f"{right:.4g} for right logits, {wrong:.4g} for wrong ones")


_PARTS = ((slice(0, 4), 4 / 12), (slice(4, 12), 8 / 12))


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-5 * max(1.0, abs(one))
