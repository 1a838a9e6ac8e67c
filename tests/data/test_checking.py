"""What cvkit refuses of the splits of a data set before it reads an image."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cvkit import KINDS, Component, DataError, DataInfo, Origin, Splits, TensorSplit
from cvkit.data.checking import checked
from cvkit.host.registry import Entry

INFO = DataInfo(3, 4, 4, ("cat|dog", "owl"), (0.5,) * 3, (0.5,) * 3)
BOTH = ("single_label", "multi_label")
OWLS = Entry(KINDS["datasets"], Component("owls", "test_checking:owls", tasks=BOTH), Origin("acme", "acme", "1.0"))


def of(labels, info):
    """Return black training and test images with these labels."""
    split = TensorSplit(torch.zeros(len(labels), 3, 4, 4, dtype=torch.uint8), labels)
    return Splits(split, split, info)


def test_separator_in_a_label_of_sets_is_refused(wording):
    """In CSV files, `cat|dog` is an image with two labels. The name of a class may contain it."""
    with pytest.raises(DataError) as caught:
        checked(of(torch.eye(2), replace(INFO, task="multi_label")), OWLS)
    assert str(caught.value) == wording
    assert checked(of(torch.arange(2), INFO), OWLS).info == INFO
