"""A run in this process, which loads what every run does, so that forks of the process need not."""

from __future__ import annotations

from pathlib import Path

import unrendered
from small import run_of

from cvkit import RunFolder, discover
from cvkit.runs.session import Session


def warm_up(folder: Path) -> None:
    """Train and report a small run in `folder`."""
    catalog = discover()
    session = Session(run_of(catalog, "train.epochs=1"), RunFolder.create(folder, "warm"), folder, catalog)
    session.start()
    assert [*session.train()]
    with unrendered.figures():
        session.report()
    session.set_status("finished")
