"""Observers: they watch a run and report it elsewhere, without changing it."""

from __future__ import annotations

from .kind import Kind, Template

OBSERVERS = Kind(
    "observers",
    "observer",
    ("folder",),
    "an Observer, whose methods are called while the run is in progress",
    key="observers",
    many=True,
    affects_training=False,
    made="cvkit.engine.observer:Observer",
    factory="cvkit.engine.factories:ObserverFactory",
    suite="cvkit.testing.observers:ObserverSuite",
    template=Template("CsvLog", "A table of the epochs, as CSV"),
)
