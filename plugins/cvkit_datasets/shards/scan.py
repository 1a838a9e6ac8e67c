"""Index tar files in the WebDataset layout that have no index: each is read once, from its start to its end.

A sample is a run of files with the same name up to the first dot: ``0001.jpg`` and ``0001.cls``. Its label is a
number or a class name in a text file, or a field of a JSON file. Source of the layout: the WebDataset format,
github.com/webdataset/webdataset, "The WebDataset Format".
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvkit import IMAGE_FORMATS, DataError, LeftOut, read_header, readable_name

from ..headers import reason_of
from ..indexed.scanned_labels import Label, ScannedImage, is_label, number_or_name

_LABEL_FILES = ("cls", "txt")
_LABEL_LIMIT = 1 << 20  # bytes; a label is short, and so is the JSON file of an image
_BLOCK = 512


@dataclass(frozen=True)
class Labelling:
    """Where the label of a sample is.

    Attributes:
        file: The ending of its file; None for ``cls``, else ``txt``, else the field of a JSON file.
        field: The field of a JSON file.
        several: Whether labels are sets: a list in a JSON file.
    """

    file: str | None = None
    field: str = "label"
    several: bool = False


@dataclass
class _Sample:
    """The files of a sample by ending; only of an image, the content is not kept."""

    key: str
    texts: dict[str, bytes] = field(default_factory=dict)
    images: list[tuple[str, int, int, tuple[int, int], bytes]] = field(default_factory=list)
    damage: str = ""


def scan(
    path: Path,
    labelling: Labelling,
    max_megapixels: int | None,
    advance: Callable[[int], None],
    left_out: list[LeftOut],
) -> Iterator[ScannedImage]:
    """Yield the images of a tar file in its order; append what cannot be used to `left_out`.

    `advance` is called with the number of bytes since its last call. Raises `DataError` if the file is compressed or
    is no tar file.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            seen: set[str] = set()
            for sample in _samples(path, archive, max_megapixels, advance, left_out):
                reason = "damaged: the key occurs a second time in this file" if sample.key in seen else sample.damage
                seen.add(sample.key)
                try:
                    if reason:
                        raise ValueError(reason)
                    yield _image(sample, labelling)
                except ValueError as error:
                    left_out.append(LeftOut(readable_name(f"{path.name}/{sample.key}"), str(error)))
            if damage := _ends_early(path, archive):
                left_out.append(LeftOut(path.name, f"damaged: {damage}"))
    except tarfile.ReadError as error:
        raise DataError(_unreadable(path, error)) from error
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error


def _samples(
    path: Path,
    archive: tarfile.TarFile,
    max_megapixels: int | None,
    advance: Callable[[int], None],
    left_out: list[LeftOut],
) -> Iterator[_Sample]:
    current: _Sample | None = None
    length, done = path.stat().st_size, 0
    while (member := _next(archive)) is not None:
        if member.isdir():
            continue
        folder, slash, base = member.name.rpartition("/")
        stem, _, ending = base.partition(".")
        key, ending = f"{folder}{slash}{stem}", ending.lower()
        name = readable_name(f"{path.name}/{member.name}")
        if base.startswith("."):
            left_out.append(LeftOut(name, "hidden"))
            continue
        if not member.isreg() or member.issparse():
            left_out.append(LeftOut(name, "not a regular file"))
            continue
        if current is None or current.key != key:
            if current is not None:
                yield current
            current = _Sample(key)
        if member.offset_data + member.size > length:
            current.damage = "damaged: the tar file ends before this file does"
            break
        _add(current, archive, member, ending, max_megapixels)
        advance(member.offset_data + member.size - done)
        done = member.offset_data + member.size
    if current is not None:
        yield current


def _next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    """Return the next file; None at the end, and where the archive is damaged, which `_ends_early` finds."""
    archive.members = []  # type: ignore[attr-defined]  # the list would grow with every file
    try:
        return archive.next()
    except tarfile.ReadError:
        return None


