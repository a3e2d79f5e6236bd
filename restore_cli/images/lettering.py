"""Letters to draw names with: Pillow's own font, one of the machine's, or escapes.

Pillow's own font has Latin letters only, and draws one and the same box for all others. A font for
all scripts is larger than all shipped models together; most machines have one.
"""

from __future__ import annotations

import contextlib
import functools
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFont

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

_OF_SYSTEMS = (
    "DejaVuSans.ttf",
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-zenhei.ttc",
    "msyh.ttc",
    "YuGothR.ttc",
    "malgun.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "Arial Unicode.ttf",
)
"""Names by which Pillow finds fonts that systems bring, those with few letters first."""
_NO_LETTER = "\uffff"  # Unicode gives this to nobody, so fonts draw their box for it
_ROOM = (64, 64)  # px, for one letter


def lettering(text: str, size: int) -> tuple[str, Font]:
    r"""A text as it can be drawn, and the font for it.

    Args:
        text: what is to be read; what is no text in it (bytes of a file's name) counts as "?".
        size: of the letters, in px.

    Returns:
        The text on one line, and a font that has all of its letters; where no font here has, it has
        escapes such as `\u5c71` for those that are missing, so that names stay apart.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = "".join(letter if letter.isprintable() else _escape(letter) for letter in text)
    own = ImageFont.load_default(size=size)
    if not (lacking := _lacking(text, own)):
        return text, own
    for font in _of_this_machine(size):
        if not _lacking(text, font):
            return text, font
    escaped = (_escape(letter) if letter in lacking else letter for letter in text)
    return "".join(escaped), own


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def _lacking(text: str, font: Font) -> set[str]:
    """The letters of a text that a font draws its box for."""
    return {letter for letter in set(text) if letter > "\x7f" and _is_lacking(letter, font)}


def _is_lacking(letter: str, font: Font) -> bool:
    return _drawn(letter, font) == _drawn(_NO_LETTER, font)


def _drawn(letter: str, font: Font) -> bytes:
    mask = Image.new("L", _ROOM)
    ImageDraw.Draw(mask).text((0, 0), letter, fill=255, font=font)
    return mask.tobytes()


@functools.cache
def _of_this_machine(size: int) -> tuple[Font, ...]:
    """The fonts of the system that Pillow finds; looked for once for each size."""
    fonts: list[Font] = []
    for name in _OF_SYSTEMS:
        with contextlib.suppress(OSError):
            fonts.append(ImageFont.truetype(name, size))
    return tuple(fonts)
