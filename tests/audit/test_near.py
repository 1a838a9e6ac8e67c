"""Near duplicates: which changes of a picture are found, and which are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from photos import photo
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from cvkit.audit import near
from cvkit.audit.near import near_pairs


def cut(image: Tensor, top: int = 4, left: int = 4) -> Tensor:
    return image[:, top : top + 32, left : left + 32]


def jpeg(image: Tensor) -> Tensor:
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=40)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)


def scaled(image: Tensor) -> Tensor:
    return interpolate(cut(image)[None, :, 1:-1, 1:-1].float(), (32, 32), mode="bilinear")[0].to(torch.uint8)


FOUND = {
    "brighter": lambda image: (cut(image).float() * 0.8 + 50).to(torch.uint8),
    "more contrast": lambda image: (cut(image).float() * 1.3 - 40).clamp(0, 255).to(torch.uint8),
    "JPEG": lambda image: jpeg(cut(image)),
    "shifted by one pixel": lambda image: cut(image, 5, 4),
    "shifted across by two": lambda image: cut(image, 4, 6),
    "scaled": scaled,
    "grey": lambda image: cut(image).float().mean(dim=0, keepdim=True).to(torch.uint8).expand(3, -1, -1),
}
MIRRORED = {
    "mirrored": lambda image: cut(image).flip(2),
    "mirrored, brighter and shifted": lambda image: (cut(image, 4, 6).flip(2) * 0.8 + 50).to(torch.uint8),
    "mirrored JPEG": lambda image: jpeg(cut(image).flip(2)),
}
MISSED = {
    "upside down": lambda image: cut(image).flip(1),
    "turned by a quarter": lambda image: cut(image).rot90(1, (1, 2)),
    "another": lambda image: cut(photo(999)),
    "negative": lambda image: 255 - cut(image),
}


@pytest.mark.parametrize("change", FOUND)
def test_changes_that_leave_the_same_photo_are_found(change):
    """The pair is found among other pictures, and nothing else is."""
    images = torch.stack([*(cut(photo(seed)) for seed in range(40)), FOUND[change](photo(7))])
    found = near_pairs(images)
    assert found.pairs.tolist() == [[7, 40]]
    assert 0.65 <= float(found.similarity) <= 1.01
    assert found.mirrored.tolist() == [False]


@pytest.mark.parametrize("change", MIRRORED)
def test_mirrored_copies_are_found_and_marked(change):
    """Among other pictures, and nothing else is."""
    images = torch.stack([*(cut(photo(seed)) for seed in range(40)), MIRRORED[change](photo(7))])
    found = near_pairs(images)
    assert (found.pairs.tolist(), found.mirrored.tolist()) == ([[7, 40]], [True])
    assert 0.65 <= float(found.similarity) <= 1.01


def test_symmetric_pictures_are_one_pair_that_is_not_mirrored():
    """They are similar both ways."""
    image = cut(photo(3))
    symmetric = torch.cat([image[..., :16], image[..., :16].flip(2)], dim=2)
    found = near_pairs(torch.stack([symmetric, cut(photo(1)), jpeg(symmetric)]))
    assert (found.pairs.tolist(), found.mirrored.tolist()) == ([[0, 2]], [False])


@pytest.mark.parametrize("change", MISSED)
def test_pictures_that_are_no_duplicates_are_not_found(change):
    """Turned pictures are not searched for."""
    images = torch.stack([*(cut(photo(seed)) for seed in range(40)), MISSED[change](photo(7))])
    assert near_pairs(images).pairs.tolist() == []


def test_uniform_images_are_not_near_duplicates():
    """Without contrast there is nothing to compare; equal pixels are the digest's."""
    images = torch.stack([torch.full((3, 32, 32), value, dtype=torch.uint8) for value in (0, 10, 10, 200)])
    assert near_pairs(images).pairs.tolist() == []


def test_horizons_alone_are_not_alike():
    """Two scenes share the sky and the sea, and nothing else."""
    scene = torch.full((3, 32, 32), 60, dtype=torch.uint8)
    scene[:, :16] = 200
    images = [(0.8 * scene + 0.2 * cut(photo(seed))).to(torch.uint8) for seed in range(20)]
    assert near_pairs(torch.stack(images)).pairs.tolist() == []


def test_blocks_do_not_change_the_pairs(monkeypatch):
    """Every pair is found once, wherever the blocks are cut."""
    images = torch.stack([jpeg(cut(photo(seed % 9))) if seed > 8 else cut(photo(seed)) for seed in range(27)])
    whole = sorted(near_pairs(images).pairs.tolist())
    assert len(whole) == 9 * 3
    for name, value in (("_ROWS", 4), ("_COLUMNS", 6), ("_PAIRS", 5)):
        monkeypatch.setattr(near, name, value)
    assert sorted(near_pairs(images).pairs.tolist()) == whole


def test_at_the_limit_the_most_similar_pairs_are_kept(monkeypatch):
    """And the result says that weaker ones were skipped."""
    images = torch.stack([cut(photo(0)), cut(photo(1)), cut(photo(0)), cut(photo(1), 5, 5)])
    assert not near_pairs(images).skipped
    monkeypatch.setattr(near, "LIMIT", 1)
    found = near_pairs(images)
    assert (found.pairs.tolist(), found.skipped) == ([[0, 2]], True)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_images_have_no_pairs(count):
    assert len(near_pairs(torch.zeros(count, 3, 32, 32, dtype=torch.uint8)).pairs) == 0
