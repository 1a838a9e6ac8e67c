"""Build report pages of made-up runs, photograph them in a browser, and put the photographs on one sheet.

    python benchmarks/contact_sheet.py OUT                        # every case, width and colour scheme
    python benchmarks/contact_sheet.py OUT --case hundred         # one case
    python benchmarks/contact_sheet.py OUT --page runs/a/report.html  # a page that exists
    python benchmarks/contact_sheet.py OUT --axe node_modules/axe-core/axe.min.js

Nothing is trained: records, predictions, images and maps are drawn at random from a seed, so that every case is the
same each time. OUT gets the pages, a picture of each, the sheets of paper that a browser prints (`pip install
pypdfium2` draws them), ``sheet.png`` with all of them, and ``measured.json`` with the size of each page in bytes, the
seconds until it is loaded and shown, its sheets of paper, and the violations that axe-core found. axe-core is not
contained: ``npm install axe-core`` gets it. ``--write`` puts the measurements into docs/results.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from made_up_runs import CASES, page_of
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright
from section import write_section

from cvkit.figures.page import render

VIEWS = {
    "wide": (1440, "light"),
    "wide-dark": (1440, "dark"),
    "middle": (1024, "light"),
    "phone": (390, "light"),
    "phone-dark": (390, "dark"),
}
"""The width of the window in pixels and the colour scheme of each picture."""

_TALLEST = 9_000  # pixels of a picture; the rest of a page is not photographed
_SHEETS = 8  # sheets of paper beside each other in the picture of a printed page
_TILE = (340, 520)  # pixels of a page on the sheet


def main() -> None:
    """Build the pages, the pictures and the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--case", choices=CASES, action="append", help="build only this case (repeatable)")
    parser.add_argument("--page", type=Path, action="append", help="photograph this page instead (repeatable)")
    parser.add_argument("--view", choices=[*VIEWS, "print"], action="append", help="only this view (repeatable)")
    parser.add_argument("--axe", type=Path, help="the path of axe.min.js: print what axe-core finds on each page")
    parser.add_argument("--write", action="store_true", help="write the table in docs/results.md")
    parser.add_argument("--browser", help="the path of a Chromium; otherwise the one that Playwright has installed")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    measured: dict[str, dict[str, Any]] = {}
    shown = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.browser, args=["--no-sandbox"])
        for name, path in _pages(given.out, given.case or CASES, given.page):
            found = measured[name] = {"bytes": path.stat().st_size, **_times(browser, path)}
            if given.axe:
                found["axe"] = [*_violations(browser, path, given.axe.read_text(encoding="utf-8"))]
            for view in given.view or [*VIEWS, "print"]:
                target = given.out / f"{name}-{view}.png"
                if view == "print":
                    found["sheets"] = _printed(browser, path, target)
                else:
                    _photographed(browser, path, target, *VIEWS[view])
                shown.append((name, target))
            print(f"{name}: {json.dumps(found)}", flush=True)
        browser.close()
    (given.out / "measured.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    _sheet(shown).save(given.out / "sheet.png")
    if given.write:
        write_section("pages", _table(measured))


def _table(measured: dict[str, dict[str, Any]]) -> str:
    """Return the measurements as a table; a measurement that was not made is a dash."""
    rows = [
        "| page | MB | shown, s | loaded, s | sheets of paper | violations |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, found in measured.items():
        axe = len(found["axe"]) if "axe" in found else "\N{EN DASH}"
        cells = (
            name,
            f"{found['bytes'] / 1e6:.2f}",
            found["shown_s"],
            found["loaded_s"],
            found.get("sheets", "\N{EN DASH}"),
            axe,
        )
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def _pages(out: Path, cases: list[str], given: list[Path] | None) -> Iterator[tuple[str, Path]]:
    """Yield the name and the file of each page."""
    if given:
        yield from ((f"{path.resolve().parent.name}-{path.stem}", path) for path in given)
        return
    for case in cases:
        path = out / f"{case}.html"
        path.write_text(render(page_of(case)), encoding="utf-8")
        yield case, path


def _opened(browser: Browser, path: Path, width: int, scheme: str) -> Page:
    """Return the page in a window, with all pictures loaded; browsers load them when they are scrolled to."""
    page = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme).new_page()
    page.goto(path.resolve().as_uri())
    page.evaluate("for (const image of document.images) image.loading = 'eager'")
    page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    return page


def _times(browser: Browser, path: Path) -> dict[str, float]:
    """Return the seconds until a new window shows something of the page, and until the page is loaded."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.goto(path.resolve().as_uri())
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    context.close()
    return {"shown_s": round(paint / 1000, 2), "loaded_s": round(loaded / 1000, 2)}


def _photographed(browser: Browser, path: Path, target: Path, width: int, scheme: str) -> None:
    """Write a picture of a page."""
    page = _opened(browser, path, width, scheme)
    height = min(_TALLEST, int(page.evaluate("document.documentElement.scrollHeight")))
    clip = {"x": 0, "y": 0, "width": width, "height": height}
    page.screenshot(path=target, full_page=True, clip=clip, timeout=300_000)
    page.context.close()


def _printed(browser: Browser, path: Path, target: Path) -> int:
    """Write the PDF of a page and a picture of its first sheets, and return the number of sheets."""
    import pypdfium2

    page = _opened(browser, path, 1440, "dark")
    page.pdf(path=target.with_suffix(".pdf"), format="A4", print_background=False)
    page.context.close()
    sheets = pypdfium2.PdfDocument(target.with_suffix(".pdf"))
    drawn = [sheet.render(scale=1.3).to_pil() for sheet, _ in zip(sheets, range(_SHEETS), strict=False)]
    width, height = drawn[0].width + 12, drawn[0].height
    beside = Image.new("RGB", (width * len(drawn) - 12, height), "#888888")
    for number, sheet in enumerate(drawn):
        beside.paste(sheet, (number * width, 0))
    beside.save(target)
    number = len(sheets)
    sheets.close()
    return number


def _violations(browser: Browser, path: Path, axe: str) -> Iterator[str]:
    """Yield what axe-core finds on a page in both colour schemes, with everything unfolded."""
    for scheme in ("light", "dark"):
        page = _opened(browser, path, 1440, scheme)
        page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
        page.evaluate(axe)
        for found in page.evaluate("axe.run().then((results) => results.violations)"):
            places = [" ".join(map(str, node["target"])) for node in found["nodes"]]
            yield f"{scheme}: {found['id']} ({found['impact']}): {len(places)} elements, such as {places[0]}"
        page.context.close()


def _sheet(shown: list[tuple[str, Path]]) -> Image.Image:
    """Return all pictures on one sheet, a row for each page."""
    rows: dict[str, list[Path]] = {}
    for name, path in shown:
        rows.setdefault(name, []).append(path)
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
