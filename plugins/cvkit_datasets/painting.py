"""Draw images of one shape each, 32x32 RGB pixels with the exact mask of the object, many images at a time.

An image depends only on (key, index). It is computed with operations that IEEE 754 defines exactly (see `outlines`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .draws import Draws, Floats
from .outlines import OUTLINES, length

SIDE = 32
CLUTTER = 5  # strokes and dots behind the object, all much thinner than the object
_SIZE = (8.5, 12.5)  # pixels; range of the square root of the object area
_COLOURS = 6  # candidate colours of the object; the one with the highest contrast to the background is used
_EIGHTH_TURN = 0.41421356  # tan(pi / 8)


def paint(key: int, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.bool_]]:
    """Return images uint8 (B, 3, 32, 32), labels int64 (B,) and masks bool (B, 32, 32) for `indices` and `key`.

    The label is the index modulo ten. A pixel belongs to the mask if its centre is inside the object. Object and
    clutter have edges that are one pixel soft. The object is completely inside the image, more often near the border
    than in the centre.
    """
    draw = Draws(key, indices)
    labels = indices % len(OUTLINES)
    distance = _object_distance(draw, labels)
    image, backdrop = background(draw)
    for _ in range(CLUTTER):
        cover(image, clutter_distance(draw), draw(3))
    cover(image, distance, contrasting(draw, backdrop))
    image += draw(SIDE * SIDE, -0.06, 0.06).reshape(-1, 1, SIDE, SIDE)
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return pixels, labels, distance < 0


def _object_distance(draw: Draws, labels: NDArray[np.int64]) -> Floats:
    """Return the signed distance of the centre of each pixel to the object in pixels, (B, H, W)."""
    unit = draw(1, *_SIZE) / np.sqrt(of_outlines("area", labels))
    place = draw(2, -1, 1)
    centre = np.copysign(np.sqrt(np.abs(place)), place) * (SIDE / 2 - of_outlines("reach", labels) * unit)
    return outline_distance(labels, unit, centre, direction(draw))


def of_outlines(name: str, labels: NDArray[np.int64]) -> Floats:
    """Return a number of the outline of each label, (B, 1)."""
    numbers: Floats = np.array([getattr(outline, name) for outline in OUTLINES], dtype=np.float32)[labels, None]
    return numbers


def outline_distance(
    labels: NDArray[np.int64], unit: Floats, centre: Floats, direction: tuple[Floats, Floats]
) -> Floats:
    """Return the signed distance of the centre of each pixel to an object in pixels, (B, H, W).

    `unit` (B, 1) is the length of the outline's unit in pixels, and `centre` (B, 2) an offset from the middle.
    """
    x, y = _turned(*_pixels(centre), direction)
    unit = unit[:, :, None]
    x, y = x / unit, y / unit
    distance = np.empty_like(x)
    for label, outline in enumerate(OUTLINES):
        chosen = labels == label
        distance[chosen] = outline.distance(x[chosen], y[chosen])
    return distance * unit


def clutter_distance(draw: Draws) -> Floats:
    """Return the distance (B, H, W) to a thin stroke of 0 to 7 pixels at a random position in the image."""
    x, y = _turned(*_pixels(draw(2, -SIDE / 2, SIDE / 2)), direction(draw))
    half, radius = draw(1, 0, 3.5)[:, :, None], draw(1, 0.5, 1.1)[:, :, None]
    return length(np.maximum(np.abs(x) - half, 0), y) - radius


def background(draw: Draws) -> tuple[Floats, Floats]:
    """Return a texture (B, 3, H, W) between two similar colours, and these colours (B, 2, 3)."""
    first = draw(3, 0.1, 0.9)
    second = np.clip(first + draw(3, -0.3, 0.3), 0, 1)
    x, _ = _turned(*_pixels(draw(2, -8, 8)), direction(draw))
    stripes = np.abs(_fraction(x / draw(1, 5, 14)[:, :, None]) * 2 - 1)
    clouds = _smooth(draw(6 * 6).reshape(-1, 6, 6))
    share = draw(1)[:, :, None]
    blend = (clouds + (stripes - clouds) * share)[:, None]
    colours = np.stack([first, second], axis=1)
    first, second = first[:, :, None, None], second[:, :, None, None]
    return first + (second - first) * blend, colours


def contrasting(draw: Draws, backdrop: Floats) -> Floats:
    """Return, of several random colours, the one farthest from the nearest colour of `backdrop` (B, 2, 3), (B, 3)."""
    colours = draw(_COLOURS * 3).reshape(-1, _COLOURS, 3)
    difference = colours[:, :, None] - backdrop[:, None]
    red, green, blue = np.moveaxis(difference * difference, -1, 0)
    best = (red + green + blue).min(axis=2).argmax(axis=1)
    colour: Floats = colours[np.arange(len(colours)), best]
    return colour


def cover(image: Floats, distance: Floats, colour: Floats) -> None:
    """Paint `colour` (B, 3) on `image` (B, 3, H, W) in place where `distance` (B, H, W) is below 0."""
    share = np.clip(0.5 - distance, 0, 1)[:, None]
    image += (colour[:, :, None, None] - image) * share


def _pixels(centre: Floats) -> tuple[Floats, Floats]:
    """Return x and y of every pixel, (B, 1, W) and (B, H, 1), from `centre`, an offset (B, 2) from the middle."""
    axis = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    return axis[None, None, :] - centre[:, :1, None], axis[None, :, None] - centre[:, 1:, None]


def direction(draw: Draws) -> tuple[Floats, Floats]:
    """Return the cosine and sine, (B, 1, 1), of a random angle with an almost uniform distribution.

    The angle within a quarter turn comes from the rational parametrisation of the circle; a random number of quarter
    turns is added. The cosine of a library is not used because it may differ in the last bit between machines.
    """
    t = draw(1, -_EIGHTH_TURN, _EIGHTH_TURN)[:, :, None]
    cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    quarter = (draw(1, 0, 4)[:, :, None]).astype(np.int64)
    return np.choose(quarter, [cos, -sin, -cos, sin]), np.choose(quarter, [sin, cos, -sin, -cos])


def _turned(x: Floats, y: Floats, direction: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Return the coordinates along and across `direction`, (B, H, W) each."""
    cos, sin = direction
    return x * cos + y * sin, y * cos - x * sin


def _fraction(x: Floats) -> Floats:
    """Return the fractional part of `x`, in [0, 1)."""
    return x - np.floor(x)


def _smooth(lattice: Floats) -> Floats:
    """Interpolate `lattice` (B, G, G) smoothly to the image size, (B, H, W)."""
    position = np.arange(SIDE, dtype=np.float32) * ((lattice.shape[1] - 1) / SIDE)
    low = position.astype(np.int64)
    part = _fraction(position)
    part = part * part * (3 - 2 * part)
    rows = lattice[:, low] + (lattice[:, low + 1] - lattice[:, low]) * part[:, None]
    return rows[:, :, low] + (rows[:, :, low + 1] - rows[:, :, low]) * part
