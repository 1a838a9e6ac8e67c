"""The signature of the factories of sections, for type checkers, like those in `engine/factories.py`."""

from __future__ import annotations

from typing import Any, Protocol

from ..figures.page import Section


class SectionFactory(Protocol):
    """Returns a `Section` of the report. It is called once, after training, and writes no files.

    The name of an artifact becomes the name of its files in ``figures/PLUGIN/``. An error does not end the run: the
    report then has no such section, and says why.

    A factory names the arguments that it uses as positional parameters, in any number.

    Args:
        records: The record of every epoch.
        predictions: The predictions of the final model for the images that measure the result.
        info: Channels, size and classes of the data.
        folder: The run folder.
        options: The options of the component.
    """

    def __call__(self, *args: Any, **options: Any) -> Section: ...
