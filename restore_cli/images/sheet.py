"""Labelled pictures side by side on one sheet, to be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

GAP = 8
"""px between pictures, and around them."""

_INK, _PAPER, _FAINT = (32, 32, 32), (255, 255, 255), (110, 110, 110)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture with words under it.

    Attributes:
        pixels: (H, W, 3) uint8.
        label: one line; cut where it is too long.
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
    font = ImageFont.load_default(size=text)
    line = text + GAP
    width = max(sum(one.pixels.shape[1] + GAP for one in row) + GAP for _, row in rows)
    width = max(width, 240)
    heights = [
        (line if title else 0) + max(one.pixels.shape[0] for one in row) + line + GAP
        for title, row in rows
    ]
    sheet = Image.new("RGB", (width, sum(heights) + GAP), _PAPER)
    pen = ImageDraw.Draw(sheet)
    top = GAP
    for (title, row), height in zip(rows, heights, strict=True):
        below = top
        if title:
            pen.text((GAP, top), _cut(title, font, width - 2 * GAP), fill=_INK, font=font)
            below += line
        left = GAP
        tallest = max(one.pixels.shape[0] for one in row)
        for one in row:
            sheet.paste(Image.fromarray(one.pixels), (left, below))
            room = max(one.pixels.shape[1], 120)
            label = _cut(one.label, font, room)
            pen.text((left, below + tallest + GAP // 2), label, fill=_FAINT, font=font)
            left += one.pixels.shape[1] + GAP
        top += height
    return np.asarray(sheet)


def _cut(text: str, font: Any, width: int) -> str:  # noqa: ANN401 - a font of either kind
    """The text, shortened at its end to a width in px."""
    # What a file name holds that is no text has no letters either.
    text = text.encode("utf-8", "replace").decode("utf-8")
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
