"""A run trains on a GPU as it does on the CPU: every path that only a GPU takes, gone whole."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import torch

from cvkit import DataInfo, EpochRecord, TensorSplit
from cvkit.data.loading import DataLoaderSource, DeviceBudget, DeviceResidentSource, Reading, open_source
from cvkit_onecycle.sweep import run_sweep

ONE_STEP = ("train.max_steps=1", "augmentations=[]")


def trained(run) -> EpochRecord:
    *_, last = run.fit()
    return last


def weights(run) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().cpu() for parameter in run.parts.model.parameters()])


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("train.precision=bf16", "train.ema=0.9"),
        ("train.precision=fp16", "train.clip_norm=1", "train.accumulate=2"),
        ("optimizer=adamw", "train.precision=fp16", "train.drop_last=false"),
        ("train.channels_last=true", "evaluation.flip_tta=true"),
        ("train.resident=false", "train.workers=2"),
        ("augmentations=[{name: torchvision/RandomCrop, padding: 2}, horizontal_flip]", "train.workers=1"),
    ],
    ids=lambda overrides: " ".join(overrides).replace("train.", "")[:50] or "plain",
)
def test_run_trains_to_its_end(gpu, make_run, overrides):
    """On the device that `auto` finds."""
    run = make_run(*overrides)
    last = trained(run)
    assert {parameter.device for parameter in run.parts.model.parameters()} == {gpu.device}
    assert last.epoch == 2
    assert torch.isfinite(weights(run)).all()
    assert run.final_predictions().logits.device.type == "cpu"


def test_one_step_is_the_cpus(gpu, make_run):
    """The same images and weights lead to the same loss and update, but for the kernels' rounding."""
    on_gpu, on_cpu = make_run(*ONE_STEP), make_run(*ONE_STEP, "train.device=cpu")
    assert torch.equal(weights(on_gpu), weights(on_cpu))
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        here, there = trained(on_gpu), trained(on_cpu)
    assert here.train_loss == pytest.approx(there.train_loss, abs=1e-4)
    torch.testing.assert_close(weights(on_gpu), weights(on_cpu), atol=1e-4, rtol=0)


def test_range_test_and_its_verification_train_copies(gpu, make_run):
    """On the same device, losses read a few at a time."""
    run = make_run("scheduler.max_lr=0.1")
    before = weights(run)
    sweep = run_sweep(run.parts, np.geomspace(1e-4, 1e-2, 12))
    assert len(sweep.losses) == 12
    with run.parts.trial("verification", hold_out=14) as trial:
        assert all(map(math.isfinite, trial.steps_at([0.01] * 3)))
        assert trial.held_out().loss > 0
    assert torch.equal(weights(run), before)


@pytest.mark.parametrize(
    "settings", [(), ("train.precision=bf16", "train.ema=0.9"), ("train.accumulate=2", "train.batch_size=8")]
)
def test_steps_do_not_wait_for_the_gpu(gpu, make_run, monkeypatch, settings):
    """Between two looks at the losses, which a clock decides, nothing is read: crop, flip, cutout, clip and all.

    In fp16 each step waits, for whether a gradient overflowed decides on the next step's rate.
    """
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    run = make_run("train.clip_norm=1", *settings)
    steps = run.fit()
    next(steps)  # what is made at the first step may wait
    with gpu.unread():
        for _ in range(2):
            next(steps)


def test_process_keeps_its_own_choice_of_kernels(gpu, make_run):
    """Whoever makes a run, or stops in the middle of one, finds cuDNN as before."""
    before = torch.backends.cudnn.benchmark
    run = make_run()
    assert torch.backends.cudnn.benchmark is before
    next(run.fit())
    assert torch.backends.cudnn.benchmark is before


def test_step_is_taken_with_kernels_tried(gpu, make_run):
    """Shapes repeat from step to step."""
    seen = []
    run = make_run(*ONE_STEP)
    run.parts.model.register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.benchmark))
    trained(run)
    assert seen == [True, True]  # the step, and the evaluation's one batch


def split(images: int) -> TensorSplit:
    return TensorSplit(torch.zeros(images, 3, 8, 8, dtype=torch.uint8), torch.zeros(images, dtype=torch.int64))


@pytest.mark.parametrize(
    ("free", "sizes", "resident"),
    [(10_000, (20, 20), (True, False)), (20_000, (20, 20), (True, True)), (10_000, (40, 20), (False, True))],
)
def test_splits_share_half_of_the_free_memory(gpu, monkeypatch, free, sizes, resident):
    """An image and its label are 200 bytes: two splits that would fit each alone must fit together."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (free, 80_000))
    room = DeviceBudget(gpu.device)
    sources = [open_source(split(size), gpu.device, "auto", 0, room) for size in sizes]
    kinds = {True: DeviceResidentSource, False: DataLoaderSource}
    assert [type(source) for source in sources] == [kinds[kept] for kept in resident]


def test_run_counts_both_its_splits(gpu, make_run, monkeypatch):
    """70 training and 30 test images of 3 KB: room for the former only."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (2 * 80 * 3080, 1 << 30))
    run = make_run()
    assert isinstance(run.parts.train_source, DeviceResidentSource)
    assert isinstance(run.parts.sources["test"], DataLoaderSource)


@pytest.mark.parametrize("workers", [0, 1])
def test_streamed_batches_arrive_whole(gpu, workers):
    """They are copied while the next is loaded, from pinned memory that is used again."""
    images = torch.arange(40, dtype=torch.uint8).view(40, 1, 1, 1).expand(40, 3, 64, 64).contiguous()
    source = DataLoaderSource(TensorSplit(images, torch.arange(40)), gpu.device, workers)
    order = torch.arange(39, -1, -1)
    batches = list(source.batches(Reading(order, 7)))
    assert {batch.images.device for batch in batches} == {gpu.device}
    assert torch.cat([batch.labels for batch in batches]).tolist() == order.tolist()
    assert torch.equal(torch.cat([batch.images for batch in batches]).cpu(), images[order])


def test_record_is_made_without_float64(apple, make_run):
    """Apple's GPUs have none."""
    run = make_run()
    last = trained(run)
    assert run.parts.device == apple.device
    assert last.train_loss == pytest.approx(sum(last.step_losses) / len(last.step_losses), rel=1e-6)


INFO = DataInfo(3, 32, 32, ("a", "b"), (0.5,) * 3, (0.25,) * 3)


def test_every_stock_augmentation_takes_images_on_the_gpu(gpu):
    """Kornia's draw their parameters on the CPU, and must bring them over."""
    from cvkit_kornia.library_transform import library_transform
    from cvkit_kornia.names import names

    options = {
        "RandomRotation": {"degrees": 15.0},
        "ColorJitter": {"brightness": 0.2, "hue": 0.1},
        "RandomResizedCrop": {"size": [32, 32]},
        "RandomAffine": {"degrees": 10, "translate": [0.1, 0.1]},
    }
    images, tried = torch.rand(4, 3, 32, 32, device=gpu.device), []
    for name in names():
        try:
            augmentation = library_transform(name, INFO, **options.get(name, {}))
        except ValueError:
            continue  # its options have no defaults
        augmentation.p = 1.0
        assert augmentation(images).device == gpu.device, name
        tried.append(name)
    assert set(tried) > set(options)
