"""Read image files as model inputs."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..errors import DataError, one_line
from .decoding import MODES, read_image
from .preprocessing import Preprocessor
from .reduction import Wanted, needed_for_framing
from .resizing import frame
from .splits import DataInfo


def read_input(path: Path, info: DataInfo) -> Tensor:
    """Return an image file as the model receives it in evaluation: read, framed and normalised.

    The file is read as `read_image` reads it, without options of the data set such as ``bits``.

    Args:
        path: A PNG, JPEG, WebP, BMP, GIF or TIFF file of any size.
        info: Channels, input size, framing and normalisation.

    Returns:
        The model input, float32 (C, `info.height`, `info.width`), on the CPU.

    Raises:
        DataError: The file is missing or cannot be read as an image, or image files cannot have the channels of
            `info`.
    """
    if info.channels not in MODES:
        raise DataError(f"the model's images have {info.channels} channels, but image files are read with 1 or 3")
    needed = needed_for_framing(info)
    wanted = None if needed is None else Wanted(needed)
    if path.exists() and not path.is_file():  # reading a pipe or a device may never end
        raise DataError(f"{path}: is not a regular file")
    try:
        image = read_image(path, info.channels, needed=wanted)
    except Exception as error:  # Pillow may raise anything for a damaged file
        raise DataError(f"{path}: cannot be read as an image: {one_line(error)}") from error
    fitted = frame(image, info, None if wanted is None else wanted.size)
    preprocessor = Preprocessor(info, (), torch.device("cpu"), channels_last=False)
    return preprocessor.for_evaluation(fitted[None])[0]
