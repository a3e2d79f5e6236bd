"""The report's shell: style, script and the rules that keep the page off the network."""

import base64
import hashlib
from html import escape
from importlib.resources import files
from string import Template

from restore_cli import __version__
from restore_cli.evaluation.report.pictures import heat_gradient

_PICTURES = "<!-- pictures -->"


def shell(*, title: str, lead: str, notice: str, sections: str) -> tuple[str, str]:
    """Write the page around the pictures.

    The browser is told to run no script but this one (by its hash) and to load nothing, so a
    picture's name that slipped through unescaped could do no harm.

    Args:
        title: plain text.
        lead: the sentence below it, plain text.
        notice: what a reader must not miss, plain text, or "".
        sections: HTML between the head and the pictures.

    Returns:
        What comes before the pictures, and what comes after.
    """
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    page = Template(_asset("report.html")).substitute(
        title=escape(title),
        lead=escape(lead),
        notice=f'<p class="notice" role="note">{escape(notice)}</p>\n' if notice else "",
        sections=f"{sections}\n",
        style=Template(_asset("report.css")).substitute(heat_gradient=heat_gradient()),
        script=script,
        script_hash=f"sha256-{digest}",
        version=escape(__version__),
    )
    # From the right: a name that holds the marker stands before it, and is escaped anyway.
    before, _, after = page.rpartition(_PICTURES)
    return before, after


def _asset(name: str) -> str:
    return files("restore_cli.evaluation.report").joinpath("assets", name).read_text("utf-8")
