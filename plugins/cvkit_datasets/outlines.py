"""Outlines of the ten shapes as signed distances: below 0 inside, about the distance to the edge near it.

Every function takes coordinates x (right), y (up), float32 (B, H, W), in the shape's own unit, its origin near the
shape's middle, and returns distances in that unit. Only +, -, *, /, square root, absolute value, minimum and maximum
are used: IEEE 754 fixes their results, so a picture is the same bits on every machine and in any batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .draws import Floats


def length(x: Floats, y: Floats) -> Floats:
    """Return the distance of (x, y) from the origin."""
    return np.sqrt(x * x + y * y)


def box(x: Floats, y: Floats, half_width: float, half_height: float) -> Floats:
    """Return the distance to an upright rectangle about the origin (exact inside and beside its edges)."""
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)


def circle(x: Floats, y: Floats) -> Floats:
    """Return the distance to a disc of radius 1."""
    return length(x, y) - 1


def ring(x: Floats, y: Floats) -> Floats:
    """Return the distance to a ring of radii 0.5 and 1."""
    distance: Floats = np.abs(length(x, y) - 0.75) - 0.25
    return distance


def crescent(x: Floats, y: Floats) -> Floats:
    """Return the distance to a disc of radius 1 with a disc of radius 0.75 bitten off its right."""
    distance: Floats = np.maximum(length(x - 0.2, y) - 1, 0.75 - length(x - 0.75, y))
    return distance


def triangle(x: Floats, y: Floats) -> Floats:
    """Return the distance to an equilateral triangle, its centre 0.5 from each side."""
    return np.maximum(-y, 0.8660254 * np.abs(x) + 0.5 * y) - 0.5


def square(x: Floats, y: Floats) -> Floats:
    """Return the distance to a square of side 2."""
    return box(x, y, 1, 1)


def bar(x: Floats, y: Floats) -> Floats:
    """Return the distance to a bar three times as long as wide."""
    return box(x, y, 1, 1 / 3)


def cross(x: Floats, y: Floats) -> Floats:
    """Return the distance to a cross of two bars."""
    return np.minimum(box(x, y, 1, 0.3), box(x, y, 0.3, 1))


def star(x: Floats, y: Floats) -> Floats:
    """Return the distance to a five-pointed star of radii 0.45 and 1 (Inigo Quilez, "2D distance functions")."""
    cos, sin = 0.809016994, 0.587785252  # of 36 degrees: folding twice leaves half of one point
    x = np.abs(x)
    for side in (1, -1):
        beyond = 2 * np.maximum(side * cos * x - sin * y, 0)
        x, y = x - beyond * (side * cos), y + beyond * sin
    x, y = np.abs(x), y - 1
    edge_x, edge_y = 0.45 * sin, 0.45 * cos - 1
    along = np.clip((x * edge_x + y * edge_y) / (edge_x**2 + edge_y**2), 0, 1)
    outside = y * edge_x > x * edge_y
    distance = length(x - edge_x * along, y - edge_y * along)
    return np.where(outside, distance, -distance)


def heart(x: Floats, y: Floats) -> Floats:
    """Return the distance to a square on its corner, its top cut off between two discs on the upper sides."""
    y = y + 0.15
    u, v = (y + x) * 0.70710678, (y - x) * 0.70710678
    body = np.maximum(box(u, v, 0.5, 0.5), y - 0.5)
    discs = np.minimum(length(u - 0.5, v + 0.06), length(u + 0.06, v - 0.5)) - 0.44
    distance: Floats = np.minimum(body, discs)
    return distance


def arrow(x: Floats, y: Floats) -> Floats:
    """Return the distance to an arrow pointing right: a triangular head on a shaft."""
    head = np.maximum(-x, 0.70710678 * (np.abs(y) + x - 0.85))
    distance: Floats = np.minimum(head, box(x + 0.25, y, 0.7, 0.25))
    return distance


@dataclass(frozen=True)
class Outline:
    """A shape: its signed `distance`, the `area` it has, and the `reach` of its farthest point, in its own unit."""

    distance: Callable[[Floats, Floats], Floats]
    area: float
    reach: float

    @property
    def name(self) -> str:
        """The class's name."""
        return self.distance.__name__


OUTLINES = (
    Outline(circle, area=3.142, reach=1.0),
    Outline(ring, area=2.356, reach=1.0),
    Outline(crescent, area=1.74, reach=1.145),
    Outline(triangle, area=1.299, reach=1.0),
    Outline(square, area=4.0, reach=1.415),
    Outline(bar, area=1.333, reach=1.055),
    Outline(cross, area=2.04, reach=1.045),
    Outline(star, area=1.323, reach=1.0),
    Outline(heart, area=1.593, reach=0.87),
    Outline(arrow, area=1.198, reach=0.985),
)
