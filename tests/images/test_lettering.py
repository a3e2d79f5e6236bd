"""Names are drawn with letters that there are, or told apart by escapes."""

import pytest

from restore_cli.images import lettering as module
from restore_cli.images.lettering import lettering


def test_plain_names_take_pillows_own_font() -> None:
    text, font = lettering("my photo (1).jpg", 20)
    assert text == "my photo (1).jpg"
    assert font.getbbox(text) == lettering("x", 20)[1].getbbox(text)


def test_letters_that_no_font_has_become_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_of_this_machine", lambda size: ())
    assert lettering("\u5c71 and \u5ddd.jpg", 20)[0] == "\\u5c71 and \\u5ddd.jpg"


def test_a_font_of_this_machine_is_taken_where_it_has_them_all() -> None:
    text = "\u5c71.jpg"
    letters, font = lettering(text, 20)
    if letters != text:
        pytest.skip("this machine has no font with Chinese letters")
    assert not module._lacking(text, font)


def test_what_is_no_text_stands_on_one_line() -> None:
    assert lettering("a\nb\udcff", 20)[0] == "a\\nb?"
