"""Test-time augmentation: deterministic views of an image, whose logits are averaged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor
from torch.nn.functional import interpolate, pad

from ..recipe.settings import EvaluationSettings, View

FLIP: tuple[View, ...] = ("identity", "horizontal_flip")
"""The views of `evaluation.flip_tta`."""


def views_of(settings: EvaluationSettings, *, last: bool = True) -> tuple[View, ...]:
    """Return the views that a recipe asks for after an epoch; none if it uses no test-time augmentation then.

    `last` says whether the epoch is the last planned one.
    """
    if settings.views_at == "final" and not last:
        return ()
    return FLIP if settings.flip_tta else settings.views


def view(images: Tensor, name: View) -> Tensor:
    """Return a view of images (B, C, H, W), of the same shape."""
    return _VIEWS[name](images)


def _shifted(images: Tensor, down: int, right: int) -> Tensor:
    """Return the images moved by a sixteenth of their height or width, at least a pixel; their edges are repeated."""
    height, width = images.shape[-2:]
    y, x = down * max(1, round(height / 16)), right * max(1, round(width / 16))
    padded = pad(images, (max(x, 0), max(-x, 0), max(y, 0), max(-y, 0)), mode="replicate")
    top, left = max(-y, 0), max(-x, 0)
    return padded[..., top : top + height, left : left + width]


def _by_a_pixel(images: Tensor, down_right: bool, flip: bool) -> Tensor:
    """Return the images, mirrored if `flip` is true, moved by a pixel in both directions; edges are reflected.

    These are the shifts of airbench94 (Jordan 2024, arXiv:2404.00498). A single row is repeated.
    """
    height, width = images.shape[-2:]
    mode = "reflect" if min(height, width) > 1 else "replicate"
    start = 0 if down_right else 2
    padded = pad(images.flip(-1) if flip else images, (1, 1, 1, 1), mode=mode)
    return padded[..., start : start + height, start : start + width]


def _cropped(images: Tensor, percent: int) -> Tensor:
    """Return the middle of the images, of this percentage of height and width, enlarged to their size."""
    height, width = images.shape[-2:]
    inner_height, inner_width = (max(1, round(side * percent / 100)) for side in (height, width))
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    middle = images[..., top : top + inner_height, left : left + inner_width]
    return interpolate(middle, (height, width), mode="bilinear", align_corners=False)


_VIEWS: Mapping[View, Callable[[Tensor], Tensor]] = {
    "identity": lambda images: images,
    "horizontal_flip": lambda images: images.flip(-1),
    "vertical_flip": lambda images: images.flip(-2),
    "shift_up": partial(_shifted, down=-1, right=0),
    "shift_down": partial(_shifted, down=1, right=0),
    "shift_left": partial(_shifted, down=0, right=-1),
    "shift_right": partial(_shifted, down=0, right=1),
    "pixel_up_left": partial(_by_a_pixel, down_right=False, flip=False),
    "pixel_down_right": partial(_by_a_pixel, down_right=True, flip=False),
    "flipped_pixel_up_left": partial(_by_a_pixel, down_right=False, flip=True),
    "flipped_pixel_down_right": partial(_by_a_pixel, down_right=True, flip=True),
    "crop_90": partial(_cropped, percent=90),
    "crop_80": partial(_cropped, percent=80),
}
