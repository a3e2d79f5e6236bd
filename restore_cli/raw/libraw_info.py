"""From what LibRaw makes of a file to what a RAW file says: all but DNG files it can follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import rawpy
from numpy.typing import NDArray

from restore_cli.raw.colorimetry import Matrix
from restore_cli.raw.dng_color import Calibration, CameraColour
from restore_cli.raw.dng_tags import Area
from restore_cli.raw.info import BAYER, Crop, Kind, RawInfo
from restore_cli.raw.levels import (
    Levels,
    check_black,
    choose_gains,
    choose_matrix,
    masked_black,
    usable_gains,
)
from restore_cli.raw.tags import RawTags

# LibRaw's flip (1 mirrors columns, 2 rows, 4 transposes, in that order) as EXIF orientation.
ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}


def libraw_info(
    raw: rawpy.RawPy, tags: RawTags, *, black: float | None, white: float | None, crop: Crop
) -> RawInfo:
    """What an unpacked file says.

    Args:
        raw: the file.
        tags: its own tags.
        black: replaces its black level.
        white: replaces its white level.
        crop: which area to develop, for Bayer mosaics; LibRaw decides for others.
    """
    notes = list[str]()
    area = Area(0, 0, raw.sizes.raw_height, raw.sizes.raw_width)
    kind, colours = _kind(raw, (0, 0))
    shown = visible(raw)
    if crop != "full" or kind != "bayer":
        area = shown
        kind, colours = _kind(raw, (area.top, area.left))
    gains, more = choose_gains(raw.camera_whitebalance, raw.daylight_whitebalance)
    notes += more
    to_camera = np.array(raw.rgb_xyz_matrix, np.float64)
    matrix, more = choose_matrix(np.array(raw.color_matrix, np.float64), to_camera)
    notes += more if kind not in ("monochrome", "other") else ()
    levels, more = _levels(raw, kind, area, white, black)
    notes += more
    other = raw.other

    def known(value: float) -> float | None:
        return float(value) if 0 < value < float("inf") else None

    return RawInfo(
        kind=kind,
        width=area.width,
        height=area.height,
        cfa=colours,
        levels=levels,
        camera_gains=gains,
        daylight_gains=usable_gains(raw.daylight_whitebalance),
        matrix=matrix,
        orientation=ORIENTATIONS.get(int(raw.sizes.flip), 1),
        iso=known(other.iso_speed),
        shutter=known(other.shutter_speed),
        aperture=known(other.aperture),
        focal_length=known(other.focal_length),
        tags=replace(tags, first=None, dng=None),
        notes=tuple(notes),
        area=area,
        colour=_colour(to_camera),
    )


def visible(raw: rawpy.RawPy) -> Area:
    """The area that LibRaw shows."""
    sizes = raw.sizes
    top, left = int(sizes.top_margin), int(sizes.left_margin)
    return Area(top, left, top + int(sizes.height), left + int(sizes.width))


def replaced(raw: rawpy.RawPy, levels: Levels) -> dict[str, Any]:
    """LibRaw's options for levels that are not the file's."""
    low = float(levels.tile.min())
    black = round(low + _mean(levels.rows) + _mean(levels.columns))
    options: dict[str, Any] = {
        "user_black": black,
        "user_sat": round(levels.white) - black,
    }
    if levels.tile.size > 1 and raw.raw_pattern is not None:
        above = [0] * 4
        tile = np.tile(levels.tile - low, (2, 2))
        for place, colour in enumerate(np.ravel(_cell(raw, visible(raw)))):
            above[int(colour)] = round(float(tile[place // 2, place % 2]))
        options["user_cblack"] = above
    return options


def _kind(raw: rawpy.RawPy, origin: tuple[int, int]) -> tuple[Kind, str]:
    """What the samples are, and for Bayer the colours of the cell at an origin."""
    if raw.raw_type != rawpy.RawType.Flat:
        return "linear" if raw.num_colors == 3 else "other", ""
    pattern = raw.raw_pattern
    if pattern is None or raw.num_colors == 1:
        return "monochrome", ""
    if pattern.shape == (6, 6):
        return "x-trans", ""
    sizes = raw.sizes
    names = raw.color_desc.decode("ascii", "replace")
    if pattern.shape != (2, 2) or raw.num_colors != 3 or names != "RGBG":
        return "other", ""
    rows, columns = min(8, sizes.height), min(8, sizes.width)
    cells = np.array(
        [[raw.raw_color(origin[0] + y, origin[1] + x) for x in range(columns)] for y in range(rows)]
    )
    if rows < 2 or columns < 2 or abs(sizes.pixel_aspect - 1) > 0.01:
        return "other", ""
    cell = cells[:2, :2]
    # The turned sensors of Fujifilm and mosaics of larger cells do not repeat after two.
    repeated = np.tile(cell, (4, 4))[:rows, :columns]
    colours = "".join(names[index] for index in cell.ravel())
    if not np.array_equal(cells, repeated) or colours not in BAYER:
        return "other", ""
    return "bayer", colours


def _levels(
    raw: rawpy.RawPy, kind: Kind, area: Area, white: float | None, black: float | None
) -> tuple[Levels, list[str]]:
    changed = white is not None or black is not None
    white = float(raw.white_level) if white is None else white
    per_colour = np.array(raw.black_level_per_channel, np.float64)
    if black is not None:
        return Levels(np.full((1, 1), black), white, replaced=True), []
    if kind == "linear":
        tile, notes = check_black(per_colour[:3].reshape(1, 1, 3), white)
        return Levels(tile, white, replaced=changed or bool(notes)), notes
    if kind != "bayer":
        return Levels(per_colour[:1].reshape(1, 1), white, replaced=changed), []
    tile, notes = check_black(per_colour[np.array(_cell(raw, area))], white)
    if not tile.any():
        shown = visible(raw)
        masked = masked_black(raw.raw_image, shown.top, shown.left, white)
        if masked is not None:
            notes.append(f"it has no black level: {masked:g} is used, that of its masked border")
            tile = np.full((1, 1), masked)
    return Levels(tile, white, replaced=changed or bool(notes)), notes


def _cell(raw: rawpy.RawPy, area: Area) -> list[list[int]]:
    """LibRaw's numbers of the colours of the 2x2 cell at an area's origin."""
    return [[raw.raw_color(area.top + y, area.left + x) for x in (0, 1)] for y in (0, 1)]


def _colour(to_camera: Matrix) -> CameraColour | None:
    """LibRaw's matrix under D65, for white balance by temperature."""
    matrix = to_camera[:3].astype(np.float64)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-9:
        return None
    only = Calibration(6500.0, 0.0, matrix, None, np.eye(3))
    return CameraColour((only,), np.ones(3), None, None)


def _mean(values: NDArray[np.float64] | None) -> float:
    return 0.0 if values is None else float(values.mean())
