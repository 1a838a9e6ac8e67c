"""The checks of samplers, as required by training and resuming."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.labels import Labels
from ..engine.sampling import order_of, wrong_order
from ..kinds import KINDS
from ..tasks import MULTI_LABEL
from .contract import Fail, promise
from .sample_parts import sample_info, sample_label_sets
from .suite import Suite


class SamplerSuite(Suite):
    """The checks that every sampler must pass.

    Attributes:
        labels: The labels of the training images, by default of 100 images in 5 classes of uneven size.
        weights: The weights of the training images; None if they have none.
    """

    kind = KINDS["samplers"]
    labels: Tensor = torch.arange(5).repeat_interleave(torch.tensor([40, 30, 20, 8, 2])).roll(17)
    weights: Tensor | None = torch.linspace(0, 2, 100, dtype=torch.float64)

    def supplied(self) -> tuple[Labels]:
        """Return the labels, with weights."""
        return (self._given(self.labels, self.weights),)

    def _order(self, seed: int = 1) -> Tensor:
        return order_of(self.build(), seed)

    def test_order(self) -> None:
        """The order is int64 (N,) on the CPU, with indices of the N training images."""
        with promise("every sampler returns indices of training images, int64 (N,) on the CPU") as broken:
            if wrong := wrong_order(self._order(), len(self.labels)):
                broken(wrong)

    def test_repeatable(self) -> None:
        """The order depends only on the seed: not on earlier calls, and not on the object."""
        with promise("the order of an epoch depends only on the seed, so that a run can be resumed") as broken:
            sampler = self.build()
            first = order_of(sampler, 1)
            order_of(sampler, 2)
            for what, other in (("again", order_of(sampler, 1)), ("from a new sampler", self._order())):
                if not torch.equal(first, other):
                    broken(
                        f"the same seed {what} gives another order",
                        "Keep no state, and draw from the global generators or from one with the given seed",
                    )

    def test_epochs_differ(self) -> None:
        """Different seeds give different orders. If one fixed order is intended, skip this check with that reason."""
        with promise("every epoch has another order") as broken:
            if torch.equal(self._order(1), self._order(2)):
                broken("two seeds give the same order", "Draw with the given seed")

    def test_input(self) -> None:
        """The labels and weights are not modified, because the loss and trials use them too."""
        with promise("a sampler does not modify the labels and their weights") as broken:
            labels = self._given(self.labels, self.weights)
            order_of(self.build(labels), 1)
            if not torch.equal(labels.values, self.labels):
                broken("the labels are different afterwards", "Work on a copy")
            if self.weights is not None and (labels.weights is None or not torch.equal(labels.weights, self.weights)):
                broken("the weights are different afterwards", "Work on a copy")

    def test_any_labels(self) -> None:
        """It works for one image, for one class, for a class without images, and with as many classes as images."""
        with promise("every sampler works with any labels, because a trial may train on few images") as broken:
            for name, labels in (
                ("one image", [0]),
                ("images of one class", [0] * 12),
                ("a class without images", [0, 2] * 6),
                ("the last class with one image of seven", [0, 1, 0, 1, 0, 1, 2]),
                ("as many classes as images", list(range(9))),
            ):
                weights = None if self.weights is None else torch.arange(1, len(labels) + 1).double()
                self._require_order(broken, name, torch.tensor(labels), weights)

    def test_label_sets(self) -> None:
        """If the sampler supports ``multi_label``, it works with sets of labels, also empty ones."""
        if MULTI_LABEL.name not in self.supported:
            return
        with promise("a sampler for multi_label works with sets of labels, float (N, K)") as broken:
            weights = None if self.weights is None else torch.arange(1, 13).double()
            self._require_order(broken, "sets of labels", sample_label_sets(sample_info(), 12), weights)

    def test_any_weights(self) -> None:
        """It works with any weights, also if the images of a trial all have the weight 0."""
        with promise("every sampler works with any weights of at least 0") as broken:
            if self.weights is None:
                return
            labels = torch.tensor([0, 1, 2] * 4)
            for name, weights in (
                ("weights of 0", torch.zeros(12)),
                ("one weight above 0", torch.arange(12) == 7),
                ("very large weights", torch.full((12,), 1e308, dtype=torch.float64)),
                ("very small weights", torch.full((12,), 1e-308, dtype=torch.float64)),
            ):
                self._require_order(broken, name, labels, weights.double())

    def _require_order(self, broken: Fail, name: str, labels: Tensor, weights: Tensor | None) -> None:
        try:
            order = order_of(self.build(self._given(labels, weights)), 1)
        except Exception as error:
            broken(f"{type(error).__name__} for {name}: {error}")
        if wrong := wrong_order(order, len(labels)):
            broken(f"for {name}, it {wrong}")

    @staticmethod
    def _given(labels: Tensor, weights: Tensor | None) -> Labels:
        return Labels(len(labels), labels.clone, None if weights is None else weights.clone())
