"""Check the built documentation in a headless browser, as wide as a screen and a telephone.

    python docs/check_rendering.py docs/_build/html [--screenshots FOLDER] [PAGE ...]

Every page is opened at 1,400 and at 400 pixels. A page must not scroll sideways, and nothing may
leave its place. A line of code must fit on the screen; on the telephone code may be wrapped, and a
table may scroll within its own frame. What a program printed may be wrapped always, and
scikit-learn's diagrams of estimators scroll as they like. No LaTeX and no markup may stand in the
text, nothing may be loaded from a network, and every link within the documentation must lead to a
page and a place that exist. What fails is printed, one line each, and the exit status is 1.

Needs `pip install -e '.[browser]'` and a Chromium (Debian: `apt install chromium`).
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lxml import html

WIDTHS = (1400, 400)
#: What a reader would see if a formula or a role had not been rendered.
MARKUP = re.compile(r"\\(?:[a-zA-Z]{2,}\b|\(|\[)|\$\$|:(?:math|ref|doc|class|func|meth):`|``")
#: Returns what is too wide: [element, its text, pixels too many]. Code is measured unwrapped on a
#: wide screen, where each line should fit.
TOO_WIDE = """wide => {
  const found = [], page = document.scrollingElement;
  const report = (what, element, excess) => {
    if (excess > 1) found.push([what, element.textContent.trim().slice(0, 60), excess]);
  };
  report("page", document.querySelector("h1") || page, page.scrollWidth - window.innerWidth);
  for (const block of document.querySelectorAll("article pre")) {
    if (!block.offsetParent) continue;
    const printed = block.closest(".sphx-glr-script-out");
    if (wide && !printed) block.style.whiteSpace = "pre";
    report("code block", block, block.scrollWidth - block.clientWidth);
    block.style.whiteSpace = "";
  }
  for (const table of document.querySelectorAll("article table")) {
    if (!table.offsetParent || table.closest("pre, .sk-top-container")) continue;
    let frame = table.parentElement;
    const scrolls = () => /auto|scroll/.test(getComputedStyle(frame).overflowX);
    while (!scrolls() && !frame.matches("article")) frame = frame.parentElement;
    if (wide || !scrolls())
      report("table", table, table.getBoundingClientRect().right
             - frame.getBoundingClientRect().right);
  }
  // The theme hides what leaves the article, so the page itself need not scroll.
  const edge = document.querySelector("article").getBoundingClientRect().right;
  for (const element of document.querySelectorAll("article *")) {
    const frame = element.closest("pre, table, .math-block, .sk-top-container");
    if (frame && frame !== element && !(wide && frame.matches(".math-block"))) continue;
    if (element.matches("table, .headerlink") || !element.getClientRects().length) continue;
    report(element.localName, element, element.getBoundingClientRect().right - edge);
  }
  return found;
}"""
#: Returns the text that a reader sees outside of code.
PROSE = """() => {
  const copy = document.querySelector("article").cloneNode(true);
  for (const code of copy.querySelectorAll("pre, code, script, style, annotation")) code.remove();
  return copy.textContent;
}"""


def main() -> int:
    """Check the pages that the command line names, all without one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where sphinx-build has written HTML")
    parser.add_argument("pages", nargs="*", help="pages, such as index.html; default: all")
    parser.add_argument("--screenshots", type=Path, help="folder for a PNG of each page and width")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    pages = arguments.pages or [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*.html"), key=lambda path: (len(path.parts), path))
        if path.relative_to(folder).parts[0] not in ("_modules", "_static")  # source; templates
    ]
    if not pages:
        parser.error(f"{folder} holds no .html: build it first, by `make docs`")
    problems = broken_links(folder) + badly_rendered(folder, pages, arguments.screenshots)
    for problem in problems:
        print(problem)
    print(
        f"{len(pages)} pages at {' and '.join(map(str, WIDTHS))} pixels: {len(problems)} problems"
    )
    return 1 if problems else 0


def broken_links(folder: Path) -> list[str]:
    """Find links to pages, places and files that the built documentation does not hold."""
    trees = {
        path: html.parse(str(path))
        for path in folder.rglob("*.html")
        if path.relative_to(folder).parts[0] != "_static"  # templates of the theme
    }
    places = {path: set(tree.xpath("//@id | //a/@name")) for path, tree in trees.items()}
    problems = []
    for path, tree in trees.items():
        for link in tree.xpath("//a/@href | //img/@src | //script/@src | //link/@href"):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.exists():
                problems.append(f"{path.relative_to(folder)}: link to {link}, which does not exist")
            elif place and target in places and place not in places[target]:
                problems.append(f"{path.relative_to(folder)}: link to {link}: no such place there")
    return sorted(set(problems))


def badly_rendered(folder: Path, pages: list[str], screenshots: Path | None) -> list[str]:
    """Open `pages` at each width; find what is too wide, raw markup, and use of a network."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    problems = []
    with sync_playwright() as playwright:
        # Without a Chromium of the system, Playwright takes its own (`playwright install`).
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.route(re.compile("^https?:"), lambda route: route.abort())
            asked: list[str] = []
            page.on("requestfailed", lambda request, asked=asked: asked.append(request.url))
            for name in pages:
                asked.clear()
                page.goto((folder / name).as_uri(), wait_until="load")
                where = f"{name} at {width} px"
                if not page.query_selector("article"):
                    continue
                problems += [f"{where}: could not load {url}" for url in asked]
                problems += [
                    f"{where}: {what} {excess:.0f} px too wide: {text!r}"
                    for what, text, excess in page.evaluate(TOO_WIDE, width == max(WIDTHS))
                ]
                if width == max(WIDTHS):
                    found = sorted({m.group() for m in MARKUP.finditer(page.evaluate(PROSE))})
                    problems += [f"{where}: unrendered markup {markup!r}" for markup in found]
                if screenshots:
                    file = screenshots / str(width) / f"{name.replace('/', '.')[:-5]}.png"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=file, full_page=True)
            page.close()
        browser.close()
    return problems


if __name__ == "__main__":
    sys.exit(main())
