"""The report of a run: one self-contained HTML page."""

from .page import Fact, Page, Section, render

__all__ = ["Fact", "Page", "Section", "render"]
