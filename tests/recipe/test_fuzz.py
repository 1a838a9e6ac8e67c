"""Whatever the text, reading and checking end in a recipe or in a RecipeError, soon."""

from __future__ import annotations

import random
import time

import pytest

from cvkit.errors import RecipeError
from cvkit.recipe import read, read_text, resolve

VALID = """name: a
dataset: {name: shapes, count: 3}
augmentations: [crop, {name: flip, p: 1}]
model: {name: toy/net, head: "no"}
optimizer: sgd
scheduler:
  name: one_cycle
  max_lr: auto
tuners:
  - {name: range_test, set: scheduler.max_lr}
train: {ema: 0.999, epochs: 0x1f}
plugins: {disable: [x]}
"""
FRAGMENTS = [
    *"[]{}:,-?&*!|>'\"%@`#\n\t ~",
    "<<: ",
    "extends: ",
    "auto",
    "name: ",
    "set: ",
    "null",
    "1e999",
    "- ",
    "\0",
]


def settle(catalog, text: str, *overrides: str) -> None:
    """Read and check; only a RecipeError may come out, and it must print."""
    message = "fine"
    try:
        resolve(read_text(text, overrides), catalog)
    except RecipeError as error:
        message = str(error)
    assert message.encode("utf-8")


def test_every_prefix_settles(catalog):
    """A recipe cut off at any character."""
    for end in range(len(VALID) + 1):
        settle(catalog, VALID[:end])


def test_every_deleted_line_and_doubled_line_settles(catalog):
    """A recipe that lacks a line, or has one twice."""
    lines = VALID.splitlines(keepends=True)
    for index in range(len(lines)):
        settle(catalog, "".join(lines[:index] + lines[index + 1 :]))
        settle(catalog, "".join(lines[: index + 1] + lines[index:]))


@pytest.mark.parametrize("seed", range(8))
def test_random_edits_settle(catalog, seed):
    """Fragments of YAML put in and taken out anywhere."""
    draw = random.Random(seed)
    for _ in range(60):
        text = VALID
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice(FRAGMENTS) + text[at + draw.randrange(4) :]
        settle(catalog, text)


@pytest.mark.parametrize("value", [*FRAGMENTS, "{}", "[]", "[[]]", "{name: {}}", "[{name: 3}]", "auto", "-1", "x: y"])
def test_any_value_anywhere_settles(catalog, value):
    """Every key of a recipe given every kind of value, as an override and as text."""
    for key in ("name", "dataset", "augmentations", "model", "scheduler", "tuners", "train", "plugins", "extends"):
        settle(catalog, VALID, f"{key}={value}")
        settle(catalog, f"{key}: {value}\n")
    for path in ("model.head", "augmentations.0", "augmentations.flip.p", "tuners.0.set", "train.epochs"):
        settle(catalog, VALID, f"{path}={value}")


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_settle(tmp_path, seed):
    """A file of noise."""
    path = tmp_path / "noise.yaml"
    path.write_bytes(random.Random(seed).randbytes(400))
    with pytest.raises(RecipeError):
        read(path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "a: " + "9" * 1_000_000,
        "a: '" + "x" * 1_000_000,
        "&a [*a]",
        "a: &a [x, *a]\nb: *a",
        "\n".join(f"{'k' * (i % 7)}{i}: {{}}" for i in range(4000)),
        "#" * 1_000_000,
        "augmentations: [" + "crop, " * 3000 + "]",
        "tuners: [" + "{name: range_test, set: a.b}, " * 2000 + "]",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_settles_soon(catalog, text):
    """Texts made to exhaust the stack, the memory or the patience of a reader."""
    start = time.perf_counter()
    settle(catalog, text)
    assert time.perf_counter() - start < 10
