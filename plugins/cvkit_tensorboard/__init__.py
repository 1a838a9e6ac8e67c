"""An observer that writes what a run measures and draws for TensorBoard; it waits until tensorboard is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cvkit import hookimpl

if TYPE_CHECKING:
    from cvkit import EpochRecord

cvkit_requires = ("tensorboard",)


@hookimpl
def cvkit_run_started(folder: Path) -> None:
    """Begin an event file with the recipe and every epoch so far, in place of what earlier ones hold."""
    from .log import begin

    begin(folder)


@hookimpl
def cvkit_epoch_finished(record: EpochRecord, folder: Path) -> None:
    """Add an epoch's scalars, and those of its steps."""
    from .log import add_epoch

    add_epoch(folder, record)


@hookimpl
def cvkit_run_finished(records: list[EpochRecord], folder: Path, *, figures: bool = True) -> None:
    """Add the figures and galleries of the report, unless `figures` is false: they are most of the file's size."""
    if not figures:
        return
    from .log import add_figures

    add_figures(folder, records[-1].step)
