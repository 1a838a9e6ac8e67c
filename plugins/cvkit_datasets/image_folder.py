"""A data set of image files in folders that are named after the classes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import PositiveInt

from cvkit import DataError, Splits

from .file_split import read
from .finding import tree_of
from .layout import layout_of
from .opening import grouped, opened
from .options import Bits, Folds, FramingName, Reading, Seed, Share, Side, SplitPlan
from .same_image import merged


def image_folder(
    root: Path,
    *,
    path: Path,
    size: Side | tuple[Side, Side] = 224,
    framing: FramingName | None = "crop",
    decode: Literal["full", "draft"] = "full",
    validation: Share = None,
    test: Share = None,
    group: str | None = None,
    folds: Folds | None = None,
    fold: PositiveInt | None = None,
    seed: Seed = 0,
    classes: tuple[str, ...] = (),
    several_labels: bool = False,
    on_error: Literal["fail", "skip"] = "fail",
    channels: Literal[1, 3] = 3,
    bits: Bits = 16,
    max_megapixels: PositiveInt | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Splits:
    """Return a data set of the image files in folders that are named after the classes.

    The folder contains ``train``, ``val`` (or ``valid``, ``validation``) and ``test``, each with one folder for each
    class; ``train`` and one of the others; ``train`` alone; or one folder for each class. Training images are split
    by `validation`, `test` or `folds` if the folder has no such images. Subfolders of a class and links are read.
    Files are PNG, JPEG, WebP, BMP, GIF or TIFF. The account lists what is left out, and why.

    Images are rotated according to their EXIF orientation; transparent pixels become white; of animations the first
    frame is read. The header of every file is read before the first step, and every file once to compute a digest of
    all names and bytes.

    Args:
        root: The data folder.
        path: The folder. A relative path starts in the folder of the recipe, or else in the data folder.
        size: Height and width of the model's input in pixels, 1 to 8192: one number, or ``[height, width]``.
        framing: How images of other sizes are brought to `size`: ``crop`` keeps the centre, ``pad`` adds a border,
            ``squash`` changes the aspect ratio. ``null`` requires that every image has this size.
        decode: ``draft`` decodes JPEG files at a half, a quarter or an eighth of their size if at least twice the
            framed size remains, and in training if the smallest random crop still has the input size: several times
            as fast for photos of many megapixels. ``full`` decodes every pixel.
        validation: Fraction or number of images that become validation images, by class.
        test: Fraction or number of images that become test images, by class.
        group: Regular expression for the path relative to `path`. Images for which its first group (or all of it)
            matches the same text are assigned to the same split, such as ``(patient[0-9]+)``.
        folds: Number of folds for cross-validation, 2 to 1000; one of them becomes the validation images.
        fold: The fold that becomes the validation images, from 1 to `folds`.
        seed: Seed of the assignment to splits, at least 0.
        classes: The order of the classes; by default they are sorted, with 2 before 10.
        several_labels: Whether an image may have several labels or none (multi-label). An image is then in the folder
            of each of its labels, as links or as files with equal bytes, or, if it has no label, beside these
            folders. Files of different images may have the same name.
        on_error: ``fail`` reports all damaged files and stops; ``skip`` leaves them out and lists them.
        channels: 1 reads grey images, 3 reads RGB images.
        bits: How many bits the values of 16-bit grey files use, 9 to 16, such as 12.
        max_megapixels: Largest number of pixels of an image, in millions; by default Pillow's limit of about 89.
        mean: Mean of each channel for the normalisation, in [0, 1]; by default that of the pretrained network, or of
            ImageNet.
        std: Standard deviation of each channel for the normalisation, above 0; by default that of the pretrained
            network, or of ImageNet.

    Returns:
        Training, validation and test images, uint8 (`channels`, H, W) in their own sizes, with their labels or
        sets of labels.

    Raises:
        ValueError: Options contradict each other, or `group` is not a regular expression.
        cvkit.DataError: Folders, classes or images are missing, damaged or too few. Decoding a damaged image later
            raises the same error with the name of the file.
    """
    reading = Reading(size, framing, decode, channels, bits, max_megapixels, on_error, mean, std)
    plan = SplitPlan(validation, test, folds, fold, seed)
    base = root / path  # a run gives the absolute path
    if not base.is_dir():
        raise DataError(f"{base} is not a folder; the data set image_table reads tables of files")
    layout = layout_of(base, tree_of(base), several=several_labels)
    samples, notes = merged(layout.samples) if several_labels else (layout.samples, [])
    samples = samples if group is None else grouped(samples, group)
    return opened(base, samples, reading, plan, classes, layout.left_out, [*layout.notes, *notes])


image_folder.read = read  # type: ignore[attr-defined]  # `cvkit explain` uses it to read other images
