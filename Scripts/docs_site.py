#!/usr/bin/env python3
"""Makes one site of the archives that docc writes, one archive per module.

    Scripts/docs_site.py catalog OUTPUT MODULE MODULES...  copies a module's catalog to OUTPUT, and links
                                                           its first page to the first pages of the other modules
    Scripts/docs_site.py index SITE MODULES...             writes the first page of the site
    Scripts/docs_site.py check SITE MODULES...             follows every link between modules
"""
import html
import html.parser
import json
import pathlib
import re
import shutil
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent


def catalog(module):
    return ROOT / "Sources" / module / f"{module}.docc"


def summary(module):
    """The sentence under the title of a module's first page."""
    page = catalog(module) / f"{module}.md"
    if not page.exists():
        sys.exit(f"docs: error: the module {module} has no first page; write {page.relative_to(ROOT)}")
    paragraphs = page.read_text(encoding="utf-8").split("\n\n")
    return " ".join(paragraphs[1].split())


def first_page(module):
    return f"{module}/documentation/{module.lower()}/"


def copy_catalog(output, module, modules):
    """Links lead up from documentation/MODULE/ of one archive, and down into another archive."""
    shutil.copytree(catalog(module), output)
    links = "".join(
        f"- [{other}](../../../{first_page(other)}): {summary(other)}\n"
        for other in modules if other != module)
    page = pathlib.Path(output) / f"{module}.md"
    text = page.read_text(encoding="utf-8")
    head, topics, tail = text.partition("\n## Topics\n")
    page.write_text(f"{head}\n### The other modules\n\n{links}{topics}{tail}", encoding="utf-8")


def write_index(site, modules):
    start = modules[0]
    items = "\n".join(
        f'<li><a href="{first_page(module)}">{module}</a>: '
        + re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(summary(module), quote=False)) + "</li>"
        for module in modules)
    (site / "index.html").write_text(f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>KVPolicyKit</title>
<style>body {{ font: 1.1em/1.6 system-ui, sans-serif; max-width: 44em; margin: 3em auto; padding: 0 1em }}</style>
<h1>KVPolicyKit</h1>
<p>Start with <a href="{first_page(start)}">{start}</a>. The modules:</p>
<ul>
{items}
</ul>
</html>
""", encoding="utf-8")
    for module in modules:
        # The root of an archive is an empty page; it redirects to the module's first page.
        target = first_page(module).partition("/")[2]
        (site / module / "index.html").write_text(
            f'<!doctype html>\n<meta charset="utf-8">\n<meta http-equiv="refresh" content="0; url={target}">\n'
            f'<title>{module}</title>\n<a href="{target}">{module}</a>\n', encoding="utf-8")


class Links(html.parser.HTMLParser):
    """The addresses that a page names."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("href", "src")]


def external_links(node):
    """The destinations of plain links in a page that docc wrote."""
    if isinstance(node, dict):
        if node.get("type") == "link" and "destination" in node:
            yield node["destination"]
        elif node.get("type") == "link" and "url" in node:
            yield node["url"]
        for value in node.values():
            yield from external_links(value)
    elif isinstance(node, list):
        for value in node:
            yield from external_links(value)


def check(site, modules):
    """Checks that every address within this site is a file."""
    broken, count, named = [], 0, {}
    pages = [(page, address) for page in [site / "index.html", *(site / m / "index.html" for m in modules)]
             for address in Links(page).found]
    for module in modules:
        archive = site / module
        for shell in archive.rglob("documentation/**/index.html"):
            pages += [(shell, address) for address in Links(shell).found]
        for data in (archive / "data").rglob("*.json"):
            page = archive / data.relative_to(archive / "data").with_suffix("") / "index.html"
            links = set(external_links(json.loads(data.read_text(encoding="utf-8"))))
            pages += [(page, address) for address in links]
            if data == archive / "data" / "documentation" / f"{module.lower()}.json":
                named[module] = {address.replace("../", "") for address in links}
    for page, address in pages:
        if re.match(r"[a-z]+:", address) or address.startswith("#"):
            continue
        here = "/" + str(page.relative_to(site))
        path = urllib.parse.unquote(urllib.parse.urlsplit(urllib.parse.urljoin(here, address)).path)
        target = site / path.lstrip("/")
        count += 1
        if not (target / "index.html" if path.endswith("/") else target).is_file():
            broken.append(f"{here}: {address}")
    for module in modules:
        broken += [f"/{first_page(module)}: no link to {other}"
                   for other in modules if other != module and first_page(other) not in named[module]]
    if broken:
        sys.exit("docs: error: links lead nowhere:\n  " + "\n  ".join(sorted(set(broken))))
    print(f"{count} links lead to a page")


if __name__ == "__main__":
    command, place, *modules = sys.argv[1:] if len(sys.argv) > 3 else [None, None]
    if command == "catalog":
        copy_catalog(place, modules[0], modules[1:])
    elif command == "index":
        write_index(pathlib.Path(place), modules)
    elif command == "check":
        check(pathlib.Path(place), modules)
    else:
        sys.exit(__doc__)
