"""Sections: parts of the report that a plugin writes."""

from __future__ import annotations

from .kind import Kind, Template

SECTIONS = Kind(
    "sections",
    "section",
    ("records", "predictions", "info", "folder"),
    "a Section of the report: a title with tables, figures and galleries",
    key="sections",
    sees_labels=True,
    many=True,
    affects_training=False,
    made="cvkit.figures.page:Section",
    factory="cvkit.report.section_factory:SectionFactory",
    suite="cvkit.testing.sections:SectionSuite",
    template=Template("hardest_images", "The images that the model found hardest"),
)
