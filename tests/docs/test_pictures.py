"""Pictures of the documentation are small and shown, and the benchmark that takes them hides the right parts."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

import cvkit
from cvkit.figures.page import render

ROOT = Path(__file__).parents[2]
PICTURES = sorted((ROOT / "docs" / "images").iterdir())
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_picture_is_small_enough_for_its_place(path, benchmark_module):
    """A reader loads it before anything else of the page."""
    assert path.stat().st_size <= benchmark_module("report_pictures").LIMITS[path.suffix]
    with Image.open(path) as picture:
        assert picture.width >= 1_400


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_picture_is_on_a_page(path):
    """With words for readers who do not see it."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = [re.findall(rf"!\[([^\]]+)\]\([\w/]*images/{re.escape(path.name)}\)", page.read_text()) for page in pages]
    assert all(len(words) > 20 for found in shown for words in found)
    assert any(shown)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A made-up report with a finding in a browser, and the benchmark's module."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed, nor playwright's own")
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import made_up_runs
        import report_pictures

        finding = cvkit.Finding("overfits", "bad", "The model overfits.", "Use more images.")
        file = tmp_path_factory.mktemp("page") / "report.html"
        file.write_text(render(replace(made_up_runs.page_of("once"), findings=(finding,))), encoding="utf-8")
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = launched.new_page(viewport={"width": report_pictures.WIDTH, "height": 900})
        page.goto(file.as_uri())
        yield report_pictures, page
        launched.close()


def test_place_without_a_card_is_an_error(opened):
    """It says how many cards the page has, and hides nothing."""
    module, page = opened
    with pytest.raises(SystemExit, match="has 48 cards"):
        module.photographed(page, [1, 49], 900)
    assert page.locator("#s-training").is_visible()


def test_picture_of_errors_has_the_findings_and_the_chosen_cards(opened):
    """And nothing else of the page; the picture ends below the last card."""
    module, page = opened
    taken = module.photographed(page, [2, 5], 900)
    cards = page.locator("#s-errors ul.cards > li")
    visible = [place for place in range(1, cards.count() + 1) if cards.nth(place - 1).is_visible()]
    assert visible == [2, 5]
    assert page.locator("#findings").is_visible()
    assert not page.locator("#s-training").is_visible()
    assert not page.locator("#s-errors form").is_visible()
    bottom = cards.nth(4).bounding_box()
    assert bottom["y"] + bottom["height"] <= taken.height <= bottom["y"] + bottom["height"] + 60


@pytest.mark.parametrize(("suffix", "format_"), [(".png", "PNG"), (".webp", "WEBP")])
def test_encoded_picture_has_the_format_of_its_ending(suffix, format_, benchmark_module, tmp_path):
    """And its own size."""
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(benchmark_module("report_pictures").encode(Image.new("RGB", (31, 17), "#0072b2"), suffix))
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == (format_, (31, 17))
