"""The report page in a real browser: sorted, filtered, and asking nothing of anyone."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from cvkit.diagnostics import confusion, misclassified
from cvkit.diagnostics.neighbours import Neighbours
from cvkit.engine.predictions import Predictions
from cvkit.figures.artifacts import Block, Figure, MatrixCell, Table
from cvkit.figures.page import Fact, Page, Section, render
from cvkit.figures.style import hover, render_figure

CLASSES = ("cat", 'a "dog"', "<b>bird</b>", "car 3.50")
LABELS = (0, 0, 0, 1, 1, 2, 3, 3)
PROBABILITIES = (
    (0.10, 0.70, 0.15, 0.05),
    (0.02, 0.50, 0.48, 0.00),
    (0.30, 0.02, 0.60, 0.08),
    (0.90, 0.05, 0.05, 0.00),
    (0.10, 0.35, 0.15, 0.40),
    (0.55, 0.10, 0.30, 0.05),
    (0.10, 0.04, 0.80, 0.06),
    (0.01, 0.01, 0.01, 0.97),
)
CONFIDENCES = [max(probabilities) for probabilities in PROBABILITIES]
SORT, TRUE, PREDICTED = range(3)
"""The dossier's choices, in their order."""
LOSS, MARGIN = 1, 2
"""What cards can be sorted by beside the confidence."""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A page with a dossier of seven errors, a table and a figure."""
    predictions = Predictions((torch.tensor(PROBABILITIES) + 1e-6).log(), torch.tensor(LABELS), 0.5)
    indices = torch.tensor([3, 6, 0, 2, 5, 1, 4])
    images = torch.randint(0, 256, (7, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    similar = Neighbours(torch.full((7, 1), 7), torch.full((7, 1), 0.5)), images[:, None]
    heat = torch.rand(7, 16, 16, generator=torch.Generator().manual_seed(0))
    dossier = misclassified(images, indices, predictions, CLASSES, {"grad_cam": (heat, heat)}, similar=similar)
    rows = (("b", "9.5 %", "1,200"), ("a", "12.25 %", "80"), ("c", "<0.1 %", "\u2013"))
    table = Table("scores", "Scores", "", ("class", "share", "images"), rows)
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    figure = Figure("figure", "Figure", "", drawing, b"")
    text = "epoch 1, loss 2"
    hovered = render_figure("hovered", "Hovered", "", lambda canvas: hover(canvas.subplots(), 0, 1, text))
    artifacts = (figure, table, dossier, confusion(predictions, CLASSES), hovered, _long_table())
    page = Page("a run", "", (Fact("Accuracy", "12.5 %"),), sections=(Section("All", artifacts),))
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(page), encoding="utf-8")
    return path


def _long_table():
    """A table with more rows than a page shows at first."""
    rows = tuple((f"row {number}", str(number)) for number in range(40))
    return Table("long", "Long", "", ("row", "number"), rows)


class Opened:
    """The report in a window; what it says on the console and asks for is kept."""

    def __init__(self, context, path):
        self.said, self.asked = [], []
        self.page = context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def cards(self):
        """The number of the test image on each card that can be seen, in order; its confidence tells which it is."""
        shown = self.page.locator(".gallery li:visible:not(.pair)").all()
        confidences = [float(card.get_attribute("data-values").split()[0]) for card in shown]
        return [CONFIDENCES.index(round(confidence, 2)) for confidence in confidences]

    def count(self):
        """The numbers in the line that says how many cards are shown of how many."""
        return [int(number) for number in re.findall(r"\d+", self.page.locator(".controls output").inner_text())]

    def choose(self, control, **option):
        self.page.locator(".controls select").nth(control).select_option(**option)

    def search(self):
        return self.page.locator(".controls input")

    def column(self, number):
        return self.page.locator(f".table tbody tr > :nth-child({number})").all_inner_texts()[:3]


@pytest.fixture
def opened(browser, report):
    """The report; at the end nothing was complained of, and nothing but the file and what is in it was asked for."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    window = Opened(context, report)
    yield window
    assert window.said == []
    assert window.asked[0] == report.as_uri()
    assert all(url.startswith("data:") for url in window.asked[1:])
    context.close()


def test_cards_come_in_the_order_that_was_asked_for(opened):
    """By confidence at first, by loss or margin where chosen: the worst first."""
    assert opened.cards() == [3, 6, 0, 2, 5, 1, 4]
    opened.choose(SORT, index=LOSS)
    assert opened.cards() == [1, 3, 6, 0, 2, 5, 4]
    opened.choose(SORT, index=MARGIN)
    assert opened.cards() == [3, 6, 0, 1, 2, 5, 4]


