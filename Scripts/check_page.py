#!/usr/bin/env python3
"""Checks pages that `kvpolicy tasks`, `kvpolicy explain` or `kvpolicy report` wrote, in headless chromium.

usage: Scripts/check_page.py PAGE.html... [--pictures FOLDER]
       Scripts/check_page.py --browser

In the light and the dark scheme, on a phone and on a wide screen: prints each violation that axe-core finds, messages
of the console, and whether the page is wider than the screen; then uses the page: its slider, its play button and its
arrow keys; on a page of `kvpolicy explain` its lanes, tokens and chart; on a page of `kvpolicy report`, by mouse and by
keyboard, its boxes, tables, fields, charts and parts. Exit status 1 if something is wrong. With --pictures, writes two
pictures of each: as the page opens, and after its use. Needs chromium (Debian and Ubuntu: apt-get install chromium);
playwright and axe-core come from PyPI into a virtual environment under ~/.cache/kvpolicy, once. With --browser, prints
which browser there is; exit status 1 if there is none.
"""
import argparse
import math
import os
import pathlib
import shutil
import subprocess
import sys
import venv

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
# Of the first package only the file axe.min.js is used, which runs in any page.
PACKAGES = ["axe-playwright-python==0.1.8", "playwright==1.49.1"]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
ENVIRONMENT = CACHE / "kvpolicy" / "pages-1"
SCHEMES = ["light", "dark"]
SIZES = [(1280, 900), (390, 844)]


