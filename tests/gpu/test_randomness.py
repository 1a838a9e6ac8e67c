"""What a GPU draws is a function of the seed, and its generator is left as it was."""

from __future__ import annotations

import pytest
import torch

from cvkit import preserved_randomness
from cvkit.seeding import preserved_on_cpu, seed_everything


def drawn(device: torch.device) -> list[float]:
    return torch.rand(3, device=device).tolist()


def test_generators_of_cpu_and_gpu_are_left_as_they_were(any_gpu):
    """After a block that seeds, draws and fails."""
    device = any_gpu.device
    seed_everything("outer", 1)
    expected = drawn(device), drawn(torch.device("cpu"))
    seed_everything("outer", 1)
    with pytest.raises(KeyError), preserved_randomness():
        _seed_draw_and_fail(device)
    assert (drawn(device), drawn(torch.device("cpu"))) == expected


def _seed_draw_and_fail(device: torch.device) -> None:
    seed_everything("inner", 2)
    drawn(device)
    raise KeyError


def test_loading_process_leaves_the_gpu_alone(gpu, monkeypatch):
    """A process that was forked from one with a GPU cannot ask it."""

    def refuse(*args):
        raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")

    monkeypatch.setattr("cvkit.seeding.get_worker_info", lambda: object())
    for name in ("get_rng_state", "get_rng_state_all", "set_rng_state", "set_rng_state_all"):
        monkeypatch.setattr(torch.cuda, name, refuse)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", refuse)
    with preserved_on_cpu(), preserved_randomness():
        torch.rand(())


def test_trial_leaves_what_the_run_draws(any_gpu, make_run):
    """Dropout and places of crops come from the GPU's generator."""
    device = any_gpu.device
    run = make_run()
    seed_everything("before", 3)
    expected = drawn(device)
    seed_everything("before", 3)
    with run.parts.trial("elsewhere") as trial:
        next(trial.steps())
    assert drawn(device) == expected
