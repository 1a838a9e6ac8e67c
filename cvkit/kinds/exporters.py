"""Exporters: they write a trained model as files that other programs use."""

from __future__ import annotations

from .kind import Kind, Template

EXPORTERS = Kind(
    "exporters",
    "exporter",
    ("info",),
    "an Exporter, which writes a trained model as files and reads them again",
    by_name=("samples",),
    key="exporters",
    many=True,
    affects_training=False,
    made="cvkit.export.exporter:Exporter",
    factory="cvkit.export.exporter_factory:ExporterFactory",
    suite="cvkit.testing.exporters:ExporterSuite",
    template=Template("HalfPrecision", "Weights as 16-bit floats, in a NumPy archive"),
)
