"""A split whose images are in tar shards, each of which is read by its number."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cvkit import CvkitError, DataError, Needed, read_image

from ..headers import reason_of
from .files import ShardFiles
from .index import Array, HexDigests, SplitIndex
from .packed_text import PackedText
from .stored_images import file_of


@dataclass(frozen=True, eq=False)
class ShardSplit:
    """Images in shards; ``split[i]`` is an image in its own size, uint8 (C, H, W), and its label.

    Each image is compared with the SHA-256 in the index, so a damaged shard never changes what a run is trained on.

    Attributes:
        store: The place of the shards.
        index: Where each image is.
        channels: 1 or 3.
        bits: As for `read_image`.
        max_megapixels: As for `read_image`.
        kind: How the bytes of an image are stored: ``file`` for those of an image file, else as for `file_of`.
    """

    store: ShardFiles
    index: SplitIndex
    channels: int
    bits: int
    max_megapixels: int | None
    kind: str = "file"

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int, /) -> tuple[Tensor, int | Tensor]:
        return self._read(index, None)

    def reduced(self, index: int, needed: Needed, /) -> tuple[Tensor, int | Tensor]:
        """Return an image, reduced as far as `needed` allows if it is a JPEG file, and its label."""
        return self._read(index, needed)

    @property
    def names(self) -> PackedText | None:
        """The names of the images."""
        return self.index.names

    @property
    def labels(self) -> Array:
        """The labels of the images."""
        return self.index.labels

    @property
    def digests(self) -> Sequence[str]:
        """The SHA-256 of the bytes of each image."""
        return HexDigests(self.index.digests)

    @property
    def weights(self) -> Array | None:
        """The weights of the images."""
        return self.index.weights

    def content(self, index: int) -> bytes:
        """Return the bytes of an image; raise `DataError` if they are not those in the index."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        file, offset, count = self.index.place(index)
        content = self.store.range(file, offset, count)
        if hashlib.sha256(content).digest() != self.index.digests[index].tobytes():
            raise DataError(
                f"{self.store.where(file)}: {self._name(index)} is damaged: its SHA-256 differs from the one in the "
                "index. Copy this shard again, or pack the data again"
            )
        return content

    def _read(self, index: int, needed: Needed | None) -> tuple[Tensor, int | Tensor]:
        content = self.content(index)
        try:
            stream = io.BytesIO(file_of(self.kind, content))
            image = read_image(
                stream, self.channels, bits=self.bits, max_megapixels=self.max_megapixels, needed=needed
            )
        except CvkitError:  # from `needed`
            raise
        except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
            file = self.index.place(index)[0]
            raise DataError(
                f"could not read {self._name(index)} in {self.store.where(file)} as an image: {reason_of(error)}"
            ) from error
        label = self.index.labels[index]
        return image, torch.tensor(label) if label.ndim else int(label)

    def _name(self, index: int) -> str:
        return f"image {index:,}" if self.index.names is None else f"'{self.index.names[index]}'"