def browser():
    """The path of a browser."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sys.exit("check_page: there is no chromium; install it (Debian and Ubuntu: apt-get install chromium), or put "
                 "one of these on the PATH: " + ", ".join(BROWSERS))
    return found


def enter_environment():
    """Runs this script again with the packages, which are installed on first use."""
    python = ENVIRONMENT / "bin" / "python3"
    if pathlib.Path(sys.prefix) == ENVIRONMENT:
        return
    if not (ENVIRONMENT / "complete").exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *PACKAGES]
        if subprocess.run(pip).returncode != 0:
            sys.exit(f"check_page: pip could not install {' and '.join(PACKAGES)} into {ENVIRONMENT}")
        (ENVIRONMENT / "complete").touch()
    os.execv(python, [python, __file__, *sys.argv[1:]])


def axe():
    """The source of axe-core."""
    return next(ENVIRONMENT.glob("lib/python*/site-packages/axe_playwright_python/axe.min.js")).read_text()


def violations(page, script):
    """What axe-core finds in a page."""
    page.evaluate(script)
    found = page.evaluate("axe.run(document)")
    for violation in found["violations"]:
        yield f"{violation['id']}: {violation['help']}" + "".join(
            f"\n      {' '.join(map(str, node['target']))}\n        "
            + node["failureSummary"].replace("\n", "\n        ") for node in violation["nodes"][:5])
    if not found["passes"]:
        yield "axe-core found nothing to check"


def moves(page):
    """What is wrong with the slider and its button."""
    slider = page.locator("#moment")
    if slider.count() == 0:
        return
    value, last = lambda: int(slider.input_value()), int(slider.get_attribute("max"))
    slider.focus()
    page.keyboard.press("Home")
    if value() != 0:
        yield "the key Home does not move the slider to its start"
    page.keyboard.press("ArrowRight")
    if value() != min(1, last):
        yield "an arrow key does not move the slider"
    page.locator("#play").click()
    page.wait_for_timeout(1000)
    page.locator("#play").click()
    if last > 4 and value() <= 1:
        yield "the button does not play"
    if page.locator("#play").inner_text() != "Play":
        yield "the button does not pause"


def explains(page):
    """What is wrong with the parts that only an explanation has."""
    field = page.locator("#field")
    if field.count() == 0:
        return
    slider, tokens = page.locator("#moment"), page.locator("#text0 .flow > *")
    last = int(slider.get_attribute("max"))
    box = field.bounding_box()
    field.click(position={"x": box["width"] - 1, "y": 5})
    if int(slider.input_value()) != last:
        yield "a click on the end of the chart does not move to the last step"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowLeft")
    if int(slider.input_value()) != max(0, last - 1):
        yield "an arrow key does not move the slider while nothing has the focus"
    tokens.first.focus()
    page.keyboard.press("ArrowRight")
    about = page.locator("#about").inner_text()
    if not about.startswith("Token 1,"):
        yield f"an arrow key on the first token says {about!r}"
    before = page.locator("#state0").inner_text()
    page.locator("#lane").select_option("0")
    if page.locator("#lane option").count() > 2 and page.locator("#state0").inner_text() == before:
        yield "the choice of a lane changes nothing"
    if "in a lane" in page.locator("#state0").inner_text():
        yield "one lane is told as a mean of lanes"
    page.locator("#lane").select_option("-1")


def texts(rows):
    """The texts of visible lines of a table, from top to bottom."""
    return rows.evaluate_all("rows => rows.filter(row => row.offsetParent !== null).map(row => row.innerText)")


def toggles(page):
    """What is wrong with the boxes that hide policies."""
    summary, boxes, shown = page.locator(".toggles summary"), page.locator("#boxes input"), page.locator("#shown")
    if not boxes.first.is_visible():
        summary.focus()
        page.keyboard.press("Enter")
        if not boxes.first.is_visible():
            yield "the key Enter does not open the list of policies"
            return
    last, count = boxes.last, boxes.count()
    of_last = page.locator(f"[data-policy='{last.get_attribute('value')}']")
    front = page.locator(".front").first
    fronts = [front.get_attribute("d")]
    last.click()
    hidden = of_last.evaluate_all("parts => parts.every(part => getComputedStyle(part).display === 'none')")
    if not hidden or of_last.count() == 0:
        yield "a click on a box does not hide its policy everywhere"
    if shown.inner_text() != f"{count - 1} of {count}":
        yield f"with one policy hidden, the page says that {shown.inner_text()!r} are shown"
    last.focus()
    page.keyboard.press("Space")
    if not of_last.first.is_visible() or shown.inner_text() != "all":
        yield "the space bar does not show a policy again"
    page.locator("#none").click()
    fronts.append(front.get_attribute("d"))
    if texts(page.locator(".sortable tbody tr")) or fronts[0] == fronts[1]:
        yield "the button None leaves lines of a table, or the front as it was"
    page.locator("#every").focus()
    page.keyboard.press("Enter")
    if shown.inner_text() != "all" or front.get_attribute("d") != fronts[0]:
        yield "the button All does not show every policy again"


def is_sorted(table, column, descending):
    """Whether the numbers of a column are in order, lines without a number last."""
    values = table.locator(f"tbody tr > :nth-child({column + 1})").evaluate_all(
        "cells => cells.map(cell => cell.dataset.v === undefined ? null : Number(cell.dataset.v))")
    numbers = [value for value in values if value is not None]
    return (numbers == sorted(numbers, reverse=descending) and len(set(numbers)) > 1
            and None not in values[:len(numbers)])


def sorts(page):
    """What is wrong with the sorting of tables."""
    table = page.locator(".sortable").first
    heads = table.locator("thead th")
    for title in ("bytes, mean", "tokens/s"):
        column = next((number for number, text in enumerate(heads.all_inner_texts())
                       if " ".join(text.split()) == title), None)
        if column is None:
            yield f"the table has no column {title!r}"
            continue
        head = heads.nth(column)
        head.locator("button").click()
        if head.get_attribute("aria-sort") != "ascending" or not is_sorted(table, column, False):
            yield f"a click does not sort by {title!r}"
        head.locator("button").focus()
        page.keyboard.press("Enter")
        if head.get_attribute("aria-sort") != "descending" or not is_sorted(table, column, True):
            yield f"the key Enter does not sort by {title!r} in the other direction"
    heads.first.locator("button").focus()
    page.keyboard.press("Space")
    names = table.locator("tbody th").all_inner_texts()
    if names != sorted(names) or table.locator("[aria-sort]").count() != 1:
        yield "the space bar does not sort by the first column, and by it alone"


def filters(page):
    """What is wrong with the field that filters a table."""
    field, said = page.locator(".filter input").first, page.locator(".filter output").first
    rows = page.locator(".sortable").first.locator("tbody tr")
    everything = texts(rows)
    name = page.locator(".sortable tbody th").last.inner_text()
    field.click()
    page.keyboard.type(name.upper())
    found = texts(rows)
    if found != [row for row in everything if name.lower() in row.lower()] or len(found) == len(everything):
        yield f"the filter {name!r} leaves {len(found)} of {len(everything)} lines"
    if said.inner_text() != f"{len(found)} of {len(everything)} lines":
        yield f"the filter says {said.inner_text()!r}"
    page.keyboard.type(" nosuchword")
    if texts(rows):
        yield "a word that no line has leaves lines"
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    if texts(rows) != everything or said.inner_text():
        yield "an empty filter does not show every line"


def middle(mark):
    """Where the middle of a mark is on the screen."""
    box = mark.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def reads(page):
    """What is wrong with the charts' marks and the parts of policies."""
    plot, said = page.locator(".plot").first, page.locator(".readout").first
    titles = plot.locator(".mark title").all_text_contents()
    plot.focus()
    read = []
    for _ in titles:
        page.keyboard.press("ArrowRight")
        read.append(said.inner_text())
    if sorted(read) != sorted(titles):
        yield f"the arrow keys read {read} of a chart with {titles}"
    for mark in plot.locator(".mark").all()[:20]:
        mark.hover(force=True)
        picked = page.locator(".picked")
        # Where marks lie on each other, another of them may be read.
        if picked.count() != 1 or math.dist(middle(picked), middle(mark)) > 8:
            yield f"the mouse reads {said.inner_text()!r} where {mark.text_content()!r} is"
    for number, part in enumerate(page.locator("details.policy").all()):
        summary = part.locator("summary")
        if number % 2:
            summary.click()
        else:
            summary.focus()
            page.keyboard.press("Enter")
        if not part.locator("table").is_visible():
            yield f"the part {summary.inner_text()!r} does not open"


