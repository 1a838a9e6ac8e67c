"""Observe runs and write their measurements and figures for TensorBoard; requires the package tensorboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cvkit import hookimpl

if TYPE_CHECKING:
    from cvkit import EpochRecord

cvkit_requires = ("tensorboard",)


@hookimpl
def cvkit_run_started(folder: Path) -> None:
    """Start an event file with the recipe and all epochs so far; it replaces the content of earlier files."""
    from .log import begin

    begin(folder)


@hookimpl
def cvkit_epoch_finished(record: EpochRecord, folder: Path) -> None:
    """Add the scalars of an epoch and of its steps."""
    from .log import add_epoch

    add_epoch(folder, record)


@hookimpl
def cvkit_run_finished(records: list[EpochRecord], folder: Path, *, figures: bool = True) -> None:
    """Add the figures and image galleries of the report.

    Args:
        records: The record of every epoch; the figures are added at the last step.
        folder: The run folder.
        figures: Add figures and galleries; they take most of the size of an event file.
    """
    if not figures:
        return
    from .log import add_figures

    add_figures(folder, records[-1].step)
