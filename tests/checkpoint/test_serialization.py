"""Any nest of plain values and tensors survives packing; nothing else is let in."""

from __future__ import annotations

import json
import math

import pytest
import torch

from cvkit import CheckpointError
from cvkit.checkpoint.serialization import pack, unpack

TREES = [
    {"a": 1, "b": [1.5, None, True, "x"], "c": {"d": (1, 2)}},
    {0: "int key", "$odd": "dollar key", "": []},
    {"inf": math.inf, "-inf": -math.inf, "tiny": 5e-324, "third": 1 / 3},
    {"betas": (0.9, 0.999), "nested": [({"x": ()},)]},
]


@pytest.mark.parametrize("tree", TREES)
def test_plain_values_come_back_exactly(tree):
    """Types included: a tuple is not a list, an int key not a string."""
    data, tensors = pack(tree)
    assert tensors == {}
    assert unpack(json.loads(json.dumps(data, allow_nan=False)), {}) == tree


def test_tensors_come_back_with_type_and_bits():
    """Each under its path, contiguous, as safetensors wants them."""
    tree = {"w": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last), "n": [torch.tensor(3)]}
    data, tensors = pack(tree)
    assert set(tensors) == {"/w", "/n/0"}
    assert all(tensor.is_contiguous() for tensor in tensors.values())
    restored = unpack(json.loads(json.dumps(data)), tensors)
    assert torch.equal(restored["w"], tree["w"])
    assert restored["n"][0].dtype == torch.int64


def test_packed_tensors_do_not_change_with_the_originals():
    """A checkpoint is of the moment it was taken."""
    weight = torch.zeros(3)
    _, tensors = pack({"w": weight})
    weight += 1
    assert float(tensors["/w"].sum()) == 0


def test_object_that_only_pickle_could_hold_is_refused_by_place(wording):
    """The message says where it stands and what is allowed."""
    with pytest.raises(CheckpointError, match=r"scheduler/lambdas/0.*function") as caught:
        pack({"scheduler": {"lambdas": [lambda step: step]}})
    assert str(caught.value) == wording