def test_cards_are_filtered_by_true_and_predicted_class(opened):
    """Conditions add up, and the count follows; names with quotes and markup are names like others."""
    assert opened.count() == [7, 7]
    opened.choose(TRUE, value="cat")
    assert opened.cards() == [0, 2, 1]
    assert opened.count() == [3, 7]
    opened.choose(PREDICTED, value='a "dog"')
    assert opened.cards() == [0, 1]
    opened.choose(TRUE, value="")
    opened.choose(PREDICTED, value="<b>bird</b>")
    assert opened.cards() == [6, 2]
    texts = opened.page.locator(".gallery li:visible").all_inner_texts()
    assert ["<b>bird</b>" in text for text in texts] == [True, True]


def test_words_of_the_dossier(opened, wording):
    """What its controls and a card say."""
    controls = opened.page.locator(".controls").inner_text()
    card = opened.page.locator(".gallery li").first.inner_text()
    assert re.sub(r"\n\s*", "\n", f"{controls}\n{card}") == wording


def test_cards_are_found_by_their_words(opened):
    """In whichever case; Enter sends nothing."""
    opened.search().fill("<B>Bird")
    assert opened.cards() == [6, 2, 5]
    lines = opened.page.locator(".gallery li p").all_inner_texts()
    (of_six, *_) = [line for line in lines if re.search(r"(?<![.\d])6\b", line)]
    opened.search().fill(f" {of_six.swapcase().replace(' ', '  ', 1)} ")
    opened.search().press("Enter")
    assert opened.cards() == [6]


def test_filter_that_leaves_nothing_says_so_and_reset_brings_all_back(opened, wording):
    """The way back is one button, also by keyboard, and restores the order too."""
    opened.choose(SORT, index=LOSS)
    opened.search().fill("zebra")
    assert opened.cards() == []
    assert opened.count() == [0, 7]
    assert opened.page.locator(".none:visible").inner_text() == wording
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_selector(".none", state="hidden")
    assert opened.cards() == [3, 6, 0, 2, 5, 1, 4]
    assert opened.count() == [7, 7]


def test_tables_are_sorted_by_a_heading(opened):
    """Numbers as numbers, whatever stands around them; a second click turns the order."""
    assert opened.column(1) == ["b", "a", "c"]
    opened.page.locator(".table thead button").first.click()
    assert opened.column(1) == ["a", "b", "c"]
    opened.page.get_by_role("button", name="share").click()
    assert opened.column(1) == ["c", "b", "a"]
    assert opened.page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    opened.page.get_by_role("button", name="images").click()
    opened.page.get_by_role("button", name="images").click()
    assert opened.column(1) == ["b", "a", "c"]


def test_cell_of_the_matrix_filters_the_errors(opened):
    """A click names the cell in full, and a button shows its errors; markup in names stays text."""
    cell = opened.page.locator(".grid td.wrong").first
    cell.click()
    said = opened.page.locator(".picked output").inner_text()
    assert said.startswith('true: cat, predicted: a "dog", 2 of 3 images')
    opened.page.get_by_role("button", name="Show these errors").click()
    assert opened.cards() == [0, 1]
    opened.page.locator(".grid td.right").first.click()
    assert not opened.page.get_by_role("button", name="Show these errors").is_visible()


def test_words_are_cleared_when_the_errors_of_a_cell_are_shown(opened):
    """They would hide the errors."""
    opened.search().fill("nothing has these words")
    assert opened.cards() == []
    opened.page.locator(".grid td.wrong").first.click()
    opened.page.get_by_role("button", name="Show these errors").click()
    assert opened.cards() == [0, 1]


def test_cells_of_the_matrix_are_reached_by_the_keyboard(opened):
    """Tab leads to the first error, an arrow to the next cell that is not empty, and Enter picks it."""
    stops = opened.page.locator(".grid td[tabindex='0']")
    assert stops.count() == 1
    stops.focus()
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("Enter")
    assert opened.page.locator(".picked output").inner_text().startswith("true: cat, predicted: <b>bird</b>, 1 of 3")
    opened.page.keyboard.press("ArrowDown")  # no dog is predicted to be a bird, and the next bird has no such cell
    assert stops.count() == 1


