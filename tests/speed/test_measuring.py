"""A run is measured in other settings: on copies, within the time, and what is left out is said."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import active_children

import pytest
import torch
from photos import photo
from PIL import Image

from cvkit import ComponentFailure, RunError, RunParts
from cvkit.checkpoint.state_dicts import model_state
from cvkit.speed import measuring, steps
from cvkit.speed.budget import Budget
from cvkit.speed.measured import PARTS, Measured
from cvkit.speed.measuring import measure
from cvkit.speed.steps import Steps
from cvkit.speed.variant import Variant

STREAMED = ("augmentations=[torchvision/RandomHorizontalFlip]", "train.workers=1", "train.resident=false")


def silent(line: str) -> None:
    """Ignore a line of progress."""


@pytest.fixture
def quick(monkeypatch) -> None:
    """Leave compilation out, which takes longer than everything else."""
    monkeypatch.setattr(measuring, "can_interrupt", lambda: False)


@pytest.fixture
def measured(quick, run) -> Callable[..., Measured]:
    """Measure the small run with overrides; it takes a few seconds, however many there are."""
    return lambda *overrides, seconds=600.0: measure(run(*overrides), Budget(seconds), silent)


def test_each_precision_is_measured_in_both_memory_orders(measured):
    """In as many rounds each; the recipe is compared with itself, and what the device lacks is said."""
    found = measured()
    first, *others = found.steps
    assert first == found.now == Variant("fp32", channels_last=False)
    assert {Variant("fp32", channels_last=True)} <= {*others}
    assert {variant.precision for variant in others} <= {"fp32", "bf16"}
    assert found.steps[first].ratios == (1, 1, 1)
    assert all(timed.rate > 0 and timed.images == 8 for timed in found.steps.values())
    (fp16,) = [line for line in found.left_out if line.startswith("fp16")]
    assert "CUDA" in fp16


def test_variant_that_is_much_slower_takes_no_further_turns(measured, monkeypatch):
    """Its turns would take the time of the others; its first one is shown."""
    monkeypatch.setattr(steps, "_HOPELESS", 0.0)
    found = measured()
    own, *others = (len(timed.seconds) for timed in found.steps.values())
    assert own == 2
    assert {*others} == {1}


def test_variants_take_the_same_number_of_turns(measured, monkeypatch):
    """Each ratio is between steps of one round."""
    monkeypatch.setattr(steps, "_HOPELESS", math.inf)
    found = measured()
    assert {len(timed.seconds) for timed in found.steps.values()} == {2}
    assert {timed.base for timed in found.steps.values()} == {found.steps[found.now].seconds}


def test_epoch_is_divided_into_its_parts(measured):
    """Shares of one; images that are in memory need no loader."""
    found = measured()
    assert found.as_it_is.shares.keys() == {*PARTS}
    assert sum(found.as_it_is.shares.values()) == pytest.approx(1)
    assert found.as_it_is.model > 0
    assert found.as_it_is.augmentation > 0
    assert found.as_it_is.evaluation > 0
    assert found.loading == {}
    assert found.epochs == 3


def test_run_is_not_changed(quick, run):
    """Weights, the optimizer's draws and the global generators are as before."""
    parts = run()
    before = {name: value.clone() for name, value in model_state(parts.model).items()}
    state = torch.get_rng_state()
    measure(parts, Budget(600), silent)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in model_state(parts.model).items())


def test_streamed_images_are_loaded_by_several_numbers_of_processes(measured):
    """Those of the recipe among them; no process is left."""
    found = measured(*STREAMED)
    assert {0, 1} <= found.loading.keys()
    assert all(rate > 0 for rate in found.loading.values())
    assert found.workers == 1
    assert active_children() == []


def test_batch_sizes_are_measured_on_the_same_step(measured):
    """A half, twice and four times that of the recipe, as far as the data set has as many images."""
    found = measured("train.batch_size=30")
    assert {*found.sizes} == {15, 30, 60}


def test_short_time_is_measured_with_smaller_steps(measured):
    """The line says so, and which option gives more time."""
    found = measured("train.batch_size=64", seconds=0.01)
    assert {timed.images for timed in found.steps.values()} == {8}
    assert any("64 images" in line and "--minutes" in line for line in found.left_out)
    assert found.sizes == {}


def test_time_is_kept(quick, run):
    """Within what one round takes; building the run is not counted."""
    parts = run()
    begun = time.monotonic()
    measure(parts, Budget(3.0), silent)
    assert time.monotonic() - begun < 30


