"""A checkpoint of one device continues on another; on the same device the result is that of an uninterrupted run."""

from __future__ import annotations

import pytest
import torch

from cvkit import RunFolder
from cvkit.checkpoint.files import read_newest, write_checkpoint
from cvkit.checkpoint.serialization import pack
from cvkit.checkpoint.state_copy import StateCopy
from cvkit.engine.trainer import EpochRecord
from cvkit.runs.load import load_trained

ADAMW = "optimizer=adamw"
OTHER = {"train.device=auto": "train.device=cpu", "train.device=cpu": "train.device=auto"}


def taken(run, steps: int):
    """Take optimizer steps, from wherever the run is."""
    events = (event for event in run.fit() if not isinstance(event, EpochRecord))
    for _ in range(steps):
        next(events)
    return run


def through_a_file(run, folder):
    write_checkpoint(folder, run.step, {**run.state(), "data": run.parts.splits.digest})
    state, damaged = read_newest(folder)
    assert not damaged
    return state


def weights(run) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().cpu() for parameter in run.parts.model.parameters()])


@pytest.mark.parametrize("settings", [(), (ADAMW,), ("train.precision=fp16",)], ids=lambda given: " ".join(given))
def test_run_restored_on_the_gpu_goes_on_as_it_would_have(gpu, make_run, tmp_path, settings):
    """In the middle of an epoch, with the optimizer's state and the loss scale back on the device."""
    whole, first = taken(make_run(*settings), 6), taken(make_run(*settings), 3)
    again = make_run(*settings)
    again.restore(through_a_file(first, tmp_path))
    assert again.train_step.scaler.state_dict() == first.train_step.scaler.state_dict()
    difference = (weights(taken(again, 3)) - weights(whole)).abs().mean()
    assert difference <= (0 if gpu.mode else 5e-3)  # a real one adds in another order each time


@pytest.mark.parametrize("optimizer", [ADAMW, "optimizer={name: sgd, momentum: 0.9}"])
@pytest.mark.parametrize("written_on", list(OTHER))
def test_checkpoint_is_gone_on_with_on_another_device(gpu, make_run, tmp_path, written_on, optimizer):
    """The kernels are those of the new device, and the state lies where they look for it."""
    run = make_run(OTHER[written_on], optimizer)
    fresh = taken(make_run(OTHER[written_on], optimizer), 1).train_step.optimizer
    run.restore(through_a_file(taken(make_run(written_on, optimizer), 3), tmp_path))
    restored = run.train_step.optimizer
    for group, expected in zip(restored.param_groups, fresh.param_groups, strict=True):
        assert {key: group.get(key) for key in ("fused", "foreach", "capturable")} == {
            key: expected.get(key) for key in ("fused", "foreach", "capturable")
        }
    for parameter, expected in zip(run.parts.model.parameters(), fresh.param_groups[0]["params"], strict=True):
        held = {key: value.device for key, value in restored.state[parameter].items()}
        assert held == {key: value.device for key, value in fresh.state[expected].items()}
    taken(run, 2)
    assert torch.isfinite(weights(run)).all()


def test_copy_of_a_state_does_not_wait_for_the_gpu(gpu, make_run):
    """The copies are queued behind the steps, and the thread that writes them waits until they are complete."""
    run = taken(make_run("train.ema=0.5"), 3)
    state = run.state()
    with gpu.unread():
        copy = StateCopy.of(state)
    taken(run, 1)
    copy.wait()
    expected = pack(state)[1]
    assert copy.tensors.keys() == expected.keys()
    assert any(not torch.equal(copy.tensors[name], expected[name]) for name in expected if name.startswith("/model"))
    assert all(tensor.device == torch.device("cpu") for tensor in copy.tensors.values())


def test_trained_model_is_opened_where_the_gpu_is_not(gpu, make_run, tmp_path, monkeypatch):
    """A run of a GPU is explained on a laptop."""
    run = taken(make_run("train.ema=0.5", "train.device=cuda:0"), 3)
    folder = RunFolder(tmp_path)
    folder.save(run.step, {**run.state(), "data": ""})
    folder.write_info({**folder.info(), "status": "interrupted"})
    asked = run.parts.splits.test.images[:4]
    there = run.trained().logits(asked)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: (_ for _ in ()).throw(RuntimeError("no driver")))
    reopened = load_trained(folder, run.parts.recipe, run.parts.info)
    assert reopened.trained.device == torch.device("cpu")
    assert "cuda:0" in reopened.checkpoint_label  # it says that it is another device
    torch.testing.assert_close(reopened.trained.logits(asked), there, atol=1e-3, rtol=0)
