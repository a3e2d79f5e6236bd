"""The report's page: style, script and the rules that keep it off the network."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from restore_cli import __version__
from restore_cli.evaluation.report.pictures import heat_gradient
from restore_cli.evaluation.templating import render, source, stream


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page above the pictures.

    Attributes:
        title: plain text.
        words: the sentences below it, plain text.
        body: what `render` gave.
    """

    title: str
    words: str
    body: Markup


def page(
    *, title: str, lead: str, notice: str, sections: Sequence[Section], pictures: Iterable[str]
) -> Iterator[str]:
    """Write the page, piece by piece.

    The browser is told to run no script but this one (by its hash) and to load nothing, so a
    picture's name that slipped through unescaped could do no harm.

    Args:
        title: plain text.
        lead: the sentence below it, plain text.
        notice: what a reader must not miss, plain text, or "".
        sections: above the pictures.
        pictures: pieces of HTML, taken when their turn comes.
    """
    script = source("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return stream(
        "page.html",
        title=title,
        lead=lead,
        notice=notice,
        sections=sections,
        pictures=(Markup(part) for part in pictures),  # noqa: S704 - pieces of `render`
        # Of colours only, and of the package's own file.
        style=render("report.css", heat_gradient=Markup(heat_gradient())),  # noqa: S704
        script=Markup(script),  # noqa: S704 - the package's own file
        script_hash=f"sha256-{digest}",
        version=__version__,
    )
