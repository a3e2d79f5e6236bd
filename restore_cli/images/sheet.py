"""Labelled pictures side by side on one sheet, to be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from restore_cli.images.lettering import Font, lettering

GAP = 8
"""px between pictures, and around them."""

_LEAST = 8
"""Widths of a letter that each picture has for its label, however narrow it is."""
_LINES = 3
"""Of a label, at most."""
_INK, _PAPER, _FAINT = (32, 32, 32), (255, 255, 255), (110, 110, 110)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture with words under it.

    Attributes:
        pixels: (H, W, 3) uint8.
        label: wrapped below the picture; cut where it is too long.
    """

    pixels: NDArray[np.uint8]
    label: str


def reduced(srgb: NDArray[np.floating[Any]], width: int, height: int) -> NDArray[np.uint8]:
    """A picture made to fit; small ones keep their size.

    Args:
        srgb: (H, W, 3) in [0, 1].
        width: px at most.
        height: px at most.

    Returns:
        (h, w, 3) uint8.
    """
    factor = min(1.0, width / srgb.shape[1], height / srgb.shape[0])
    size = max(1, round(srgb.shape[1] * factor)), max(1, round(srgb.shape[0] * factor))
    small = srgb if factor == 1.0 else cv2.resize(srgb, size, interpolation=cv2.INTER_AREA)
    return (np.clip(small, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def drawn(rows: Sequence[tuple[str, Sequence[Labelled]]]) -> NDArray[np.uint8]:
    """Draw rows of pictures on white, each row with a title and each picture with its label.

    Args:
        rows: title ("" for none) and pictures of each; at least one picture in all.

    Returns:
        (H, W, 3) uint8.
    """
    text = max(14, min(28, max(one.pixels.shape[0] for _, row in rows for one in row) // 24))
    line = text + GAP
    # Pictures may be narrower than any words about them.
    cells = [[max(one.pixels.shape[1], _LEAST * text) for one in row] for _, row in rows]
    labels = [
        [_wrapped(one.label, text, wide) for one, wide in zip(row, widths, strict=True)]
        for (_, row), widths in zip(rows, cells, strict=True)
    ]
    width = max(sum(wide + GAP for wide in widths) + GAP for widths in cells)
    heights = [
        (line if title else 0)
        + max(one.pixels.shape[0] for one in row)
        + line * max(map(len, below))
        + GAP
        for (title, row), below in zip(rows, labels, strict=True)
    ]
    sheet = Image.new("RGB", (width, sum(heights) + GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    top = GAP
    for (title, row), widths, below, height in zip(rows, cells, labels, heights, strict=True):
        upper = top
        if title:
            letters, font = lettering(title, text)
            pen.text((GAP, top), _cut(letters, font, width - 2 * GAP), fill=_INK, font=font)
            upper += line
        left, lower = GAP, upper + max(one.pixels.shape[0] for one in row) + GAP // 2
        for one, wide, words in zip(row, widths, below, strict=True):
            sheet.paste(Image.fromarray(one.pixels), (left, upper))
            for number, part in enumerate(words):
                letters, font = part
                pen.text((left, lower + number * line), letters, fill=_FAINT, font=font)
            left += wide + GAP
        top += height
    return np.asarray(sheet)


def _wrapped(text: str, size: int, width: int) -> list[tuple[str, Font]]:
    """The text in lines of a width in px, broken between words; the last is cut where it must."""
    text, font = lettering(text, size)
    lines, words = [""], text.split(" ")
    for at, word in enumerate(words):
        longer = f"{lines[-1]} {word}".strip()
        if len(lines) == _LINES:
            rest = " ".join([lines[-1], *words[at:]])
            return [*((one, font) for one in lines[:-1]), (_cut(rest.strip(), font, width), font)]
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [(_cut(one, font, width), font) for one in lines]


def _cut(text: str, font: Font, width: int) -> str:
    """The text, shortened at its end to a width in px."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."