def test_precision_that_is_hopeless_is_not_measured(measured, monkeypatch):
    """Some processors take a hundred times as long in bf16, and the time would be lost to it."""
    monkeypatch.setattr(measuring, "_HOPELESS", 0.0)
    found = measured()
    assert {variant.precision for variant in found.steps} == {"fp32"}
    assert any(line.startswith("bf16 is ") and "as slow as fp32" in line for line in found.left_out)


def test_cache_that_is_not_filled_is_not_waited_for(measured, tmp_path):
    """It would decode the complete data set first."""
    for half in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / half / name).mkdir(parents=True)
            for number in range(6):
                pixels = photo(number, side=32).permute(1, 2, 0).numpy()
                Image.fromarray(pixels).save(tmp_path / half / name / f"{number}.png")
    files = f"dataset={{name: image_folder, path: '{tmp_path}', size: 32}}"
    found = measured(files, "train.workers=1", "train.cache=memory", "train.batch_size=4")
    assert found.loading == {}
    assert any("train.cache" in line for line in found.left_out)


def test_larger_batches_need_free_memory(measured, monkeypatch):
    """On a CPU they are not tried if the memory may not suffice, because the system would end the process."""
    monkeypatch.setattr(measuring, "free_memory", lambda: 0)
    monkeypatch.setattr(measuring, "_largest_memory", iter(range(0, 10**12, 10**6)).__next__)
    found = measured("train.batch_size=30")
    assert max(found.sizes) == 30
    assert any("60 images" in line and "memory" in line for line in found.left_out)


def test_larger_batch_that_does_not_fit_is_left_out(measured, monkeypatch):
    """A GPU says that it does not; the smaller ones are still compared."""
    batch = Steps.batch

    def full(self, size):
        if size > 30:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return batch(self, size)

    monkeypatch.setattr(Steps, "batch", full)
    found = measured("train.batch_size=30")
    assert {*found.sizes} == {15, 30}
    assert any("60 images" in line and "memory does not suffice" in line for line in found.left_out)


def test_fastest_variant_is_also_compiled(run, uncompiled):
    """And compared with the recipe in rounds of their own; the time of compiling is said apart."""
    lines: list[str] = []
    found = measure(run(), Budget(2400), lines.append)
    compiled = [variant for variant in found.steps if variant.compile]
    assert len(compiled) == 1
    assert replace(compiled[0], compile=False) in found.steps
    assert found.compile_seconds > 0
    assert any("compiling" in line and "at most 600 s" in line for line in lines)


def test_model_that_cannot_be_compiled_is_left_out(run, monkeypatch):
    """With the reason, and the rest is measured."""

    def refuse(self, variant, batch):
        raise RunError("train.compile: this model cannot be compiled on this machine (no compiler); set x")

    monkeypatch.setattr(Steps, "compile", refuse)
    found = measure(run(), Budget(600), silent)
    assert any("no compiler" in line for line in found.left_out)
    assert not any(variant.compile for variant in found.steps)


def test_compiler_that_was_interrupted_disturbs_nothing(run, monkeypatch):
    """It runs on after the time is over: the next part begins when steps take as long as before."""
    lines, slow, seconds = list[str](), list[float](), Steps.seconds
    slowed_parts = []

    def interrupt(steps: Steps, variant: Variant, batch: object) -> None:
        slow[:] = [5.0, 5.0]
        raise RunError("train.compile: this model cannot be compiled on this machine; set train.compile: false")

    def slowed(steps: Steps, *step: object) -> float:
        if not slow:
            return seconds(steps, *step)
        slowed_parts.append(lines[-1])
        return slow.pop() + seconds(steps, *step)

    monkeypatch.setattr(Steps, "compile", interrupt)
    monkeypatch.setattr(Steps, "seconds", slowed)
    measure(run(), Budget(600), lines.append)
    assert [line.split()[0] for line in slowed_parts] == ["compiling", "compiling"]


def test_recipe_that_compiles_is_compared_compiled(run, uncompiled):
    """It is what the ratios are to."""
    found = measure(run("train.compile=true"), Budget(2400), silent)
    assert found.now.compile
    assert found.steps[found.now].ratios == (1, 1, 1)


def test_recipe_that_cannot_be_compiled_is_an_error(quick, run):
    """Nothing could be compared with it."""
    with pytest.raises(RunError, match=r"train\.compile"):
        measure(run("train.compile=true"), Budget(600), silent)


def test_part_that_fails_is_named(quick, run, monkeypatch):
    """As in training."""
    parts: RunParts = run()

    def fail(*inputs):
        raise ValueError("no")

    monkeypatch.setattr(type(parts.model), "forward", fail)
    with pytest.raises(ComponentFailure, match="custom_resnet"):
        measure(parts, Budget(600), silent)
