"""The certificate as a page, and as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..figures.artifacts import Table
from ..figures.page import Fact, Page, Section
from ..formatting import counted, legible, percent
from .certificate import Certificate, ChangedImage
from .replay import TIE

_LISTED = 200  # changed images on the page; certificate.json lists all


def certificate_page(certificate: Certificate, file: str, notes: Sequence[str] = ()) -> Page:
    """Return the page of a certificate; `file` is the name of the file with the model."""
    return Page(
        title=f"Certificate of {file}",
        subtitle=f"Exported from {certificate.run} by {certificate.exporter}",
        facts=tuple(_facts(certificate)),
        warnings=tuple(warnings_of(certificate)),
        notes=tuple(notes),
        sections=(
            Section("Changed images", _changed(certificate), _explained(certificate), broad=True),
            Section("Batch sizes", (_batches(certificate),)),
        ),
        details=(
            Table("environment", "Environment", "", ("what", "value"), _pairs(certificate.environment)),
            Table("options", "Options of the exporter", "", ("option", "value"), _pairs(certificate.options)),
            Table("files", "Files", "", ("file", "SHA-256"), _pairs(certificate.files)),
        ),
    )


def summary(certificate: Certificate) -> Iterator[str]:
    """Yield the lines that a command prints."""
    same = certificate.images - certificate.counted_changes
    tied = len(certificate.changed) - certificate.counted_changes
    ties = f", {counted(tied, 'tie')} among them" if tied else ""
    yield (
        f"{same:,} of {counted(certificate.images, 'image')} keep their class{ties}; "
        f"the largest difference of a probability is {certificate.worst_gap:.2g}"
    )
    if certificate.accuracy_before is not None and certificate.accuracy_after is not None:
        before, after = (percent(share, 2) for share in (certificate.accuracy_before, certificate.accuracy_after))
        yield f"accuracy {before} before and {after} after the export, on {certificate.source}"
    if (framing := certificate.framing) is not None and framing.resized:
        images, share = counted(framing.resized, "image"), percent(framing.different, 3)
        most = f", by up to {framing.worst_gap} of 255" * (framing.worst_gap > 0)
        yield f"the graph frames {images} of another size than the model; {share} of the pixels differ{most}"
    times = f"{certificate.latency_after:.1f} ms instead of {certificate.latency_before:.1f} ms"
    yield f"one image takes {times} in torch, on the CPU"


def warnings_of(certificate: Certificate) -> Iterator[str]:
    """Yield what a reader must know to interpret the certificate."""
    if certificate.worst_gap > _LARGE and certificate.passed:
        share = "most" if certificate.counted_changes else "the"
        yield (
            f"{share} classes agree, but a probability differs by {certificate.worst_gap:.2g} "
            f"({certificate.worst_image}), so thresholds on probabilities may decide otherwise"
        )
    if (framing := certificate.framing) is not None and not framing.resized:
        yield (
            "every compared image has the size of the model, so the framing in the graph was not measured; compare "
            "with photos of other sizes"
        )
    if framing is not None and framing.reduced:
        yield (
            "the run decodes large photos at a reduced size (decode: draft), and the file gets all of their pixels; "
            "the differences include this"
        )
    yield from certificate.notes
    if certificate.unread:
        yield f"{counted(len(certificate.unread), 'file')} could not be read and were not compared"


_LARGE = 0.01  # a difference of a probability that people would see


def _facts(certificate: Certificate) -> Iterator[Fact]:
    required = f"at least {percent(certificate.required, 2)} required, outside ties of {TIE:g}"
    yield Fact("Images that keep their class", percent(certificate.agreement, 2), required)
    yield Fact("Images compared", f"{certificate.images:,}", certificate.source)
    yield Fact(
        "Largest difference of a probability", f"{certificate.worst_gap:.2g}", legible(certificate.worst_image)
    )
    for name, share in (("before", certificate.accuracy_before), ("after", certificate.accuracy_after)):
        if share is not None:
            yield Fact(f"Accuracy {name} the export", percent(share, 2))
    if (framing := certificate.framing) is not None and framing.resized:
        shares = f"{percent(framing.different, 3)} of the pixels differ, {framing.worst_gap} of 255 at most"
        where = f" ({legible(framing.worst_image)})" if framing.worst_image else ""
        yield Fact("Images framed in the graph", f"{framing.resized:,}", f"{shares}{where}")
    ratio = certificate.latency_after / certificate.latency_before
    times = f"{certificate.latency_after:.1f} ms and {certificate.latency_before:.1f} ms for one image on the CPU"
    yield Fact("Time, relative to torch", f"{ratio:.2f}", times)


def _explained(certificate: Certificate) -> str:
    if not certificate.changed:
        return "No image has another predicted class."
    shown = f" The first {_LISTED} are shown; certificate.json lists all." * (len(certificate.changed) > _LISTED)
    return (
        f"{counted(len(certificate.changed), 'image')} with another predicted class. A change is a tie if the "
        f"probabilities of the classes differed by at most {TIE:g} before the export.{shown}"
    )


def _changed(certificate: Certificate) -> tuple[Table, ...]:
    if not certificate.changed:
        return ()
    header = ("image", "true", "before", "after", "largest difference", "tie")
    rows = tuple(_row(image) for image in certificate.changed[:_LISTED])
    return (Table("changed", "Images with another class", "", header, rows),)


def _row(image: ChangedImage) -> tuple[str, ...]:
    true = "not known" if image.true is None else _named(image.true)
    tie = "yes" if image.tied else "no"
    return (legible(image.name), true, _named(image.before), _named(image.after), f"{image.gap:.2g}", tie)


def _named(classes: Sequence[str]) -> str:
    return ", ".join(map(legible, classes)) or "no label"


def _batches(certificate: Certificate) -> Table:
    rows = tuple((str(size), f"{gap:.2g}") for size, gap in certificate.batch_gaps.items())
    caption = "The first images in batches of several sizes, compared with the run's model."
    return Table("batches", "Batch sizes", caption, ("images at once", "largest difference of a probability"), rows)


def _pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(key), str(value)) for key, value in values.items())
