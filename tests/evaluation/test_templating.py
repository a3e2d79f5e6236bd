"""Templates escape what they are given, and miss nothing in silence."""

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from restore_cli.evaluation.templating import render, source, stream

HOSTILE = "<script>\"'&"


def test_what_is_put_in_is_escaped_and_what_was_rendered_is_not() -> None:
    lines = [{"metric": HOSTILE, "place": 1, "label": HOSTILE, "mean": "1", "interval": "",
              "places": "1"}]  # fmt: skip
    table = render("ranking.html", lines=lines)
    assert "<script" not in table
    assert table.count("&lt;script&gt;&#34;&#39;&amp;") == 2
    assert table.__html__() == table, "it goes into another template as it is"


def test_what_a_template_asks_for_must_be_there() -> None:
    with pytest.raises(UndefinedError, match="lines"):
        render("ranking.html")
    with pytest.raises(TemplateNotFound, match=r"gone\.html"):
        render("gone.html")


def test_a_stream_takes_its_parts_one_by_one() -> None:
    taken: list[int] = []

    def cards() -> object:
        for index in range(3):
            taken.append(index)
            yield f"card {index}"

    pieces = stream("gallery.html", words="", orders=[], cards=cards())
    while not taken:
        next(pieces)
    assert taken == [0]
    assert "card 2" in "".join(pieces)


def test_files_come_as_they_are() -> None:
    assert source("report.js").startswith("//")
