"""Parts of `gpu.py` that compare: GPU with CPU, the loop with the bare step, explanations with a forward pass."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import explain
import range_test
import throughput
import torch
from bench import Bench
from rounds import ratios, take_turns
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
"""Times as many plain steps: a range test may cost little more than the steps it takes."""
GRAD_CAM_BOUND = 2.0
"""Times a forward pass: a pass forward and back through a whole network costs about three."""


def machine(bench: Bench) -> None:
    """Note what this machine is."""
    note = bench.journal.figure
    note("device", str(bench.device), f"asked for: {bench.asked}")
    note("torch", torch.__version__, f"{torch.get_num_threads()} threads, cuDNN {torch.backends.cudnn.version()}")
    if bench.device.type == "cuda":
        of = torch.cuda.get_device_properties(bench.device)
        note("GPU", of.name, f"{of.total_memory / 2**30:.0f} GiB, compute capability {of.major}.{of.minor}")
        note("computes in bf16", torch.cuda.is_bf16_supported(including_emulation=False))


def agreement(bench: Bench) -> None:
    """Note by how much logits, maps and one step differ from the CPU's, of the same weights and images."""
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
        note_difference(bench, "weights after one step", *weights, "of a rate of 0.1 / 25")
    runs = [agreeing_run(bench, device) for device in (bench.asked, "cpu")]
    as_set = f"convolutions in TF32: {torch.backends.cudnn.allow_tf32}"
    note_difference(bench, "logits, as torch is set", *(run.trained().logits(images) for run in runs), as_set)


def maps_differ(bench: Bench, runs: list[Trainer], images: Tensor, labels: Tensor) -> None:
    """Note each method's largest difference of maps, which lie in [0, 1]."""
    found = []
    for run in runs:
        warnings: list[str] = []
        found.append(Explainers(run.trained(), run.parts.recipe.explainers, warnings).explain(images, labels))
        for warning in warnings:
            bench.journal.figure("warning of an explainer", warning[:200])
    for name in (name for name in found[1] if name in found[0]):
        note_difference(bench, f"maps of {name}", found[0][name], found[1][name], f"{len(images)} maps in [0, 1]")


def agreeing_run(bench: Bench, device: str) -> Trainer:
    """Return a run of the demo's data on a wide network, without augmentation, of one step."""
    settings = (f"train.device={device}", f"model.width={4 if bench.small else 32}", "tuners=[]", "augmentations=[]")
    settings += ("dataset.train_size=256", "dataset.test_size=16", "scheduler.max_lr=0.1", "train.max_steps=1")
    recipe = bench.recipe("shapes.yaml", *settings, f"explainers=[{', '.join(METHODS)}]")
    return bench.run(recipe, recipe.dataset.build(bench.journal.folder))


def note_difference(bench: Bench, what: str, one: Tensor, other: Tensor, details: str) -> None:
    """Note the largest absolute difference."""
    bench.journal.figure(f"{what}, largest difference", float((one.double() - other.double()).abs().max()), details)


@contextmanager
def exact() -> Iterator[None]:
    """Compute fp32 without TF32 meanwhile."""
    settings = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [setting.allow_tf32 for setting in settings]
    for setting in settings:
        setting.allow_tf32 = False
    try:
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.allow_tf32 = value


def loop(bench: Bench) -> None:
    """Note how near the loop's steps come to bare ones, in each precision, eager, and compiled in one."""
    half = ("bf16", "fp16") if bench.device.type == "cuda" else ("bf16",)
    cases = [(precision, False) for precision in (*half[:1], "fp32", *half[1:])] + [(half[0], True)]
    for precision, compile in cases:
        what = f"loop / bare step, {precision}, {'compiled' if compile else 'eager'}"
        if bench.left() < (40 if compile else 5 if bench.small else 12):  # seconds that it takes
            bench.journal.figure(what, "skipped", "no time was left")
            continue
        with bench.journal.attempt(what):
            settings = [f"train.precision={precision}", f"train.compile={str(compile).lower()}"]
            compare_loop(bench, what, settings)


def compare_loop(bench: Bench, what: str, settings: list[str]) -> None:
    """Note the ratio of the loop's time to the bare step's, and the rates of both."""
    size = {"width": 2, "batch_size": 32} if bench.small else {"width": 64, "batch_size": 512}
    steps, rounds = (2, 3) if bench.small else (20, 9)
    overrides = [f"train.device={bench.asked}", "train.epochs=100", *settings]
    arguments = argparse.Namespace(**size, overrides=overrides)
    data = throughput.random_data(size["batch_size"] * 4 * steps)
    contestants: dict[str, Callable[[], object]] = {
        "bare step": throughput.bare_step(throughput.build(arguments, data), steps),
        "loop": throughput.cvkit_loop(throughput.build(arguments, data), steps),
    }
    seconds = take_turns(contestants, rounds, bench.device)
    rates = {name: steps * size["batch_size"] / statistics.median(of) for name, of in seconds.items()}
    told = (
        f"width {size['width']}, batch {size['batch_size']}, {rounds} rounds of {steps} steps; images/s: "
        + ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
    )
    note_ratio(bench, what, seconds["loop"], seconds["bare step"], told)


def costs(bench: Bench) -> None:
    """Note what a range test costs beside plain steps, and Grad-CAM beside a forward pass, with their bounds."""
    with bench.journal.attempt("range test / plain steps"):
        batch, steps, rounds = (32, 20, 2) if bench.small else (512, 40, 7)
        settings = [f"model.width={2 if bench.small else 16}", f"train.batch_size={batch}"]
        recipe = bench.recipe("cifar10_quick.yaml", *settings)
        run = build_parts(recipe, throughput.random_data(batch * steps))
        seconds = take_turns(range_test.contestants(run, steps), rounds, bench.device)
        for name in ("sweep", "range test"):
            told = f"{', '.join(settings)}, {steps} steps, {rounds} rounds"
            note_ratio(bench, f"{name} / plain steps", seconds[name], seconds["plain steps"], told, RANGE_TEST_BOUND)
    sizes = (8, 8, 1, 64) if bench.small else (64, 64, 8, 224)
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


def note_ratio(
    bench: Bench, what: str, seconds: list[float], base: list[float], details: str, bound: float | None = None
) -> None:
    """Note the median ratio of two contestants' seconds, round by round, with the least and greatest, and a bound."""
    median, least, greatest = ratios(seconds, base)
    held = "" if bound is None else f"; bound {bound:g}: {'held' if median <= bound else 'NOT HELD'}"
    bench.journal.figure(what, median, f"{least:.2f} to {greatest:.2f}{held}; {details}")
