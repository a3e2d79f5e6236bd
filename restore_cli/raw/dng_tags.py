"""What a DNG file says of its raw image: kind, levels, areas, opcodes.

Source: Adobe, Digital Negative Specification 1.7.1. Colour is in `dng_color`, profiles' looks in
`profile_look`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from restore_cli.raw.fields import Fields

CFA, LINEAR = 32803, 34892
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _FORMAT = (
    *(256, 257, 258, 259, 262),
    *(277, 339),
)
_CFA_DIM, _CFA, _PLANE_COLOUR, _LAYOUT, _TABLE = 33421, 33422, 50710, 50711, 50712
_BLACK_DIM, _BLACK, _BLACK_H, _BLACK_V, _WHITE = 50713, 50714, 50715, 50716, 50717
_SCALE, _CROP_ORIGIN, _CROP_SIZE, _ACTIVE, _MASKED = 50718, 50719, 50720, 50829, 50830
_OPCODES, _NOISE, _USER_CROP = (51008, 51009, 51022), 51041, 51125
_LAYOUTS = {
    2: "staggered: even columns half a row down",
    3: "staggered: even columns half a row up",
    4: "staggered: even rows half a column right",
    5: "staggered: even rows half a column left",
    6: "staggered: even rows half a row up, even columns half a column left",
    7: "staggered: even rows half a row up, even columns half a column right",
    8: "staggered: even rows half a row down, even columns half a column left",
    9: "staggered: even rows half a row down, even columns half a column right",
}


class Area(NamedTuple):
    """Rows `top` to `bottom` and columns `left` to `right`, the ends not included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    def within(self, other: Area) -> Area:
        """What of it lies in another one."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Area(top, left, max(top, bottom), max(left, right))

    def seen_from(self, other: Area) -> Area:
        """It in rows and columns of another one."""
        return Area(
            self.top - other.top,
            self.left - other.left,
            self.bottom - other.top,
            self.right - other.left,
        )


@dataclass(frozen=True, slots=True)
class DngLevels:
    """A DNG file's black and white.

    Attributes:
        tile: (r, c, samples) black, repeated from the active area's origin; None where not told.
        rows: (H,) added to the black of each row of that area, or None.
        columns: (W,) added to that of each column, or None.
        white: (samples,).
    """

    tile: NDArray[np.float64] | None
    rows: NDArray[np.float64] | None
    columns: NDArray[np.float64] | None
    white: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dng:
    """A DNG file's raw image.

    Attributes:
        page: its directory.
        height: of the whole sensor.
        width: likewise.
        samples: values at each place. Of a mosaic's several the first one counts.
        bits: of a sample.
        is_float: samples are floating point.
        compression: TIFF's number.
        pattern: colours of the repeated cell at the active area's origin, rows of letters; () for
            images that are no mosaic.
        layout: why its places cannot be read, in words; "" for a rectangular mosaic.
        active: the area that light reaches.
        masked: areas that it does not reach.
        crop: the default crop with the user's, in rows and columns of the active area.
        scale: vertical and horizontal scale of the finished picture.
        levels: black and white.
        table: LinearizationTable, or None.
        opcodes: lists 1, 2 and 3.
        noise: (1 or colours, 2) NoiseProfile: shot and read variance of light in [0, 1], or None.
        notes: what does not fit together, for people.
    """

    page: Fields = field(repr=False)
    height: int
    width: int
    samples: int
    bits: int
    is_float: bool
    compression: int
    pattern: tuple[str, ...]
    layout: str
    active: Area
    masked: tuple[Area, ...]
    crop: Area
    scale: tuple[float, float]
    levels: DngLevels
    table: NDArray[np.uint16] | None = field(repr=False)
    opcodes: tuple[bytes, bytes, bytes] = field(repr=False)
    noise: NDArray[np.float64] | None
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> Area:
        """The whole sensor."""
        return Area(0, 0, self.height, self.width)


def read_dng(page: Fields, first: Fields, *, kinds: tuple[int, ...] = (CFA, LINEAR)) -> Dng | None:
    """What a raw image's directory says; None where it holds no image that can be described.

    Args:
        page: the raw image's directory.
        first: the file's first, where some writers put what belongs to the raw image.
        kinds: PhotometricInterpretation of the images that count.
    """
    height, width = page.integer(_HEIGHT, 0), page.integer(_WIDTH, 0)
    samples = page.integer(_SAMPLES, 1)
    photometric = page.integer(_PHOTOMETRIC, 0)
    if min(height, width) < 1 or not 1 <= samples <= 4 or photometric not in kinds:
        return None
    notes: list[str] = []
    whole = Area(0, 0, height, width)
    active = _active(page, whole, notes)
    if photometric == CFA and samples > 1:
        notes.append(f"it has {samples} samples at each place: the first is taken")
    is_float = page.integer(_FORMAT, 1) == 3
    bits = max(page.integers(_BITS) or (16,))
    table = page.reals(_TABLE)
    linearises = 1 < len(table) <= 65536 and not is_float
    full = 1.0 if is_float else 2.0 ** min(bits, 32) - 1
    if linearises and _WHITE not in page and table.max() > full:
        full = float(table.max())
        notes.append(f"it has no white level: its table's largest value, {full:g}, is taken")
    layout = page.integer(_LAYOUT, 1)
    noise = page.reals(_NOISE) if _NOISE in page else first.reals(_NOISE)
    usable = len(noise) in (2, 2 * max(samples, 3)) and bool((noise >= 0).all())
    lists = [page.bytes(tag) or first.bytes(tag) or b"" for tag in _OPCODES]
    mask = page.integers(_MASKED)
    return Dng(
        page=page,
        height=height,
        width=width,
        samples=samples,
        bits=bits,
        is_float=is_float,
        compression=page.integer(_COMPRESSION, 1),
        pattern=_pattern(page) if photometric == CFA else (),
        layout=f"CFALayout {layout} ({_LAYOUTS.get(layout, 'unknown')})" if layout > 1 else "",
        active=active,
        masked=tuple(
            Area(*mask[i : i + 4]).within(whole) for i in range(0, min(len(mask), 64) - 3, 4)
        ),
        crop=_crop(page, first, active, notes),
        scale=_scale(page),
        levels=_levels(page, samples, full, active, notes),
        table=np.clip(table, 0, 65535).astype(np.uint16) if linearises else None,
        opcodes=(lists[0], lists[1], lists[2]),
        noise=noise.reshape(-1, 2) if usable else None,
        notes=tuple(notes),
    )


def _active(page: Fields, whole: Area, notes: list[str]) -> Area:
    told = page.integers(_ACTIVE)
    if not told:
        return whole
    area = Area(*told[:4]) if len(told) == 4 else whole
    kept = area.within(whole)
    if min(kept.height, kept.width) < 1:
        notes.append("its active area is empty: all of the sensor is taken")
        return whole
    if kept != area:
        notes.append("its active area reaches beyond the sensor: what lies on it is taken")
    return kept


def _pattern(page: Fields) -> tuple[str, ...]:
    """Rows of letters: R, G and B are the first, second and third colour plane; others "?".

    Matrices and neutrals have the planes' order, which CFAPlaneColor tells.
    """
    shape, cells = page.integers(_CFA_DIM) or (2, 2), page.integers(_CFA)
    told = page.integers(_PLANE_COLOUR)
    planes = told if sorted(told) == [0, 1, 2] else (0, 1, 2)
    if len(shape) != 2 or not 1 <= shape[0] * shape[1] <= 256 or len(cells) != shape[0] * shape[1]:
        return ("?",)
    letters = "".join("RGB"[planes.index(cell)] if cell in planes else "?" for cell in cells)
    return tuple(letters[row * shape[1] : (row + 1) * shape[1]] for row in range(shape[0]))


def _crop(page: Fields, first: Fields, active: Area, notes: list[str]) -> Area:
    """DefaultCrop and DefaultUserCrop, to whole pixels."""
    inside = Area(0, 0, active.height, active.width)
    origin, size = page.reals(_CROP_ORIGIN, 2), page.reals(_CROP_SIZE, 2)
    area = inside
    if len(size):
        left, top = (origin if len(origin) else np.zeros(2)) + 0.5
        width, height = size + 0.5
        limit = 2**31
        if max(abs(left), abs(top), width, height) < limit:
            area = Area(int(top), int(left), int(top) + int(height), int(left) + int(width))
    user = page.reals(_USER_CROP, 4) if _USER_CROP in page else first.reals(_USER_CROP, 4)
    if len(user):
        top, left, bottom, right = np.clip(user, 0, 1)
        area = Area(
            round(area.top + top * area.height),
            round(area.left + left * area.width),
            round(area.top + bottom * area.height),
            round(area.left + right * area.width),
        )
    kept = area.within(inside)
    if min(kept.height, kept.width) < 1:
        notes.append("its default crop is empty: the active area is taken")
        return inside
    if kept != area:
        notes.append("its default crop reaches beyond the active area: what lies in it is taken")
    return kept


def _scale(page: Fields) -> tuple[float, float]:
    scale = page.reals(_SCALE, 2)
    if not len(scale) or not (scale.min() >= 0.25 and scale.max() <= 4):
        return 1.0, 1.0
    return float(scale[1]), float(scale[0])


def _levels(page: Fields, samples: int, full: float, active: Area, notes: list[str]) -> DngLevels:
    tile, shape = page.reals(_BLACK), page.integers(_BLACK_DIM) or (1, 1)
    black: NDArray[np.float64] | None = None
    if len(shape) == 2 and tile.size and tile.size == shape[0] * shape[1] * samples:
        black = tile.reshape(shape[0], shape[1], samples)
    elif tile.size:
        black = np.full((1, 1, samples), float(tile[0]))
        notes.append("its black level does not fit its pattern: the first value is taken")
    rows, columns = page.reals(_BLACK_V), page.reals(_BLACK_H)
    for values, length in ((rows, active.height), (columns, active.width)):
        if len(values) not in (0, length):
            notes.append("its black level's deltas do not fit its size: left out")
    told = page.reals(_WHITE)
    white = np.full(samples, full)
    if len(told):
        white = np.resize(told, samples) if len(told) in (1, samples) else white
    return DngLevels(
        black,
        rows if len(rows) == active.height else None,
        columns if len(columns) == active.width else None,
        white,
    )
