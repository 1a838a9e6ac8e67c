"""Metrics: numbers that measure the predictions, in addition to accuracy and loss."""

from __future__ import annotations

from .kind import Kind, Template

METRICS = Kind(
    "metrics",
    "metric",
    ("info",),
    "a callable (logits, labels) -> a finite number, of all the predictions at once",
    by_name=("thresholds",),
    key="metrics",
    sees_labels=True,
    many=True,
    affects_training=False,
    methods=("__call__",),
    factory="cvkit.engine.factories:MetricFactory",
    products=("cvkit.protocols:Metric",),
    suite="cvkit.testing.metrics:MetricSuite",
    template=Template("CohenKappa", "Cohen's kappa (Cohen 1960)"),
)
