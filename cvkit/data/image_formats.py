"""The endings of image files, for code that must not load Pillow or torch."""

from __future__ import annotations

IMAGE_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""The endings of the image files that cvkit reads, in lower case, and Pillow's names of their formats."""
