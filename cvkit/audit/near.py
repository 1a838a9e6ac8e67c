"""Find near duplicates: pictures that come from the same photo although not every pixel is equal.

Two steps. The first compares every image with every other one in a block of a matrix at a time: each image is a
unit vector, the contrast of 8x8 pixels in colour, so one matrix product gives the correlations. The second step
compares the few pairs that remain in 32x32 grey pixels, at every shift of up to four pixels. Both are done once more
with one image of each pair mirrored, left to right.

Both use contrast with the neighbourhood (a pixel minus the mean of 5x5 pixels) instead of brightness, because photos
of the same subject often have the same bright and dark areas. The second step also removes the mean of each row and
column. Otherwise all ships before a horizon are alike. Thresholds were chosen by looking at pairs of CIFAR-10
(docs/results.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, normalize, pad

from .reading import SIDE

COARSE = 0.75
"""The correlation of 8x8 pixels from which a pair is compared more finely."""

FINE = 0.65
"""The correlation of 32x32 pixels from which a pair is a near duplicate."""

STRICTER = 0.1
"""What is added to the threshold for mirrored pairs: mirrored silhouettes of aircraft and birds are often alike."""

SHIFT = 4
"""The largest shift in pixels of 32."""

LIMIT = 400_000
"""The maximum number of pairs that are compared more finely, to bound time and memory: about two minutes."""

_ROWS, _COLUMNS, _PAIRS = 1024, 8192, 2048
_LEAST = 1.0  # a contrast, as a root of a sum of squares of grey levels, below which an image counts as uniform


@dataclass(frozen=True)
class NearPairs:
    """Pairs of near duplicates among N images.

    Attributes:
        pairs: Positions, int64 (P, 2), the first below the second.
        similarity: The correlation of 32x32 pixels at the best shift, float32 (P,).
        mirrored: Whether the images are similar only if one of them is mirrored, bool (P,).
        skipped: Whether `LIMIT` was reached, so that only the most similar pairs were compared.
    """

    pairs: Tensor
    similarity: Tensor
    mirrored: Tensor
    skipped: bool


def near_pairs(small: Tensor, threshold: float = FINE) -> NearPairs:
    """Return the near duplicates among images uint8 (N, C, `SIDE`, `SIDE`), mirrored ones last."""
    vectors = _coarse(small)
    plain = _near(small, vectors, vectors, threshold, mirrored=False)
    other = _near(small, vectors, _coarse(small, mirrored=True), min(threshold + STRICTER, 1.0), mirrored=True)
    keys, known = (pairs[:, 0] * len(small) + pairs[:, 1] for pairs in (other.pairs, plain.pairs))
    new = ~torch.isin(keys, known)
    return NearPairs(
        torch.cat([plain.pairs, other.pairs[new]]),
        torch.cat([plain.similarity, other.similarity[new]]),
        torch.cat([plain.mirrored, other.mirrored[new]]),
        plain.skipped or other.skipped,
    )


def _near(small: Tensor, firsts: Tensor, seconds: Tensor, threshold: float, *, mirrored: bool) -> NearPairs:
    """Return the near duplicates by the vectors of first and second images; the second ones may be mirrored."""
    pairs, skipped = _candidates(firsts, seconds)
    found = torch.zeros(0)
    if len(pairs):
        found = torch.cat([_similarity(small, part, mirrored=mirrored) for part in pairs.split(_PAIRS)])
    kept = found >= threshold
    return NearPairs(pairs[kept], found[kept], torch.full((int(kept.sum()),), mirrored), skipped)


def _coarse(small: Tensor, *, mirrored: bool = False) -> Tensor:
    """Return unit vectors (N, D) of the contrast of 8x8 pixels; the vector of a uniform image is zero."""
    turned = [3] if mirrored else []
    vectors = torch.cat(
        [_contrast(avg_pool2d(part.flip(turned).float(), SIDE // 8)).flatten(1) for part in small.split(4096)]
    )
    return normalize(vectors * (vectors.norm(dim=1, keepdim=True) >= _LEAST))


def _candidates(firsts: Tensor, seconds: Tensor) -> tuple[Tensor, bool]:
    """Return pairs int64 (P, 2) with a correlation of at least `COARSE`, and whether weaker ones were skipped."""
    pairs, strength, skipped = torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0), False
    for more, of_more in _blocks(firsts, seconds):
        pairs, strength = torch.cat([pairs, more]), torch.cat([strength, of_more])
        if len(pairs) > LIMIT:
            skipped = True
            strength, kept = strength.topk(LIMIT)
            pairs = pairs[kept]
    return pairs, skipped


def _blocks(firsts: Tensor, seconds: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pairs and their correlations, by blocks of the upper triangle of the matrix of all correlations."""
    for top in range(0, len(firsts), _ROWS):
        for left in range(top, len(firsts), _COLUMNS):
            similar = firsts[top : top + _ROWS] @ seconds[left : left + _COLUMNS].T
            found = (similar >= COARSE).nonzero()
            strength = similar[found[:, 0], found[:, 1]]
            found += torch.tensor([top, left])
            upper = found[:, 0] < found[:, 1]
            yield found[upper], strength[upper]


def _similarity(small: Tensor, pairs: Tensor, *, mirrored: bool) -> Tensor:
    """Return the correlation of the centre of each first image with the second, at the best shift, float32 (n,)."""
    first, second = (_centred(_contrast(small[side].float().mean(dim=1, keepdim=True))) for side in pairs.unbind(1))
    if mirrored:
        second = second.flip(3)
    kept = SIDE - 2 * SHIFT
    centre = first[..., SHIFT:-SHIFT, SHIFT:-SHIFT]
    centre = centre - centre.mean(dim=(1, 2, 3), keepdim=True)
    spectra = torch.fft.rfft2(centre, s=(SIDE, SIDE)).conj() * torch.fft.rfft2(second)
    product = torch.fft.irfft2(spectra, s=(SIDE, SIDE))[..., : 2 * SHIFT + 1, : 2 * SHIFT + 1]
    mean, square = (_windows(value, kept) for value in (second, second.square()))
    energy = (square - mean.square()).clamp(min=0) * kept**2
    scale = (energy * centre.square().sum(dim=(1, 2, 3), keepdim=True)).sqrt()
    best: Tensor = (product / scale.clamp(min=_LEAST**2)).flatten(1).amax(dim=1)
    return best


def _contrast(images: Tensor) -> Tensor:
    """Return each pixel minus the mean of the 5x5 pixels around it."""
    return images - avg_pool2d(pad(images, (2, 2, 2, 2), mode="replicate"), 5, stride=1)


def _centred(images: Tensor) -> Tensor:
    """Return images without the means of their rows and columns, which horizons and frames are made of."""
    images = images - images.mean(dim=3, keepdim=True)
    return images - images.mean(dim=2, keepdim=True)


def _windows(images: Tensor, side: int) -> Tensor:
    """Return the mean of every window of `side` by `side` pixels; one axis at a time is nine times as fast."""
    return avg_pool2d(avg_pool2d(images, (side, 1), stride=1), (1, side), stride=1)
