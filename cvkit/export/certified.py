"""Whether an exported file still has the bytes that its certificate was made for."""

from __future__ import annotations

import hashlib
import mmap
from contextlib import closing
from pathlib import Path

from ..errors import RunError
from ..files.safe_io import read_file
from ..files.strict_json import Shape, read_json, require_shape
from .metadata import CERTIFICATE_PLACE

CERTIFICATE = "certificate.json"
_LARGEST = 1 << 28  # bytes of a certificate, which names every image that changed

_WITHOUT = "export the run again, or remove the certificate to use the file without this check"


class _CertificateShape(Shape):
    files: dict[str, str]


def require_certified(path: Path) -> None:
    """Raise `RunError` if the certificate beside an exported file is for other bytes than those of the file.

    Without a certificate, or if the certificate does not name the file, nothing is checked.
    """
    certificate = path.with_name(CERTIFICATE)
    try:
        content = read_file(certificate, _LARGEST)
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"'{certificate}' cannot be read: {error.strerror or error}; {_WITHOUT}") from error
    try:
        found = read_json(content)
        require_shape(_CertificateShape, found)
    except ValueError as error:
        raise RunError(f"'{certificate}' is damaged: {error}; {_WITHOUT}") from error
    expected = found["files"].get(path.name)
    if expected is not None and sealed_digest(path, content) != expected:
        raise RunError(
            f"'{path}' or '{certificate}' was changed after the export: the SHA-256 of the file is not that of its "
            f"certificate; {_WITHOUT}"
        )


def sealed_digest(path: Path, certificate: bytes) -> str:
    """Return the SHA-256 of a file in which the digest of its certificate counts as zeros.

    The file contains this digest, and is older than its certificate.
    """
    if not path.stat().st_size:
        return hashlib.sha256().hexdigest()
    place = hashlib.sha256(certificate).hexdigest().encode()
    with path.open("rb") as stream, closing(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)) as content:
        start = content.find(place)
        if start < 0:
            return hashlib.sha256(content).hexdigest()
        found = hashlib.sha256(memoryview(content)[:start])
        found.update(CERTIFICATE_PLACE.encode())
        found.update(memoryview(content)[start + len(place) :])
    return found.hexdigest()
