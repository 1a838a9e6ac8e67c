"""torchvision's augmentations of colours and shapes by short names, with defaults that suit photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeFloat, PositiveInt
from torchvision.transforms import v2

if TYPE_CHECKING:
    from cvkit import DataInfo

_Probability = Annotated[float, Field(ge=0, le=1)]
_Magnitude = Annotated[int, Field(ge=0, le=30)]
_Severity = Annotated[int, Field(ge=1, le=10)]


def trivial_augment(info: DataInfo) -> v2.TrivialAugmentWide:
    """Change each photo by one random operation of random strength: there is nothing to tune.

    Source: Mueller and Hutter 2021, arXiv:2103.10158, with the wide ranges.

    Args:
        info: Mean colour of the data set, which fills pixels outside the photo.

    Returns:
        A transform of uint8 (C, H, W) that keeps the size.
    """
    return v2.TrivialAugmentWide(interpolation=v2.InterpolationMode.BILINEAR, fill=_mean_colour(info))


def rand_augment(info: DataInfo, *, operations: PositiveInt = 2, magnitude: _Magnitude = 9) -> v2.RandAugment:
    """Change each photo by random operations of one strength.

    Source: Cubuk et al. 2019, arXiv:1909.13719.

    Args:
        info: Mean colour of the data set, which fills pixels outside the photo.
        operations: Number of operations for each photo, at least 1.
        magnitude: Strength of the operations, 0 to 30.

    Returns:
        A transform of uint8 (C, H, W) that keeps the size.
    """
    return v2.RandAugment(
        operations, magnitude, 31, interpolation=v2.InterpolationMode.BILINEAR, fill=_mean_colour(info)
    )


def aug_mix(info: DataInfo, *, severity: _Severity = 3, chains: PositiveInt = 3) -> v2.AugMix:
    """Average each photo with copies that went through chains of random operations.

    It is the slowest of the augmentations, because each photo goes through several chains; put a crop before it.
    Source: Hendrycks et al. 2019, arXiv:1912.02781.

    Args:
        info: Mean colour of the data set, which fills pixels outside the photo.
        severity: Strength of the operations, 1 to 10.
        chains: Number of chains, at least 1.

    Returns:
        A transform of uint8 (C, H, W) that keeps the size.
    """
    return v2.AugMix(
        severity, chains, interpolation=v2.InterpolationMode.BILINEAR, all_ops=True, fill=_mean_colour(info)
    )


def color_jitter(
    info: DataInfo,
    *,
    brightness: NonNegativeFloat = 0.4,
    contrast: NonNegativeFloat = 0.4,
    saturation: NonNegativeFloat = 0.4,
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0,
) -> v2.ColorJitter:
    """Change brightness, contrast, saturation and hue of each photo at random, in random order.

    The defaults are those of timm. Grey images have no saturation and no hue, so these are not changed.

    Args:
        info: Channels, image size and classes of the data set; not used.
        brightness: Largest change of the brightness as a fraction, at least 0.
        contrast: Largest change of the contrast as a fraction, at least 0.
        saturation: Largest change of the saturation as a fraction, at least 0.
        hue: Largest change of the hue as a fraction of the colour circle, in [0, 0.5]. It is slow.

    Returns:
        A transform of uint8 (C, H, W) that keeps the size.
    """
    return v2.ColorJitter(brightness, contrast, saturation, hue)


def random_erasing(
    info: DataInfo,
    *,
    p: _Probability = 0.25,
    scale: tuple[_Probability, _Probability] = (0.02, 0.33),
) -> v2.RandomErasing:
    """Fill a random rectangle of a photo with the mean colour of the data set.

    Put it after a crop; otherwise the crop may leave the rectangle out. Source: Zhong et al. 2017, arXiv:1708.04896.

    Args:
        info: Mean colour of the data set.
        p: Probability with which a photo gets a rectangle, in [0, 1].
        scale: Lowest and highest area of the rectangle as a fraction of the photo's, in [0, 1].

    Returns:
        A transform of uint8 (C, H, W) that keeps the size.

    Raises:
        ValueError: The highest area is below the lowest.
    """
    if scale[0] > scale[1]:
        raise ValueError(f"scale: the lowest value, {scale[0]:g}, is above the highest, {scale[1]:g}")
    return v2.RandomErasing(p, scale, value=_mean_colour(info))


def _mean_colour(info: DataInfo) -> list[float]:
    return [float(round(255 * value)) for value in info.mean]
