"""Seeds are pure functions of what they are for."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest
import torch

from cvkit.seeding import derive, permutation, preserved_randomness, seed_everything


def test_seed_is_the_same_on_every_platform():
    """The derivation is pinned: a changed value would change every run ever recorded."""
    assert derive("train step", 0, 3, 7) == 2973305921158383362


@pytest.mark.parametrize(
    "other", [("train step", 0, 3, 8), ("train step", 1, 3, 7), ("train order", 0, 3, 7), ("train step", 0, 37)]
)
def test_seed_depends_on_purpose_and_every_counter(other):
    """No two draws share a seed by accident of concatenation."""
    assert derive("train step", 0, 3, 7) != derive(*other)


def test_seeding_makes_all_three_generators_repeat():
    """Python, NumPy and torch draw the same after the same counters."""

    def draws():
        seed_everything("test", 1, 2)
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    assert draws() == draws()


def test_permutation_draws_nothing_from_the_global_generator():
    """An order is its own matter."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    order = permutation(100, "order", 5)
    assert torch.equal(torch.rand(3), expected)
    assert sorted(order.tolist()) == list(range(100))
    assert not torch.equal(order, permutation(100, "order", 6))


def test_preserved_randomness_survives_an_error():
    """What a failing tuner drew is forgotten too."""
    seed_everything("outer", 0)
    expected = random.random(), float(np.random.rand()), float(torch.rand(()))
    seed_everything("outer", 0)
    with contextlib.suppress(KeyError), preserved_randomness():
        seed_everything("inner", 9)
        raise KeyError
    assert (random.random(), float(np.random.rand()), float(torch.rand(()))) == expected


def test_steps_without_a_gpu_do_not_wait_for_one(monkeypatch):
    """torch's own function takes 0.3 ms to note the seed for a GPU that may come; the draws are the same."""
    torch.manual_seed(derive("step", 4))
    expected = torch.rand(3)

    def slow(seed: int) -> None:
        raise AssertionError("torch.manual_seed was called")

    monkeypatch.setattr(torch, "manual_seed", slow)
    seed_everything("step", 4)
    assert torch.equal(torch.rand(3), expected)
