"""MkDocs hook: files of the repository that pages link to become part of the site.

Pages point at `../models/derain/contact-sheet.jpg` and the like, as the repository has them, so that
they read alike on a Git host. The site takes in just those files.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"(\]\()((?:\.\./)+[\w./-]+)(?=[)#])")
"""A link upwards; whether it leaves the folder of documents depends on the page."""


def _outside(page: str, link: str) -> str | None:
    """Where a page's link leads, from the repository on; None for another page."""
    target = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return None if target.startswith("docs/") else target


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take in what pages link to outside of their folder; missing files stay broken links."""
    root = Path(config.config_file_path).parent
    wanted = {
        target
        for page in files.documentation_pages()
        for _, link in LINK.findall(page.content_string)
        if (target := _outside(page.src_uri, link)) is not None and (root / target).is_file()
    }
    for target in sorted(wanted):
        # Pages of Markdown outside are shown as they are, not made part of the site.
        name = f"{target}.txt" if target.endswith(".md") else target
        files.append(File.generated(config, name, abs_src_path=str(root / target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links upwards at what was taken in."""
    del config
    folder = posixpath.dirname(page.file.src_uri)

    def inside(match: re.Match[str]) -> str:
        target = _outside(page.file.src_uri, match[2])
        if target is None:
            return match[0]
        name = f"{target}.txt" if target.endswith(".md") else target
        if files.get_file_from_path(name) is None:
            return match[0]
        return match[1] + posixpath.relpath(name, folder or ".")

    return LINK.sub(inside, markdown)
