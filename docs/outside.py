"""MkDocs hook: files of the repository that pages link to become part of the site.

Pages point at `../models/derain/contact-sheet.jpg` and the like, as the repository has them, so
that they read alike on a Git host. The site takes in just those files, and CONTRIBUTING.md as a
page.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"(\]\()((?:\.\./)+[\w./-]+)(?=[)#])")
"""A link upwards; whether it leaves the folder of documents depends on the page."""
PAGE = "contributing.md"


def _outside(page: str, link: str) -> str | None:
    """Where a page's link leads, from the repository on; None for another page."""
    target = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return None if target.startswith("docs/") else target


def _name(target: str) -> str:
    """What a file outside is called in the site. Other Markdown is no page but a text."""
    if target == "CONTRIBUTING.md":
        return PAGE
    return f"{target}.txt" if target.endswith(".md") else target


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take in what pages link to outside of their folder; missing files stay broken links."""
    root = Path(config.config_file_path).parent
    wanted = {
        target
        for page in files.documentation_pages()
        for _, link in LINK.findall(page.content_string)
        if (target := _outside(page.src_uri, link)) is not None and (root / target).is_file()
    }
    contributing = (root / "CONTRIBUTING.md").read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, PAGE, content=contributing))
    for target in sorted(wanted):
        if _name(target) != PAGE:
            files.append(File.generated(config, _name(target), abs_src_path=str(root / target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links upwards at what was taken in."""
    del config
    folder = posixpath.dirname(page.file.src_uri)

    def inside(match: re.Match[str]) -> str:
        target = _outside(page.file.src_uri, match[2])
        if target is None:
            return match[0]
        if files.get_file_from_path(_name(target)) is None:
            return match[0]
        return match[1] + posixpath.relpath(_name(target), folder or ".")

    return LINK.sub(inside, markdown)
