"""Small photos in folders, and runs that were trained on them."""

from __future__ import annotations

from photo_runs import opened, photo_folder, run, run_in_bf16, some  # noqa: F401
