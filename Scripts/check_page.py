#!/usr/bin/env python3
"""Checks the accessibility of a page that `kvpolicy tasks` wrote, with axe-core in headless chromium.

usage: Scripts/check_page.py PAGE.html

Prints each violation, in the light and the dark scheme, on a wide and a narrow screen; exit status 1 if there are
violations. Needs chromium (Debian and Ubuntu: apt-get install chromium); axe-core comes from PyPI into a virtual
environment under ~/.cache/kvpolicy, once.
"""
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import venv

BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
# The Python package is only used for its file axe.min.js, which runs in any page.
PACKAGE = "axe-playwright-python==0.1.8"
ENVIRONMENT = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "kvpolicy" / "axe-0.1.8"
SCHEMES = {"light": 1, "dark": 0}
# The least width of a chromium window is 500 pixels.
WIDTHS = [1280, 500]

# Runs in the page after the page's scripts, and writes the findings to a new element.
RUN = """
addEventListener("load", () => axe.run(document).then(
  (found) => found, (error) => ({ failure: String(error) })
).then((found) => {
  const { violations, passes, failure } = found;
  const place = document.body.appendChild(document.createElement("template"));
  place.id = "axe-found";
  place.setAttribute("data-found", JSON.stringify({
    failure: failure ?? null, passes: passes?.length ?? 0, width: innerWidth,
    isDark: matchMedia("(prefers-color-scheme: dark)").matches,
    violations: (violations ?? []).map(({ id, help, nodes }) => ({
      id, help, nodes: nodes.map(({ target, failureSummary }) => [target.join(" "), failureSummary]),
    })),
  }));
}));
"""


def browser():
    """The path of a browser."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sys.exit("check_page: there is no chromium; install it (Debian and Ubuntu: apt-get install chromium), or put "
                 "one of these on the PATH: " + ", ".join(BROWSERS))
    return found


def axe():
    """The source of axe-core, which is installed on first use."""
    def scripts():
        return sorted(ENVIRONMENT.glob("lib/python*/site-packages/*/axe.min.js"))
    if not scripts():
        venv.create(ENVIRONMENT, with_pip=True)
        pip = [ENVIRONMENT / "bin" / "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", PACKAGE]
        if subprocess.run(pip).returncode != 0:
            sys.exit(f"check_page: pip could not install {PACKAGE}, which carries axe-core, into {ENVIRONMENT}")
    return scripts()[0].read_text()


def check(chromium, page, scheme, width):
    """The violations that axe-core finds in a page."""
    command = [
        chromium, "--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},900",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", "--virtual-time-budget=60000", "--dump-dom",
        page.as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
    found = re.search(r'<template id="axe-found" data-found="([^"]*)"', dumped)
    if not found:
        sys.exit(f"check_page: axe-core gave no answer in {chromium}")
    found = json.loads(html.unescape(found[1]))
    if found["failure"]:
        sys.exit(f"check_page: axe-core failed: {found['failure']}")
    if found["isDark"] != (scheme == "dark"):
        sys.exit(f"check_page: {chromium} does not show the {scheme} scheme")
    return found


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    try:
        text = pathlib.Path(sys.argv[1]).read_text()
    except OSError as error:
        sys.exit(f"check_page: {error}")
    chromium = browser()
    script = axe()
    total = 0
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "page.html"
        page.write_text(text.replace("</body>", f"<script>{script}</script><script>{RUN}</script></body>"))
        for scheme in SCHEMES:
            for width in WIDTHS:
                found = check(chromium, page, scheme, width)
                count = len(found["violations"])
                total += count
                print(f"{scheme}, {found['width']} pixels wide: {found['passes']} rules hold, {count} violated")
                for violation in found["violations"]:
                    print(f"  {violation['id']}: {violation['help']}")
                    for target, summary in violation["nodes"]:
                        print(f"    {target}\n      " + summary.replace("\n", "\n      "))
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
