"""The signature of the factories of exporters, for type checkers, like those in `engine/factories.py`."""

from __future__ import annotations

from typing import Any, Protocol

from ..data.splits import DataInfo
from .exporter import Exporter


class ExporterFactory(Protocol):
    """Returns an `Exporter`.

    A factory may name a second positional parameter, ``samples``: a `Background` whose images are training images of
    the model's size, uint8 (N, C, H, W). They are read when the exporter first uses them. Then ``cvkit export`` needs
    the training images of the run.

    Args:
        info: Channels, size and classes of the data.
        options: The options of the component.
    """

    def __call__(self, info: DataInfo, /, *args: Any, **options: Any) -> Exporter: ...
