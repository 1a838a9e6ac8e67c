"""A data set of image files that a table lists with their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import PositiveInt

from cvkit import DataError, Splits

from .file_split import read
from .opening import grouped, opened
from .options import Bits, Folds, FramingName, Reading, Seed, Share, Side, SplitPlan
from .table_labels import label_columns_of
from .table_rows import Columns, samples_of, tables_of


def image_table(
    root: Path,
    *,
    path: Path,
    image: str | None = None,
    label: str | None = None,
    labels_separator: str | None = None,
    label_columns: tuple[str, ...] = (),
    split: str | None = None,
    group: str | None = None,
    weight: str | None = None,
    size: Side | tuple[Side, Side] = 224,
    framing: FramingName | None = "crop",
    decode: Literal["full", "draft"] = "full",
    validation: Share = None,
    test: Share = None,
    folds: Folds | None = None,
    fold: PositiveInt | None = None,
    seed: Seed = 0,
    classes: tuple[str, ...] = (),
    on_error: Literal["fail", "skip"] = "fail",
    channels: Literal[1, 3] = 3,
    bits: Bits = 16,
    max_megapixels: PositiveInt | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Splits:
    """Return a data set of the image files that a table lists with their labels.

    The table is CSV (with commas or semicolons), TSV, JSON lines or Parquet (which requires pyarrow) and has a row
    for each image. Its paths are relative to the table. `path` may also be a folder in the form of Hugging Face's
    ``imagefolder``: it, or its folders ``train``, ``val`` and ``test``, contain ``metadata.csv``, ``metadata.jsonl``
    or ``metadata.parquet``. Files are read and checked in the same way as by `image_folder`.

    Args:
        root: The data folder.
        path: The table or the folder. A relative path starts in the folder of the recipe, or else in the data folder.
        image: Column with the path of each file; by default the column ``file_name``, ``path``, ``file``,
            ``filename`` or ``image``.
        label: Column with the class; by default the column ``label``, ``class``, ``target`` or ``category``. With
            `labels_separator`, column with the labels; by default one of these, ``labels``, ``classes`` or ``tags``.
        labels_separator: What separates the labels of an image, such as ``|``. An image may then have several labels
            or none (multi-label). Lists in JSON and Parquet need no separator; set any text, so that cvkit reads
            several labels. null: each image has one class.
        label_columns: For images with several labels: a column for each label, with 1 in the rows that have it and 0
            in the others. The columns are the classes, in this order.
        split: Column with ``train``, ``validation`` (or ``val``, ``valid``) or ``test``; by default the column
            ``split``, if it exists.
        group: Column whose equal values keep images in the same split, such as a patient; or a regular expression
            for the path, as for `image_folder`.
        weight: Column with a number of at least 0 for each row, for the sampler `weighted`.
        size: Height and width of the model's input in pixels, 1 to 8192: one number, or ``[height, width]``.
        framing: How images of other sizes are brought to `size`: ``crop``, ``pad`` or ``squash``; ``null`` requires
            that every image has this size.
        decode: ``draft`` decodes JPEG files at a half, a quarter or an eighth of their size if at least twice the
            framed size remains, and in training if the smallest random crop still has the input size: several times
            as fast for photos of many megapixels. ``full`` decodes every pixel.
        validation: Fraction or number of images that become validation images, by class.
        test: Fraction or number of images that become test images, by class.
        folds: Number of folds for cross-validation, 2 to 1000; one of them becomes the validation images.
        fold: The fold that becomes the validation images, from 1 to `folds`.
        seed: Seed of the assignment to splits, at least 0.
        classes: The order of the classes; by default they are sorted, with 2 before 10. If images have several
            labels, it may contain labels that no image has. With `label_columns`, leave it out.
        on_error: ``fail`` reports all missing and damaged files and stops; ``skip`` leaves them out and lists them.
        channels: 1 reads grey images, 3 reads RGB images.
        bits: How many bits the values of 16-bit grey files use, 9 to 16, such as 12.
        max_megapixels: Largest number of pixels of an image, in millions; by default Pillow's limit of about 89.
        mean: Mean of each channel for the normalisation, in [0, 1]; by default that of the pretrained network, or of
            ImageNet.
        std: Standard deviation of each channel for the normalisation, above 0; by default that of the pretrained
            network, or of ImageNet.

    Returns:
        Training, validation and test images, uint8 (`channels`, H, W) in their own sizes, with their labels or sets
        of labels.

    Raises:
        ValueError: Options contradict each other, or `group` is neither a column nor a regular expression.
        cvkit.DataError: The table, a column, an image or a label is missing, damaged or contradictory.
    """
    reading = Reading(size, framing, decode, channels, bits, max_megapixels, on_error, mean, std)
    plan = SplitPlan(validation, test, folds, fold, seed)
    labels = label_columns_of(label, labels_separator, label_columns)
    if labels.classes and classes:
        raise ValueError("label_columns lists the classes in their order; remove classes")
    place = root / path  # a run gives the absolute path
    base = place if place.is_dir() else place.parent
    tables = tables_of(place)
    if not tables:
        raise DataError(
            f"{place} contains no metadata.csv, metadata.jsonl or metadata.parquet; set path to the table itself, or "
            "use the data set image_folder for one folder for each class"
        )
    columns = Columns(image, labels, split, group, weight)
    found = samples_of(base, tables, columns)
    samples = found.samples
    if group is not None and not found.group_is_column:
        samples = grouped(samples, group, found.columns)
    return opened(place, samples, reading, plan, classes or labels.classes, found.left_out, found.notes)


image_table.read = read  # type: ignore[attr-defined]  # `cvkit explain` uses it to read other images
