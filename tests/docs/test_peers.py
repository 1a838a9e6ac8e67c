"""The comparison with other trainers: all train the same thing, and nobody is left out without a word."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from forks import in_a_fork

FOUND = {"rate": 100.0, "faults": 5.0, "memory": 500.0, "train_loss": 2.0, "test_accuracy": 0.5}


@pytest.fixture
def task(benchmark_module, tmp_path):
    """Return a task of a few steps on made-up images, and its module."""
    module = benchmark_module("peer_task")
    module.make_images(tmp_path / "images.pt", 16, "random", tmp_path)
    return module, module.Task(str(tmp_path / "images.pt"), 2, 16, steps=1, epochs=3, skipped=0, workers=0)


def test_cvkit_and_the_bare_loop_train_the_same_weights(benchmark_module, task, tmp_path):
    """The step has all images, so that their order does not matter, and nothing is drawn."""
    module, few = task
    few = dataclasses.replace(few, augmented=False)
    clock = module.Clock(few)
    benchmark_module("peer_trainers").bare_loop(few, clock)
    process, cvkit = benchmark_module("peer_process"), benchmark_module("peer_cvkit")

    def work() -> None:
        cvkit.run(dataclasses.asdict(few))
        torch.save(process.clock_of(few).model.state_dict(), tmp_path / "weights.pt")
        assert process.clock_of(few).measured()["rate"] > 0

    assert in_a_fork(work) == 0
    found = torch.load(tmp_path / "weights.pt", weights_only=True)
    first = module.network(few, None).state_dict()
    for name, tensor in clock.model.state_dict().items():
        torch.testing.assert_close(found[name], tensor, atol=1e-4, rtol=1e-3)
    assert not torch.equal(first["linear.weight"], found["linear.weight"])


def test_loaders_crop_flip_and_normalise_alike(task):
    """Each image of either loader is one of the crops of the image, or its mirror image."""
    module, few = task
    images, _ = module.load_images(few)["train"]
    padded = torch.nn.functional.pad(images.float(), [module.PADDING] * 4, mode="reflect").byte()
    for form in ("images", "batches"):
        (loaded, labels), *_ = module.loader(dataclasses.replace(few, loader=form))
        assert loaded.shape == (16, 3, 32, 32)
        assert labels.dtype == torch.int64
        crops = padded.unfold(2, 32, 1).unfold(3, 32, 1)  # (16, 3, 9, 9, 32, 32)
        crops = module.normalized(crops.permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, 32, 32))
        candidates = torch.cat([crops, crops.flip(3)]).flatten(1)
        distances = torch.cdist(loaded.flatten(1), candidates).min(dim=1).values
        assert distances.max() < 0.05


def test_clock_counts_the_last_steps_and_refuses_others(task):
    """cvkit takes steps before a run to try the recipe, with fewer images."""
    module, few = task
    clock = module.Clock(few)
    model = module.network(few, clock).train()
    for size in (2, 16, 16, 16):
        model(torch.rand(size, 3, 32, 32))
    assert clock.measured()["rate"] > 0
    model.train()(torch.rand(3, 3, 32, 32))  # measuring leaves it in evaluation mode
    with pytest.raises(AssertionError, match="3"):
        clock.measured()


def test_table_names_those_that_failed_or_are_missing(benchmark_module):
    """A ratio is that of the same round, and the fastest of the others is named."""
    peers = benchmark_module("peers")
    fast, slow = FOUND | {"rate": 200.0}, FOUND | {"rate": 50.0}
    measured = {
        "bare loop": [FOUND, slow],
        "cvkit": [fast, FOUND],
        "Lightning": [FOUND, slow],
        "fastai": [FOUND, None],
    }
    text = peers.table("as started", measured, ["accelerate"], {"cvkit": "1e-06"})
    assert "| cvkit | 150 | 2.00 (2.00 to 2.00) | 500 MB | 1.00 |" in text
    assert "| fastai | failed" in text
    assert "| accelerate | not installed" in text
    assert "cvkit is 2.00 (2.00 to 2.00) times as fast as Lightning" in text


def test_trainer_that_fails_does_not_end_the_comparison(benchmark_module, task, capsys):
    """Its message is shown."""
    peers = benchmark_module("peers")
    _, few = task
    assert peers.in_a_process("nobody", dataclasses.replace(few, file="nowhere"), kept=False) is None
    assert "nobody failed" in capsys.readouterr().err
