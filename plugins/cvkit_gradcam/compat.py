"""Scale and resize maps in the same way as another library."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from .normalize import NORMALIZATIONS, Finish, Normalization, by_range, resized, stretched

Compat = Literal["pytorch-grad-cam", "torchcam", "captum"]
CompatOfTwo = Literal["pytorch-grad-cam", "torchcam"]
CompatOfOne = Literal["pytorch-grad-cam"]


def as_torchcam(raw: Tensor, size: tuple[int, ...]) -> Tensor:
    """Rectify, stretch with 1e-8 at the resolution of the layer, then resize, as torchcam's `fuse_cams` does."""
    return resized(stretched(raw.relu(), 1e-8), size)


PRESETS: dict[Compat, Finish] = {"pytorch-grad-cam": by_range, "torchcam": as_torchcam, "captum": resized}
LACKING: dict[Compat, tuple[str, ...]] = {
    "pytorch-grad-cam": (),
    "torchcam": ("hires_cam", "eigen_cam"),
    "captum": ("hires_cam", "layer_cam", "grad_cam_pp", "eigen_cam", "score_cam"),
}


def postprocess_for(method: str, normalize: Normalization, compat: Compat | None) -> Finish:
    """Return the function that converts the signed maps of a method to the final maps.

    `compat` replaces `normalize`. Raises `ValueError` if both are set, or if the library does not have the method.
    """
    if compat is None:
        return NORMALIZATIONS[normalize]
    if normalize != "max":
        raise ValueError(f"'compat: {compat}' normalises as {compat} does; leave out 'normalize: {normalize}'")
    if method in LACKING[compat]:
        libraries = ", ".join(name for name, lacking in LACKING.items() if method not in lacking)
        raise ValueError(f"compat: {compat} has no {method}; 'compat' may be {libraries}")
    return PRESETS[compat]
