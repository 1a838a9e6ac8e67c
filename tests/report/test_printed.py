"""The page of a run on paper, and its structure: what readers of screens and of paper depend on."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pypdfium2
import pytest
import torch

from cvkit.diagnostics import confusion, misclassified
from cvkit.diagnostics.per_class import ClassFacts, per_class_scores
from cvkit.engine.predictions import Predictions
from cvkit.figures.artifacts import Table
from cvkit.figures.finding import Finding
from cvkit.figures.page import Fact, Page, Section, render
from cvkit.figures.style import render_figure
from cvkit.figures.thumbnails import thumbnail

LONG = "canis_lupus_familiaris_of_a_very_long_name_that_has_no_space_at_all"
CLASSES = (LONG, *(f"class {number}" for number in range(1, 30)))
FINDINGS = tuple(Finding("rule", "look", f"Finding {number} says so.", "Try this.") for number in range(8))
IGNORED = {"meta", "link", "img", "input", "br", "wbr"}


@pytest.fixture(scope="module")
def html():
    """A page with 30 classes, one of which has a long name, eight findings, a figure, tables and a gallery."""
    labels = torch.arange(30).repeat_interleave(4)
    said = labels.clone()
    said[::7] = (said[::7] + 1) % 30
    predictions = Predictions(torch.nn.functional.one_hot(said, 30) * 5.0, labels, 0.5)
    images = torch.randint(0, 256, (6, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    facts = ClassFacts([4] * 30, dict.fromkeys(range(30), thumbnail(images[0], 64)))
    heat = torch.rand(6, 16, 16, generator=torch.Generator().manual_seed(1))
    wrong = (~predictions.correct).nonzero().flatten()[:6]
    artifacts = (
        render_figure("curve", "Curve", "A line.", lambda canvas: canvas.subplots().plot([1, 2])),
        confusion(predictions, CLASSES),
        per_class_scores(predictions, CLASSES, facts),
        misclassified(images, wrong, predictions, CLASSES, {"a": (heat, heat), "b": (heat, heat)}),
    )
    long = Table("long", "Long", "", ("row", "number"), tuple((f"row {row}", f"{row}") for row in range(40)))
    return render(
        Page(
            "a run",
            facts=(Fact("Test accuracy", "85.00 %", "102 of 120"), Fact("Weights", "1,000")),
            sections=(Section("Classes", artifacts), Section("More", (), "Text.", folded=(long,))),
            findings=FINDINGS,
            details=(replace(long, name="short"),),
            recipe="name: a run\n",
        )
    )


@pytest.fixture(scope="module")
def sheets(browser, html, tmp_path_factory):
    """The sheets that a browser with dark pages prints, each as its text and its picture."""
    path = tmp_path_factory.mktemp("printed") / "page.html"
    path.write_text(html, encoding="utf-8")
    context = browser.new_context(color_scheme="dark", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri())
    document = pypdfium2.PdfDocument(page.pdf(format="A4", print_background=True))
    context.close()
    found = [
        (sheet.get_textpage().get_text_range(), sheet.render(scale=0.5).to_pil().convert("L")) for sheet in document
    ]
    document.close()
    return found


def test_first_sheet_has_the_result_and_all_findings(sheets):
    """A reader of one sheet knows the most important."""
    words = sheets[0][0].replace("\r\n", " ")
    assert "Test accuracy" in words  # the large number and the line below it may be mixed: that depends on the font
    assert [finding.text in words for finding in FINDINGS] == [True] * len(FINDINGS)


def test_no_sheet_is_empty_or_dark(sheets):
    """Each has ink, and none has the colours of a dark page or a shaded background."""
    for words, picture in sheets:
        assert len(words) > 20
        counts = picture.histogram()
        assert counts[255] > 0.5 * sum(counts)


def test_nothing_is_cut_at_the_edge_of_a_sheet(sheets):
    """The margins are white, and the last column of the widest table is printed."""
    for _, picture in sheets:
        edge = int(0.03 * picture.width)
        for box in ((0, 0, edge, picture.height), (picture.width - edge, 0, *picture.size)):
            assert picture.crop(box).getextrema() == (255, 255)
    assert any("sample" in words for words, _ in sheets)


def test_table_on_two_sheets_has_its_head_on_both(sheets):
    """So that a reader knows what the numbers are."""
    parts = [words for words, _ in sheets if re.search(r"\d to \d+\.\d", words)]  # the intervals of the rows
    assert len(parts) > 1
    assert ["precision" in words and "predicted" in words for words in parts] == [True] * len(parts)


def test_rows_that_are_not_printed_are_counted(sheets):
    """Paper has no button."""
    words = " ".join(words for words, _ in sheets)
    assert "25 of 30 rows are shown" in words
    assert "Show all" not in words


class Structure(HTMLParser):
    """The elements of a page in order, each with its attributes and its parents."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in IGNORED:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def all(self, *tags):
        return [(tag, attributes, parents) for tag, attributes, parents in self.elements if tag in tags]


@pytest.fixture(scope="module")
def structure(html):
    return Structure(html)


def test_headings_begin_with_one_title_and_skip_no_level(structure):
    """Readers of screens go from heading to heading."""
    levels = [int(tag[1]) for tag, _, _ in structure.all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_pictures_have_words(structure):
    """An alternative text that is not empty, or a label."""
    pictures = structure.all("img", "svg") + [each for each in structure.all("span") if each[1].get("role") == "img"]
    assert len(pictures) > 12
    assert [
        attributes for _, attributes, _ in pictures if not (attributes.get("alt") or attributes.get("aria-label"))
    ] == []


def test_tables_have_heads_of_columns_and_rows(structure):
    """Each head says which cells it is of."""
    heads = structure.all("th")
    assert {attributes.get("scope") for _, attributes, _ in heads} == {"col", "row"}
    tables = len(structure.all("table"))
    assert tables == len(structure.all("thead")) == len(structure.all("tbody"))
    assert len([each for each in heads if each[1]["scope"] == "col"]) >= tables


def test_identifiers_are_unique_and_links_lead_to_them(structure):
    """Else a link leads to the wrong place, or to none."""
    identifiers = [attributes["id"] for _, attributes, _ in structure.elements if "id" in attributes]
    assert len(identifiers) == len({*identifiers})
    inside = [attributes["href"][1:] for _, attributes, _ in structure.all("a") if attributes["href"].startswith("#")]
    assert {*inside} <= {*identifiers}


def test_controls_have_labels(structure):
    """A field without a label is a riddle to those who hear the page."""
    fields = structure.all("input", "select")
    assert fields
    assert ["label" in parents for _, _, parents in fields] == [True] * len(fields)


def test_boxes_that_scroll_can_have_the_focus(structure):
    """The keyboard scrolls them then, and the name says what is in them.

    They are no landmarks, because tables may have the same name, such as the findings of the page and of the audit.
    """
    boxes = [attributes for _, attributes, _ in structure.elements if attributes.get("class") == "scroll"]
    assert boxes
    assert all(box["tabindex"] == "0" and box["role"] == "group" and box["aria-label"] for box in boxes)
