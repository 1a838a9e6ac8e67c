"""Read the header of every image file before the first step, and list every file that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from PIL import UnidentifiedImageError

from cvkit import DataError, ImageHeader, LeftOut, largest_value, one_line, read_header

from .finding import listed
from .options import Reading
from .samples import Sample

MOST_NAMED = 20
"""How many damaged files an error names."""
_LOOKED_AT = 16  # 16-bit files whose values are read
_DARK = 1 << 13  # an eighth of the range: shown as 32 of 255


def checked_files(samples: Sequence[Sample], reading: Reading) -> tuple[list[Sample], list[LeftOut], list[str]]:
    """Return the samples whose files can be used, the others with the reason, and notes.

    Raises `DataError` with all damaged files if ``on_error`` is ``fail``, or if images do not have the size that is
    required without framing.
    """
    good: list[tuple[Sample, ImageHeader]] = []
    bad: list[LeftOut] = []
    alike: dict[ImageHeader, ImageHeader] = {}  # few differ, and a million objects take 250 MB
    for sample in samples:
        try:
            header = read_header(sample.path, max_megapixels=reading.max_megapixels)
            good.append((sample, alike.setdefault(header, header)))
        except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
            bad.append(LeftOut(sample.name, f"damaged: {reason_of(error)}"))
    if bad and reading.on_error == "fail":
        raise DataError(
            f"{len(bad):,} of {len(samples):,} images cannot be read; repair or remove them, or leave them out with "
            f"on_error: skip\n{lines([f'{one.name}: {one.reason}' for one in bad])}"
        )
    if reading.framing is None:
        _require_size(good, reading.input_size)
    return [sample for sample, _ in good], bad, [*_notes(good, reading)]


def reason_of(error: Exception) -> str:
    """Return why a file could not be read as an image, without its path."""
    if isinstance(error, UnidentifiedImageError):
        return "it is not an image in a format that cvkit reads, or its beginning is damaged"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return one_line(error)


def lines(entries: Sequence[str]) -> str:
    """Return indented lines for a message, the first `MOST_NAMED` entries."""
    more = [f"  and {len(entries) - MOST_NAMED:,} more"] if len(entries) > MOST_NAMED else []
    return "\n".join([*(f"  {entry}" for entry in entries[:MOST_NAMED]), *more])


def _require_size(good: Sequence[tuple[Sample, ImageHeader]], size: tuple[int, int]) -> None:
    others = [f"{one.name}: {seen.height}x{seen.width}" for one, seen in good if (seen.height, seen.width) != size]
    if others:
        raise DataError(
            f"framing: null requires images of {size[0]}x{size[1]} pixels (height x width), but {len(others):,} of "
            f"{len(good):,} have another size; set framing: crop, pad or squash\n{lines(others)}"
        )


def _notes(good: Sequence[tuple[Sample, ImageHeader]], reading: Reading) -> Iterator[str]:
    def named(condition: Callable[[ImageHeader], bool]) -> list[str]:
        return [sample.name for sample, header in good if condition(header)]

    if animated := named(lambda header: header.animated):
        yield f"only the first frame or page is read of {listed(animated, 3)}"
    if unparsed := named(lambda header: header.exif_damaged):
        yield f"the EXIF data is damaged, so images are not rotated: {listed(unparsed, 3)}"
    if reading.channels == 3 and good and all(header.grey for _, header in good):
        yield "all images are grey; channels: 1 reads one channel instead of three equal ones"
    if reading.bits == 16:
        deep = [sample for sample, header in good if header.deep]
        yield from _dark(deep[:: max(1, len(deep) // _LOOKED_AT)][:_LOOKED_AT], len(deep), reading)


def _dark(sampled: Sequence[Sample], count: int, reading: Reading) -> Iterator[str]:
    if not sampled:
        return
    highest = max(_highest(sample.path, reading) for sample in sampled)
    if highest < _DARK:
        bits = max(9, highest.bit_length())
        yield (
            f"images with 16 bits: {count:,}. The largest value of {len(sampled)} of them is {highest}, so they are "
            f"nearly black; if their values have {bits} bits, set bits: {bits}"
        )


def _highest(path: Path, reading: Reading) -> int:
    try:
        return largest_value(path, max_megapixels=reading.max_megapixels)
    except Exception:  # damage that the header does not show is reported when the image is read
        return 65_535
