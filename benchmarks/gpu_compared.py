"""Parts of `gpu.py` that compare GPU and CPU, a range test and plain steps, and Grad-CAM and a forward pass."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import explain
import range_test
import throughput
import torch
from bench import Bench
from gpu_loop import note_ratio
from rounds import take_turns
from torch import Tensor

from cvkit import Trainer, build_parts
from cvkit.explain.explainers import Explainers
from cvkit_gradcam.grad_cam import grad_cam

METHODS = (
    "grad_cam",
    "hires_cam",
    "layer_cam",
    "grad_cam_pp",
    "eigen_cam",
    "score_cam",
    "smoothed",
    "guided_backprop",
)
RANGE_TEST_BOUND = 1.15
"""Largest time of a range test, relative to the same number of plain steps."""
GRAD_CAM_BOUND = 2.0
"""Largest time of Grad-CAM, relative to a forward pass; a full forward and backward pass takes about 3."""


def machine(bench: Bench) -> None:
    """Record the device and the versions of this machine."""
    note = bench.journal.figure
    note("device", str(bench.device), f"requested: {bench.asked}")
    note("torch", torch.__version__, f"{torch.get_num_threads()} threads, cuDNN {torch.backends.cudnn.version()}")
    if bench.device.type == "cuda":
        of = torch.cuda.get_device_properties(bench.device)
        note("GPU", of.name, f"{of.total_memory / 2**30:.0f} GiB, compute capability {of.major}.{of.minor}")
        note("supports bf16", torch.cuda.is_bf16_supported(including_emulation=False))


def agreement(bench: Bench) -> None:
    """Record by how much logits, maps and one training step differ between device and CPU, with the same weights."""
    with exact():
        runs = [agreeing_run(bench, device) for device in (bench.asked, "cpu")]
        images, labels = runs[0].parts.splits.test.images, runs[0].parts.splits.test.labels
        logits = [run.trained().logits(images) for run in runs]
        scale = f"logits up to {float(logits[1].abs().max()):.2g}"
        note_difference(bench, "logits, fp32 without TF32", *logits, scale)
        maps_differ(bench, runs, images, labels)
        losses = [[*run.fit()][-1].train_loss for run in runs]
        bench.journal.figure(
            "loss of one step, largest difference", abs(losses[0] - losses[1]), f"of {losses[1]:.3f}"
        )
        weights = [
            torch.cat([weight.detach().flatten().cpu() for weight in run.parts.model.parameters()]) for run in runs
        ]
        note_difference(bench, "weights after one step", *weights, "at a learning rate of 0.1 / 25")
    runs = [agreeing_run(bench, device) for device in (bench.asked, "cpu")]
    as_set = f"convolutions in TF32: {torch.backends.cudnn.allow_tf32}"
    note_difference(bench, "logits, default settings", *(run.trained().logits(images) for run in runs), as_set)


def maps_differ(bench: Bench, runs: list[Trainer], images: Tensor, labels: Tensor) -> None:
    """Record the largest difference between the maps of each method; the maps are in [0, 1]."""
    found = []
    for run in runs:
        warnings: list[str] = []
        found.append(Explainers(run.trained(), run.parts.recipe.explainers, warnings).explain(images, labels))
        for warning in warnings:
            bench.journal.figure("warning of an explainer", warning[:200])
    for name in (name for name in found[1] if name in found[0]):
        note_difference(bench, f"maps of {name}", found[0][name], found[1][name], f"{len(images)} maps in [0, 1]")


def agreeing_run(bench: Bench, device: str) -> Trainer:
    """Return a trainer for one step on the data of the demo, with a wide network and without augmentation."""
    settings = (f"train.device={device}", f"model.width={4 if bench.small else 32}", "tuners=[]", "augmentations=[]")
    settings += ("dataset.train_size=256", "dataset.test_size=16", "scheduler.max_lr=0.1", "train.max_steps=1")
    recipe = bench.recipe("shapes.yaml", *settings, f"explainers=[{', '.join(METHODS)}]")
    return bench.run(recipe, recipe.dataset.build(bench.journal.folder))


def note_difference(bench: Bench, what: str, one: Tensor, other: Tensor, details: str) -> None:
    """Record the largest absolute difference."""
    bench.journal.figure(f"{what}, largest difference", float((one.double() - other.double()).abs().max()), details)


@contextmanager
def exact() -> Iterator[None]:
    """Disable TF32 inside the context."""
    settings = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [setting.allow_tf32 for setting in settings]
    for setting in settings:
        setting.allow_tf32 = False
    try:
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.allow_tf32 = value


def costs(bench: Bench) -> None:
    """Record the time of a range test relative to plain steps, and of Grad-CAM relative to a forward pass."""
    with bench.journal.attempt("range test / plain steps"):
        batch, steps, rounds = (32, 20, 2) if bench.small else (512, 40, 7)
        settings = [f"model.width={2 if bench.small else 16}", f"train.batch_size={batch}"]
        recipe = bench.recipe("cifar10_resnet_small.yaml", *settings)
        run = build_parts(recipe, throughput.random_data(batch * steps))
        seconds = take_turns(range_test.contestants(run, steps), rounds, bench.device)
        for name in ("sweep", "range test"):
            told = f"{', '.join(settings)}, {steps} steps, {rounds} rounds"
            note_ratio(bench, f"{name} / plain steps", seconds[name], seconds["plain steps"], told, RANGE_TEST_BOUND)
    # A fast GPU finishes smaller batches before the CPU has launched the next kernel, which hides the cost.
    sizes = (8, 8, 1, 64) if bench.small else (64, 512, 64, 224)
    for title, (model, layer, images) in explain.cases(*sizes).items():
        with bench.journal.attempt(f"Grad-CAM / forward, {title}"):
            model, images = model.to(bench.device).eval(), images.to(bench.device)
            targets = torch.arange(len(images), device=bench.device) % explain.CLASSES
            contestants: dict[str, Callable[[], object]] = {
                "forward": torch.no_grad()(partial(model, images)),
                "Grad-CAM": partial(grad_cam(model, layer=layer), images, targets),
            }
            seconds = take_turns(contestants, 3 if bench.small else 15, bench.device)
            told = f"images {tuple(images.shape)}, forward {1e3 * statistics.median(seconds['forward']):.2f} ms"
            note_ratio(
                bench, f"Grad-CAM / forward, {title}", seconds["Grad-CAM"], seconds["forward"], told, GRAD_CAM_BOUND
            )