def _add(
    sample: _Sample, archive: tarfile.TarFile, member: tarfile.TarInfo, ending: str, max_megapixels: int | None
) -> None:
    """Read a file of a sample: an image is checked and hashed, a label is kept; other files are not used."""
    stream = archive.extractfile(member)
    if stream is None:
        return
    if f".{ending.rpartition('.')[2]}" in IMAGE_FORMATS:
        content = stream.read()
        try:
            header = read_header(io.BytesIO(content), max_megapixels=max_megapixels)
        except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
            sample.damage = f"damaged: {reason_of(error)}"
            return
        digest = hashlib.sha256(content).digest()
        place = (member.name, member.offset_data, member.size, (header.height, header.width), digest)
        sample.images.append(place)
    elif member.size <= _LABEL_LIMIT:
        sample.texts[ending] = stream.read()


def _image(sample: _Sample, labelling: Labelling) -> ScannedImage:
    """Return the image of a sample with its label; raise `ValueError` if it has no image, several, or no label."""
    if not sample.images:
        raise ValueError(f"no image among its files ({', '.join(sorted(sample.texts)) or 'none can be used'})")
    if len(sample.images) > 1:
        raise ValueError(f"several images with one key: {', '.join(name for name, *_ in sample.images)}")
    name, offset, size, dimensions, digest = sample.images[0]
    return ScannedImage(readable_name(name), offset, size, _label(sample, labelling), dimensions, digest)


def _label(sample: _Sample, labelling: Labelling) -> Label:
    if not labelling.several:
        wanted = _LABEL_FILES if labelling.file is None else (labelling.file,)
        for ending in wanted:
            if ending in sample.texts and ending != "json":
                return number_or_name(_text(sample.texts[ending], ending))
    if "json" not in sample.texts or labelling.file not in (None, "json"):
        expected = "json" if labelling.several else (labelling.file or "cls, txt or json")
        raise ValueError(
            f"no label: its files are {', '.join(['an image', *sorted(sample.texts)])}, without {expected}"
        )
    try:
        content = json.loads(_text(sample.texts["json"], "json"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no label: the json file is not JSON: {error}") from None
    value = content.get(labelling.field) if isinstance(content, dict) else None
    return _of_json(value, labelling)


def _of_json(value: Any, labelling: Labelling) -> Label:
    if labelling.several:
        if not isinstance(value, list):
            raise ValueError(f"no labels: the json file has no list '{labelling.field}'")
        if any(not is_label(one) for one in value):
            raise ValueError(
                f"no labels: the list '{labelling.field}' of the json file has not only numbers and texts"
            )
        return tuple(dict.fromkeys(number_or_name(str(one)) for one in value))
    if isinstance(value, list) and len(value) != 1:
        raise ValueError(
            f"the field '{labelling.field}' has {len(value)} labels; set several_labels: true if an image may have "
            "several or none"
        )
    one = value[0] if isinstance(value, list) else value
    if not is_label(one):
        raise ValueError(f"no label: the json file has no number or text '{labelling.field}'")
    return number_or_name(str(one))


def _text(content: bytes, ending: str) -> str:
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"no label: the {ending} file is not UTF-8 text") from None


def _ends_early(path: Path, archive: tarfile.TarFile) -> str:
    """Return what is wrong after the last file that tarfile found: it stops at damaged headers without an error."""
    with path.open("rb") as stream:
        stream.seek(archive.offset)
        block = stream.read(_BLOCK)
        if not block:
            return "it has no mark at its end, so it may have been cut short"
        if block.strip(b"\0"):
            return f"byte {archive.offset:,} is not the beginning of a file; the files after it cannot be read"
    return ""


def _unreadable(path: Path, error: Exception) -> str:
    with path.open("rb") as stream:
        start = stream.read(6)
    if any(start.startswith(magic) for magic in (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        return (
            f"{path} is compressed, so its images can only be read one after the other. cvkit could then keep "
            "neither the order of the training images nor an exact resume. Decompress the file; JPEG images hardly "
            "become larger"
        )
    return f"{path} is not a tar file, or is damaged: {error}"
