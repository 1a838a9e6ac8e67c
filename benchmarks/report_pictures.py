"""Photograph the pages of finished runs for the README and the gallery of the documentation.

    python benchmarks/report_pictures.py RUN/report.html docs/images/report.png --errors 1,2,3    # for the README
    python benchmarks/report_pictures.py RUN/report.html docs/images/gallery-shapes.webp          # for the gallery

Nothing on the page is changed. Without `--errors`, the picture is the first screen of the page. With it, the picture
is the headline, the findings and the named cards of misclassified images; what is between them is hidden. The ending
of the file decides about its format. A picture above the limit of its place is an error, because a reader loads it.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

WIDTH = 1160
"""Pixels of the window; the narrowest in which three cards are side by side."""

SCALE = 1.25  # pixels of the picture for each of the window
FIRST_SCREEN = 900  # pixels of the window's height
LIMITS = {".png": 300_000, ".webp": 200_000}
"""The most bytes of a picture."""

_KEEP = """(wanted) => {
  const cards = [...document.querySelectorAll("#s-errors ul.cards > li")];
  const chosen = wanted.map((number) => cards[number - 1]);
  if (chosen.includes(undefined)) return [cards.length, 0];
  const seen = [...document.querySelectorAll("h1, dl.headline, #findings, #s-errors h2"), ...chosen];
  const above = (node) => seen.some((kept) => node.contains(kept) || kept.contains(node));
  for (const node of document.querySelectorAll("body *")) if (!above(node)) node.style.display = "none";
  return [cards.length, document.querySelector("#s-errors").getBoundingClientRect().bottom + window.scrollY];
}"""
"""Hide all but the headline, the findings and the wanted cards; return the number of cards and where they end."""


def main() -> None:
    """Take one picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="a report.html")
    parser.add_argument("picture", type=Path, help="the picture to write; its folder must exist")
    parser.add_argument("--errors", type=_numbers, help="cards of misclassified images by their place, such as 1,2,3")
    parser.add_argument("--height", type=int, default=FIRST_SCREEN, help="pixels of the first screen")
    parser.add_argument("--browser", help="the path of a Chromium; otherwise the one that Playwright has installed")
    given = parser.parse_args()
    if given.picture.suffix not in LIMITS:
        parser.error(f"{given.picture}: the ending must be one of {', '.join(LIMITS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.browser, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": WIDTH, "height": given.height}, device_scale_factor=SCALE, color_scheme="light"
        )
        page = context.new_page()
        page.goto(given.page.resolve().as_uri())
        taken = photographed(page, given.errors, given.height)
        browser.close()
    encoded = encode(taken, given.picture.suffix)
    if len(encoded) > LIMITS[given.picture.suffix]:
        raise SystemExit(f"the picture has {len(encoded):,} bytes, above {LIMITS[given.picture.suffix]:,}")
    given.picture.write_bytes(encoded)
    print(f"{given.picture}: {taken.width} x {taken.height} pixels, {len(encoded):,} bytes")


def photographed(page: Page, errors: list[int] | None, height: int) -> Image.Image:
    """Return a picture of an open page: its first screen, or the findings and the cards at the places in `errors`."""
    page.evaluate("""async () => {
      const pictures = [...document.images];
      pictures.forEach((picture) => { picture.loading = "eager"; });
      await Promise.all(pictures.map((picture) => picture.decode().catch(() => undefined)));
    }""")
    if errors:
        cards, height = page.evaluate(_KEEP, errors)
        if not height:
            raise SystemExit(f"--errors {','.join(map(str, errors))}: the page has {cards} cards of errors")
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": round(height)}
    return Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip))).convert("RGB")


def encode(picture: Image.Image, suffix: str) -> bytes:
    """Return the bytes of a picture in the format of a file's ending; text stays sharp in both."""
    written = io.BytesIO()
    if suffix == ".png":
        picture.quantize(256, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    else:
        picture.save(written, "WEBP", quality=88, method=6)
    return written.getvalue()


def _numbers(text: str) -> list[int]:
    """Return the numbers of a list such as ``1,2,3``, each at least 1."""
    numbers = [int(word) for word in text.split(",")]
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError("places begin at 1")
    return numbers


if __name__ == "__main__":
    main()
