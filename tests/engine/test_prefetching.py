"""Worker processes load the first images of an evaluation and of an epoch before these begin."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from cvkit import EpochRecord, Trainer, build_parts
from cvkit.engine.trainer import Step
from cvkit.recipe import read_text, resolve

RECIPE = """
name: prefetched
dataset: {name: shapes, train_size: 40, test_size: 12}
model: {name: custom_resnet, width: 2}
optimizer: sgd
train: {epochs: 3, batch_size: 8, workers: 2, device: cpu, resident: false}
"""


class Logged:
    """The images of a split; each that is read adds a letter to a file."""

    def __init__(self, split, file: Path, letter: bytes):
        self.split, self.file, self.letter = split, file, letter

    def __len__(self):
        return len(self.split)

    def __getitem__(self, index):
        with self.file.open("ab") as log:
            log.write(self.letter)
        return self.split[index]


@pytest.fixture
def logged_run(catalog, tmp_path):
    """Return a trainer whose images are logged, and a function that counts training and test images read so far."""
    file = tmp_path / "reads"

    def make(*overrides: str):
        file.write_bytes(b"")
        recipe = resolve(read_text(RECIPE, overrides), catalog)
        splits = recipe.dataset.build(tmp_path)
        splits = replace(splits, train=Logged(splits.train, file, b"t"), test=Logged(splits.test, file, b"e"))
        trainer = Trainer(build_parts(recipe, splits))
        return trainer, lambda: [file.read_bytes().count(letter) for letter in (b"t", b"e")]

    return make


def until(condition) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_next_evaluation_and_epoch_are_loaded_while_an_epoch_ends(logged_run):
    """After the last step of the second epoch, nothing was evaluated yet."""
    trainer, reads = logged_run()
    training = trainer.fit()
    for event in training:
        if isinstance(event, Step) and event.epoch == 2 and event.ends_epoch:
            break
    assert until(lambda: reads()[0] > 2 * 40), reads()
    assert until(lambda: reads()[1] > 12), reads()
    training.close()


def test_no_image_is_loaded_twice_or_after_the_last_epoch(logged_run):
    trainer, reads = logged_run()
    begun = reads()
    for _ in trainer.fit():
        pass
    assert [now - before for now, before in zip(reads(), begun, strict=True)] == [3 * 40, 3 * 12]


@pytest.mark.parametrize("knobs", [(), ("train.accumulate=2",), ("train.max_steps=7",), ("sampler=balanced",)])
def test_losses_and_results_are_those_without_processes(logged_run, knobs):
    def numbers(workers: int):
        trainer, _ = logged_run(f"train.workers={workers}", *knobs)
        events = [*trainer.fit()]
        losses = [event.loss for event in events if isinstance(event, Step)]
        return losses, [event.test_loss for event in events if isinstance(event, EpochRecord)]

    assert numbers(2) == numbers(0)
