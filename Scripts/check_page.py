#!/usr/bin/env python3
"""Checks a page that `kvpolicy tasks` or `kvpolicy explain` wrote, in headless chromium.

usage: Scripts/check_page.py PAGE.html [--pictures FOLDER]

In the light and the dark scheme, on a phone and on a wide screen: prints each violation that axe-core finds, messages
of the console, and whether the page is wider than the screen; then uses the page: its slider, its play button, its
arrow keys and, on a page of `kvpolicy explain`, its lanes, tokens and chart. Exit status 1 if something is wrong.
With --pictures, writes a picture of each. Needs chromium (Debian and Ubuntu: apt-get install chromium); playwright and
axe-core come from PyPI into a virtual environment under ~/.cache/kvpolicy, once.
"""
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


def check(chromium, path, script, scheme, size, pictures):
    """All that is wrong with a page in a scheme and on a screen."""
    width, height = size
    page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    wrong = []
    page.on("console", lambda message: wrong.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("request", lambda request: wrong.append(f"request: {request.url}")
            if request.url.startswith("http") else None)
    page.goto(path.resolve().as_uri())
    beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if beyond > 0:
        wrong.append(f"the page is {beyond} pixels wider than the screen")
    if pictures:
        page.screenshot(path=pictures / f"{path.stem}-{scheme}-{width}.png", full_page=True)
    wrong += violations(page, script)
    for part in (moves, explains):
        wrong += part(page)
    wrong += [found for found in violations(page, script) if found not in wrong]
    page.close()
    return wrong


def main():
    words = sys.argv[1:]
    pictures = None
    if len(words) == 3 and words[1] == "--pictures":
        pictures = pathlib.Path(words.pop())
        words.pop()
        pictures.mkdir(parents=True, exist_ok=True)
    if len(words) != 1 or words[0].startswith("-"):
        sys.exit(__doc__)
    path = pathlib.Path(words[0])
    if not path.is_file():
        sys.exit(f"check_page: there is no file {path}")
    program = browser()
    enter_environment()
    from playwright.sync_api import sync_playwright
    script, total = axe(), 0
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for scheme in SCHEMES:
            for size in SIZES:
                wrong = check(chromium, path, script, scheme, size, pictures)
                total += len(wrong)
                print(f"{scheme}, {size[0]} pixels wide: {len(wrong) or 'nothing'} wrong")
                for one in wrong:
                    print(f"  {one}")
        chromium.close()
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
