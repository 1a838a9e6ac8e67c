"""Artifacts and the files that keep them."""

from __future__ import annotations

from cvkit.figures.artifacts import Card, Figure, Gallery, Table


def test_figure_keeps_its_drawing():
    """A figure is one SVG file under its name, and one PNG for programs that show no SVG."""
    files = Figure("curves", "Curves", "", "<svg/>", b"png").files()
    assert files == {"curves.svg": b"<svg/>", "curves.png": b"png"}


def test_table_keeps_its_rows_as_csv():
    """Commas and quotes in cells are quoted, and names that cannot be encoded are still written."""
    table = Table("pairs", "Pairs", "", ("a", "b"), (("x,y", 'say "z"'), ("\udcff", "1")))
    assert table.files() == {"pairs.csv": b'a,b\r\n"x,y","say ""z"""\r\n?,1\r\n'}


def test_gallery_keeps_pictures_in_reading_order():
    """Pictures are numbered by card and named by their label, without separators or blanks."""
    gallery = Gallery("errors", "Errors", "", (Card((("image", b"1"), ("a/b: true", b"2"))),))
    assert gallery.files() == {"errors/01-image.png": b"1", "errors/01-a-b-true.png": b"2"}