@pytest.fixture
def many(browser, tmp_path):
    """A page about 30 classes, two pairs of which are confused, with a gallery of some errors."""
    names = tuple(f"class {number:02}" for number in range(30))
    labels = torch.arange(30).repeat_interleave(4)
    said = labels.clone()
    said[:2], said[5], said[8:11] = 1, 0, 3
    said[12] = 1  # class 03 as class 01: both are in the gallery, and this pair is not
    logits = torch.nn.functional.one_hot(said, 30) * 5.0
    predictions = Predictions(logits, labels, 0.5)
    images = torch.zeros(3, 3, 16, 16, dtype=torch.uint8)
    other = Block("other", names[20:21], names[20:21], ((MatrixCell(1.0, "100", "all", correct=True),),))
    matrix = confusion(predictions, names)
    matrix = replace(matrix, blocks=(*matrix.blocks, other))
    errors = misclassified(images, torch.tensor([0, 5, 8]), predictions, names, {})
    page = Page("a run", "", (), sections=(Section("All", (errors, matrix)),))
    path = tmp_path / "many.html"
    path.write_text(render(page), encoding="utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    window = Opened(context, path)
    yield window.page
    assert window.said == []
    context.close()


def test_class_that_is_not_in_the_matrix_is_named_as_missing(many):
    """A search that hides everything says why, and words of the heads are no names."""
    output, find = many.locator(".find output"), many.locator(".find input")
    find.fill("class 00")
    assert many.locator(".block:visible").count() == 1
    assert output.inner_text() == ""
    for words in ("no such class", "predicted"):
        find.fill(words)
        assert many.locator(".block:visible").count() == 0
        assert "not among the classes shown" in output.inner_text()
    find.fill("")
    assert many.locator(".block:visible").count() > 1


def test_errors_are_offered_only_for_a_pair_that_the_gallery_has(many):
    """That it has both classes is not enough."""
    button = many.get_by_role("button", name="Show these errors")
    many.locator('td[data-pair=\'["class 00", "class 01"]\']').click()
    assert button.is_visible()
    pairs = many.locator("td[data-pair]")
    offered = []
    for cell in pairs.all():
        cell.click()
        if button.is_visible():
            offered.append(cell.get_attribute("data-pair"))
    assert len(offered) == 3


def test_errors_are_grouped_by_pair(opened):
    """The most frequent pair comes first, under a heading; a filter hides the headings of other pairs."""
    opened.choose(SORT, value="group")
    headings = opened.page.locator(".pair:visible")
    assert headings.count() == 6
    assert "cat" in headings.first.inner_text()
    assert '"dog"' in headings.first.inner_text()
    assert opened.cards()[:2] == [0, 1]
    opened.choose(TRUE, value="car 3.50")
    assert headings.count() == 1
    opened.page.get_by_role("button", name="Reset").click()
    opened.page.wait_for_function("document.querySelectorAll('.pair').length === 0")
    assert opened.cards() == [3, 6, 0, 2, 5, 1, 4]


def test_pictures_are_enlarged_on_a_click(opened):
    """With the maps beside the image; Escape closes them."""
    opened.page.locator(".enlarge").first.click()
    dialog = opened.page.locator("#enlarged")
    assert dialog.is_visible()
    assert dialog.locator("img, .picture").count() == 3
    opened.page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_values_of_a_figure_are_shown_under_the_pointer(opened):
    """And no longer once the pointer has left."""
    area = opened.page.locator(".tip").first
    area.scroll_into_view_if_needed()
    area.hover()
    assert opened.page.locator("#tip").inner_text() == "epoch 1, loss 2"
    opened.page.mouse.move(1, 1)
    assert not opened.page.locator("#tip").is_visible()


def test_long_table_says_how_many_rows_it_shows(opened):
    """And shows the others on request."""
    rows = opened.page.locator(".shortened tbody tr:visible")
    assert rows.count() == 25
    assert "25 of 40" in opened.page.locator(".more").inner_text()
    opened.page.get_by_role("button", name="Show all 40 rows").click()
    assert opened.page.locator("tbody tr", has_text="row 39").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_page_fits_its_window(browser, report, width, scheme):
    """Nothing sticks out on a phone, and every picture could be decoded."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = Opened(context, report).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # Pictures are loaded when they are scrolled to, and the decoding of one that is not loaded never ends. It raises
    # where a picture cannot be decoded.
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    context.close()


def test_script_of_a_stranger_does_not_run(browser, report, tmp_path):
    """The policy lets the page's own script run and no other, wherever it is put."""
    html = report.read_text(encoding="utf-8")
    attempts = '<script>document.title = "1"</script><img src="x" onerror="document.title = 2">'
    hostile = html.replace("<main>", f"<main>{attempts}")
    path = tmp_path / "hostile.html"
    path.write_text(hostile, encoding="utf-8")
    context = browser.new_context()
    window = Opened(context, path)
    assert window.page.title() == "a run"
    assert len(window.said) >= 2
    assert window.cards() == [3, 6, 0, 2, 5, 1, 4]
    context.close()


def test_page_without_scripts_shows_everything(browser, report):
    """All cards and rows are there, and no control that could do nothing."""
    context = browser.new_context(java_script_enabled=False)
    window = Opened(context, report)
    assert window.cards() == [3, 6, 0, 2, 5, 1, 4]
    assert not window.page.locator(".controls").is_visible()
    assert not window.page.locator(".none").is_visible()
    context.close()
