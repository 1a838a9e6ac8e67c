"""``cvkit check --smoke``: a dry run finds what a run would find late, in seconds, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest
from small import RECIPE


@pytest.fixture
def recipe(write) -> Path:
    """The small recipe in an empty working folder."""
    return write(RECIPE, "small.yaml")


def test_a_recipe_that_works_is_tried_and_nothing_stays(cvkit, recipe):
    """It says what it did and what it could not check."""
    answer = cvkit("check", recipe, "--smoke")
    assert answer.code == 0, answer.err
    heads = [line.partition(":")[0] for line in answer.out.splitlines()]
    assert heads == [
        "device",
        "data",
        "model",
        "steps",
        "step",
        "evaluation",
        "explanation",
        "checkpoint",
        "not checked",
        "small.yaml",
    ]
    assert [path.name for path in Path().iterdir()] == ["small.yaml"]
    assert "step: 8 images" in answer.out
    assert "evaluation: 30 test images" in answer.out


def test_each_explainer_explains_an_image_completely(cvkit, recipe):
    """The time of an explanation tells how long the report will take; a recipe without explainers says so."""
    answer = cvkit("check", recipe, "--smoke", "--set", "explainers=[grad_cam, occlusion]")
    assert answer.code == 0, answer.err
    lines = [line for line in answer.out.splitlines() if line.startswith("explanation")]
    assert [re.sub(r"[\d.]+ s$", "<time>", line) for line in lines] == [
        "explanation: 1 image by grad_cam, <time>",
        "explanation: 1 image by occlusion, <time>",
    ]
    without = cvkit("check", recipe, "--smoke", "--set", "explainers=[]")
    assert "explanation: none, because the recipe has no explainers" in without.out


def test_a_value_that_a_tuner_sets_is_replaced_and_the_tuner_named(cvkit, recipe):
    """A tuner takes longer than a dry run should."""
    tuner = "tuners=[{name: lr_range_test, set: scheduler.max_lr}]"
    answer = cvkit("check", recipe, "--smoke", "--set", "scheduler.max_lr=auto", "--set", tuner)
    assert answer.code == 0, answer.err
    assert "onecycle/lr_range_test" in answer.out.partition("not checked")[2]


def test_a_schedule_without_room_is_found(cvkit, recipe):
    """The recipe is good in itself, and the data are too few for it."""
    few = ("--set", "train.batch_size=70", "--set", "train.epochs=1")
    assert cvkit("check", recipe, *few).code == 0
    answer = cvkit("check", recipe, "--smoke", *few)
    assert answer.code == 2
    assert "one_cycle" in answer.err


def test_a_place_that_cannot_be_written_is_found(cvkit, recipe, monkeypatch):
    """A run would lose its first epoch there; the dry run had begun, so the exit code is 1."""

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    answer = cvkit("check", recipe, "--smoke", "--output", "elsewhere/runs")
    assert answer.code == 1
    assert "--output" in answer.err
    assert [path.name for path in Path().iterdir()] == ["small.yaml"]


def test_a_disk_without_room_is_found(cvkit, recipe, monkeypatch):
    """The checkpoints would not fit."""
    monkeypatch.setattr("cvkit.runs.dry_run._free", lambda place: 1000)
    answer = cvkit("check", recipe, "--smoke")
    assert answer.code == 1
    assert "checkpoints" in answer.err


def test_a_disk_that_is_full_is_found_and_no_run_is_named(cvkit, recipe, monkeypatch):
    """There is no run that could be resumed, and no earlier checkpoint."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    answer = cvkit("check", recipe, "--smoke")
    assert answer.code == 1
    assert "No space left" in answer.err
    assert "--output" in answer.err
    assert "resume" not in answer.err
    assert "Earlier" not in answer.err
    assert [path.name for path in Path().iterdir()] == ["small.yaml"]


def test_data_that_are_missing_are_found_before_anything_starts(cvkit, write):
    """With exit code 2."""
    text = RECIPE.replace("{name: shapes, train_size: 70, test_size: 30}", "{name: image_folder, path: nowhere}")
    answer = cvkit("check", write(text), "--smoke")
    assert answer.code == 2
    assert "nowhere" in answer.err
