"""What a user reads if exported files do not agree with the run."""

from __future__ import annotations

from ..formatting import counted, percent
from .certificate import Certificate, ChangedImage

_NAMED = 5  # changed images in a message


def failure(certificate: Certificate, file: str, where: str) -> str:
    """Return the message; `file` is the file with the model, and `where` the place at which the outputs part."""
    parting = f"The outputs first differ {where}. " if where else "This format does not show where they differ. "
    if certificate.agreement < certificate.required:
        changed = [image for image in certificate.changed if not image.tied]
        listed = ", ".join(map(_change, changed[:_NAMED])) + ", ..." * (len(changed) > _NAMED)
        what = (
            f"{file} predicts another class than the run for {len(changed):,} of "
            f"{counted(certificate.images, 'image')}: {listed}. {percent(certificate.agreement, 2)} agree, and "
            f"{percent(certificate.required, 2)} are required"
        )
        remedy = "to accept fewer equal classes, pass a lower agreement"
    else:
        sizes = ", ".join(map(str, certificate.bad_batch_sizes))
        what = f"{file} computes other probabilities with batches of {sizes} images"
        remedy = "report this to the authors of the exporter"
    return f"{what}. {parting}Nothing was written; {remedy}"


def _change(image: ChangedImage) -> str:
    before, after = (" and ".join(classes) or "no label" for classes in (image.before, image.after))
    return f"{image.name} ({before} -> {after})"