def reports(page):
    """What is wrong with the parts that only a report on sweeps has."""
    if page.locator("#boxes").count() == 0:
        return
    for part in (toggles, sorts, filters, reads):
        yield from part(page)


def check(chromium, path, script, scheme, size, pictures):
    """All that is wrong with a page in a scheme and on a screen."""
    width, height = size
    page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.set_default_timeout(5000)
    wrong = []
    page.on("console", lambda message: wrong.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("request", lambda request: wrong.append(f"request: {request.url}")
            if request.url.startswith("http") else None)
    page.goto(path.resolve().as_uri())

    def look(moment):
        beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if beyond > 0:
            wrong.append(f"{moment} the page is {beyond} pixels wider than the screen")
        if pictures:
            page.evaluate("scrollTo(0, 0)")
            name = f"{path.stem}-{scheme}-{width}-{moment}.png"
            page.screenshot(path=pictures / name, full_page=True)
        wrong.extend(found for found in violations(page, script) if found not in wrong)

    look("opened")
    for part in (moves, explains, reports):
        wrong += part(page)
    look("used")
    page.close()
    return wrong


def arguments():
    """The pages, and the folder for pictures or None."""
    parser = argparse.ArgumentParser(
        usage="check_page.py PAGE.html... [--pictures FOLDER]\n       check_page.py --browser",
        description=__doc__.split("\n\n", 2)[2], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path, metavar="FOLDER", help="where pictures are written")
    parser.add_argument("--browser", action="store_true", help="print which browser there is")
    given = parser.parse_args()
    if given.browser:
        print(browser())
        sys.exit()
    if not given.pages:
        parser.error("name a page")
    for path in given.pages:
        if not path.is_file():
            sys.exit(f"check_page: there is no file {path}")
    if given.pictures:
        given.pictures.mkdir(parents=True, exist_ok=True)
    return given.pages, given.pictures


def main():
    paths, pictures = arguments()
    program = browser()
    enter_environment()
    from playwright.sync_api import sync_playwright
    script, total = axe(), 0
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for path in paths:
            for scheme in SCHEMES:
                for size in SIZES:
                    wrong = check(chromium, path, script, scheme, size, pictures)
                    total += len(wrong)
                    print(f"{path.name}, {scheme}, {size[0]} pixels wide: {len(wrong) or 'nothing'} wrong")
                    for one in wrong:
                        print(f"  {one}")
        chromium.close()
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
