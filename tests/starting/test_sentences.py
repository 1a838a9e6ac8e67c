"""What `cvkit new` says can be read whatever the classes are called."""

from __future__ import annotations

import pytest
import torch

from cvkit.data.account import DataAccount
from cvkit.data.splits import DataInfo, Splits, TensorSplit
from cvkit.starting.choices import choose
from cvkit.starting.photos import Photos
from cvkit.starting.sentences import about


@pytest.mark.parametrize(("name", "said"), [("cat", "cat"), ("big, grey", "'big, grey'"), ("a\nb", r"'a\nb'")])
def test_names_that_would_break_a_list_are_quoted(name, said):
    """A comma or a new line in the name of a class does not look like the next class."""
    split = TensorSplit(torch.zeros(4, 1, 1, 1, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))
    info = DataInfo(1, 1, 1, (name, "dog"), (0.5,), (0.5,))
    account = DataAccount({"train": {name: 2, "dog": 2}, "validation": {name: 2, "dog": 2}})
    found = Photos({"name": "image_folder", "path": "x"}, Splits(split, split, info), account, (), ((9, 9),))
    sentences = [*about(found, choose(found, "resnet18", None))]
    assert f"photos of each class: {said} 4, dog 4" in sentences
