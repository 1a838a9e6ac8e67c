"""``cvkit speed``: measured from the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

RECIPE = """\
dataset: {name: shapes, train_size: 40, test_size: 20}
augmentations: [{name: random_crop, padding: 2}]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: auto}
tuners: [{name: lr_range_test, set: optimizer.lr}]
train: {epochs: 2, batch_size: 10, device: cpu}
"""


@pytest.fixture
def quick(monkeypatch, one_thread) -> None:
    """Leave compilation out, which takes longer than everything else."""
    from cvkit.speed import epochs, measuring, steps

    monkeypatch.setattr(steps, "_MOST_ROUNDS", 2)
    monkeypatch.setattr(epochs, "_MOST", 3)
    monkeypatch.setattr(measuring, "can_interrupt", lambda: False)


def test_table_says_what_is_fastest_and_nothing_is_left(cvkit, write, quick):
    """The time is said before it is spent; a learning rate that is `auto` needs no tuner; no run folder is made."""
    recipe = write(RECIPE)
    answer = cvkit("speed", recipe, "--minutes", "0.03")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0] == "measuring for at most about 0.03 min on cpu"
    assert any(line.startswith("fp32, contiguous, eager") and line.endswith("the recipe") for line in lines)
    assert any(line.startswith("the recipe as it is takes ") and "2 epochs" in line for line in lines)
    assert any(line.startswith("not measured: compiled: ") for line in lines)
    assert os.listdir() == ["recipe.yaml"]


def test_each_part_of_the_measurement_is_a_phase(cvkit, write, quick, monkeypatch):
    """A terminal shows that the command works, also while nothing is printed."""
    from cvkit.cli.terminal import _Drawing

    begun = []
    monkeypatch.setattr(_Drawing, "begin", lambda self, phase: begun.append(phase.name))
    monkeypatch.setattr(_Drawing, "end", lambda self, phase: None)
    answer = cvkit("speed", write(RECIPE), "--minutes", "0.03")
    assert answer.code == 0, answer.err
    told = [line for line in answer.err.splitlines() if line.startswith("measuring ")]
    assert told
    assert {*told} <= {*begun}
    assert "trying each precision" in begun


def test_faster_settings_are_written_as_a_recipe(cvkit, write, quick, monkeypatch):
    """It extends the recipe, and is a recipe itself."""
    from cvkit.speed import measured

    monkeypatch.setattr(
        measured, "best_of", lambda steps, now: next(variant for variant in steps if variant.channels_last)
    )
    recipe = write(RECIPE)
    answer = cvkit("speed", recipe, "--minutes", "0.03", "--write", "fast.yaml")
    assert answer.code == 0, answer.err
    assert answer.out.endswith("wrote fast.yaml\n")
    written = Path("fast.yaml").read_text()
    assert "extends: recipe.yaml" in written
    assert "channels_last: true" in written
    assert cvkit("check", "fast.yaml").code == 0


def test_file_for_the_recipe_is_checked_before_anything_is_measured(cvkit, write):
    """It is never replaced; and an option without the other is refused."""
    recipe = write(RECIPE)
    answer = cvkit("speed", recipe, "--write", recipe)
    assert (answer.code, answer.out) == (2, "")
    assert "already exists" in answer.err
    answer = cvkit("speed", recipe, "--choose-batch-size")
    assert answer.code == 2
    assert "--write" in answer.err
    assert recipe.read_text() == RECIPE


def test_mistake_in_the_recipe_exits_with_2(cvkit, write):
    """As in every command on recipes."""
    answer = cvkit("speed", write(RECIPE.replace("width", "widht")))
    assert answer.code == 2
    assert "widht" in answer.err
