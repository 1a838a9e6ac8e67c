"""Data sets: the images that a run trains and tests on."""

from __future__ import annotations

from .kind import Kind, Template

DATASETS = Kind(
    "datasets",
    "data set",
    ("root",),
    "Splits: training and test images, and what is known of them",
    key="dataset",
    sees_labels=True,
    made="cvkit.data.splits:Splits",
    factory="cvkit.engine.factories:DatasetFactory",
    suite="cvkit.testing.datasets:DatasetSuite",
    template=Template("gratings", "Drawn waves in several directions"),
)
