"""Digests of images: those of bytes in files, and of pixels in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch

from cvkit import TensorSplit
from cvkit.data.digests import digests_of, file_digest


def test_images_in_memory_have_the_digest_of_their_pixels():
    """Whatever the memory format of the tensor is."""
    images = torch.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4).to(torch.uint8)
    expected = tuple(hashlib.sha256(bytes(image.flatten().tolist())).hexdigest() for image in images)
    labels = torch.zeros(2, dtype=torch.int64)
    assert digests_of(TensorSplit(images, labels)) == expected
    assert digests_of(TensorSplit(images.to(memory_format=torch.channels_last), labels)) == expected


@dataclass
class Files:
    """A split of files, or of nothing that has a digest."""

    files: list | None
    count: int

    def __len__(self):
        return self.count


def test_files_have_the_digest_of_their_bytes(tmp_path):
    """It is empty for a file that is gone; other splits have none."""
    (tmp_path / "a.png").write_bytes(b"a")
    files = [tmp_path / "a.png", tmp_path / "gone.png", tmp_path]
    assert digests_of(Files(files, 3)) == (hashlib.sha256(b"a").hexdigest(), "", "")
    assert file_digest(tmp_path) == ""
    assert digests_of(Files(files, 2)) is None
    assert digests_of(Files(None, 2)) is None
