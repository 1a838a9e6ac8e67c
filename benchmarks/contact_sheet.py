"""Build report pages of made-up runs, photograph them in a browser, and put the photographs on one sheet.

    python benchmarks/contact_sheet.py OUT                    # every case, width and colour scheme
    python benchmarks/contact_sheet.py OUT --case hundred     # one case

Nothing is trained: records, predictions, images and maps are drawn at random from a seed, so that every case is the
same each time. OUT gets the pages, a picture of each, ``sheet.png`` with all of them, and ``sizes.json`` with the
size of each page in bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from made_up_runs import CASES, page_of
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, sync_playwright

from cvkit.figures.page import render

VIEWS = {
    "wide": (1440, "light"),
    "wide-dark": (1440, "dark"),
    "middle": (1024, "light"),
    "phone": (390, "light"),
    "phone-dark": (390, "dark"),
}
"""The width of the window in pixels and the colour scheme of each picture."""

_PAPER = 794  # pixels of an A4 page at 96 per inch
_TALLEST = 9_000  # pixels of a picture; the rest of a page is not photographed
_TILE = (340, 520)  # pixels of a page on the sheet


def main() -> None:
    """Build the pages, the pictures and the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--case", choices=CASES, action="append", help="build only this case (repeatable)")
    parser.add_argument("--view", choices=[*VIEWS, "print"], action="append", help="only this view (repeatable)")
    parser.add_argument("--browser", help="the path of a Chromium; otherwise the one that Playwright has installed")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    sizes, shown = {}, []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.browser, args=["--no-sandbox"])
        for case in given.case or CASES:
            html = render(page_of(case))
            path = given.out / f"{case}.html"
            path.write_text(html, encoding="utf-8")
            sizes[case] = len(html.encode())
            print(f"{case}: {sizes[case]:,} bytes", flush=True)
            shown += [*_pictures(browser, path, given.view or [*VIEWS, "print"])]
        browser.close()
    (given.out / "sizes.json").write_text(json.dumps(sizes, indent=1) + "\n", encoding="utf-8")
    _sheet(shown).save(given.out / "sheet.png")


def _pictures(browser: Browser, path: Path, views: list[str]) -> Iterator[Path]:
    """Yield a picture of a page for each view."""
    for view in views:
        width, scheme = VIEWS.get(view, (_PAPER, "light"))
        context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
        page = context.new_page()
        page.goto(path.resolve().as_uri())
        if view == "print":
            page.emulate_media(media="print")
            page.pdf(path=path.with_suffix(".pdf"), format="A4", margin=dict.fromkeys(("top", "bottom"), "12mm"))
        target = path.with_name(f"{path.stem}-{view}.png")
        height = min(_TALLEST, int(page.evaluate("document.documentElement.scrollHeight")))
        page.screenshot(
            path=target, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height}, timeout=120_000
        )
        context.close()
        yield target


def _sheet(paths: list[Path]) -> Image.Image:
    """Return all pictures on one sheet, a row for each page."""
    rows: dict[str, list[Path]] = {}
    for path in paths:
        rows.setdefault(path.stem.partition("-")[0], []).append(path)
    width, height = _TILE
    columns = max(map(len, rows.values()))
    sheet = Image.new("RGB", (columns * (width + 12) + 12, len(rows) * (height + 34) + 12), "#888888")
    draw = ImageDraw.Draw(sheet)
    for row, of_page in enumerate(rows.values()):
        for column, path in enumerate(of_page):
            left, top = 12 + column * (width + 12), 12 + row * (height + 34)
            with Image.open(path) as picture:
                scaled = picture.convert("RGB").resize((width, round(picture.height * width / picture.width)))
            sheet.paste(scaled.crop((0, 0, width, height)), (left, top + 18))
            draw.text((left, top), path.stem, fill="#ffffff")
    return sheet


if __name__ == "__main__":
    main()
