"""The training images of an epoch and their order, from the recipe's sampler."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.labels import Labels
from ..guard import Guard, shown
from ..protocols import Sampler
from ..recipe import Recipe
from ..seeding import preserved_on_cpu, seed_cpu
from .building import drawn


class Sampling:
    """The recipe's sampler, built for the images that have `labels`."""

    def __init__(self, recipe: Recipe, labels: Labels) -> None:
        self._recipe, self._labels = recipe, labels
        self._guard = Guard(recipe.sampler.entry, "cannot order the training images with seed")
        self._sampler: Sampler = drawn(recipe, "initialisation of the sampler", recipe.sampler, labels)
        self._last: tuple[int, Tensor] | None = None  # an epoch is announced before it begins

    @property
    def soft_labels(self) -> Tensor | None:
        """The soft labels of the images, float32 (N, K) on the CPU, or None."""
        return self._labels.soft

    def of(self, indices: Tensor) -> Sampling:
        """Return the same sampler, built for the images at `indices`, int64 (M,)."""
        return Sampling(self._recipe, self._labels.at(indices))

    def order(self, seed: int) -> Tensor:
        """Return the indices of the images of an epoch, int64 (N,), in the order of training.

        Raises `ComponentFailure` if the sampler fails or returns something else.
        """
        if self._last is not None and self._last[0] == seed:
            return self._last[1]
        order = self._guard(order_of, self._sampler, seed)
        if wrong := wrong_order(order, len(self._labels)):
            raise self._guard.failure(wrong)
        self._last = (seed, order)
        checked: Tensor = order
        return checked


def order_of(sampler: Sampler, seed: int) -> Tensor:
    """Return the order for `seed`. Draws from the CPU's global generators depend only on the seed too."""
    with preserved_on_cpu():
        seed_cpu("sampler", seed)
        return sampler(seed)


def wrong_order(order: object, count: int) -> str:
    """Return what is wrong with the order of an epoch of `count` images; empty if nothing is."""
    expected = f"expected int64 ({count},) on the CPU, with numbers from 0 to {count - 1}"
    if not isinstance(order, Tensor) or order.dtype != torch.int64 or order.shape != (count,):
        return f"returned {shown(order)}; {expected}"
    if order.device.type != "cpu":
        return f"returned a tensor on the device {order.device}; {expected}"
    if order.min() < 0 or order.max() >= count:
        return f"returned numbers from {order.min()} to {order.max()}; {expected}"
    return ""
