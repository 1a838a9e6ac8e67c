"""The tables of speed and of exactness show what was measured, and what was not."""

from __future__ import annotations

import pytest
import torch

STEPS = {"fp32, contiguous, eager": [100.0, 1.0, 1.0, 1.0], "bf16, channels_last, eager": [150.0, 1.5, 1.4, 1.6]}
MEASURED = {
    "device": "cpu (x86_64, 2 threads)",
    "epochs": 2.0,
    "now": "fp32, contiguous, eager",
    "best": "bf16, channels_last, eager",
    "steps": STEPS,
    "as_it_is": 30.0,
    "fastest": 20.0,
    "shares": {"model": 0.9, "evaluation": 0.1},
    "left_out": ["fp16 is 30 times as slow as fp32 here"],
}


def test_speeds_of_recipes_are_in_one_table_each(benchmark_module):
    """A recipe that cannot be measured has a row with the reason."""
    speeds = benchmark_module("speeds")
    found = {"shapes.yaml": MEASURED, "cifar10_resnet_small.yaml": {"error": "CIFAR-10 is not there"}}
    text = speeds.recipes_table(found)
    assert (
        "| shapes.yaml | fp32, contiguous, eager | 100 | bf16, channels_last, eager | 1.50 (1.40 to 1.60) |" in text
    )
    assert "model 90 %, evaluation 10 %" in text
    assert "not measured: CIFAR-10 is not there" in text
    assert "| bf16, channels_last, eager | 1.50 (1.40 to 1.60) |" in speeds.steps_table(found)
    assert "shapes.yaml: fp16 is 30 times" in speeds.left_out(found)[0]


@pytest.mark.parametrize("title", ["SGD", "`sync_batch_norm: true`"])
def test_exactness_of_a_feature(benchmark_module, title):
    """Gradients differ by rounding; a feature that needs GPUs has the reason in its row."""
    exactness = benchmark_module("exactness")
    feature = next(each for each in exactness.FEATURES if each.title == title)
    row = exactness.row(feature)
    if "sync" in title:
        assert "refused" in row
        return
    cells = [cell.strip() for cell in row.strip("| ").split("|")]
    assert all(float(cell) < 1e-6 for cell in cells[1:7])
    assert cells[7:] == ["same bits", "same bits"]


def test_exactness_sees_other_weights_and_bits(benchmark_module):
    """The largest difference is that of any element of any tensor, and one bit counts."""
    exactness = benchmark_module("exactness")
    one = {"a": torch.zeros(3), "b": torch.ones(2)}
    other = {"a": torch.tensor([0.0, 0.0, -0.25]), "b": torch.ones(2)}
    assert exactness.largest(one, other) == 0.25
    assert not exactness.same_bits(one, other)
    assert exactness.same_bits(one, {name: value.clone() for name, value in one.items()})
