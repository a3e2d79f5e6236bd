"""From a DNG file's tags to what a RAW file says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.errors import RestoreError
from restore_cli.raw.colorimetry import Matrix
from restore_cli.raw.dng_color import CameraColour
from restore_cli.raw.dng_tags import Area, Dng
from restore_cli.raw.info import BAYER, Crop, Kind, RawInfo, gains_under
from restore_cli.raw.levels import Gains, Levels, check_black, choose_gains, masked_black
from restore_cli.raw.tags import RawTags
from restore_cli.raw.temperature import D65


def kind_of(dng: Dng) -> tuple[Kind, str, bool]:
    """What the samples are; for Bayer the 2x2 cell at the active area, and whether it is a quad."""
    if not dng.pattern:
        return (
            ("linear" if dng.samples == 3 else "monochrome" if dng.samples == 1 else "other"),
            "",
            False,
        )
    rows = dng.pattern
    if "?" in "".join(rows):
        return "other", "", False
    size = (len(rows), len(rows[0]))
    if size == (6, 6):
        return "x-trans", "", False
    if size == (4, 4):
        small = tuple(row[::2] for row in rows[::2])
        if all(rows[y][x] == small[y // 2][x // 2] for y in range(4) for x in range(4)):
            cell = "".join(small)
            return ("bayer", cell, True) if cell in BAYER else ("other", "", False)
        rows = rows[:2] if rows[:2] == rows[2:] else rows
        rows = tuple(row[:2] for row in rows if row[:2] == row[2:])
    cell = "".join(rows)
    return ("bayer", cell, False) if cell in BAYER and len(rows) == 2 else ("other", "", False)


def dng_info(
    tags: RawTags,
    dng: Dng,
    frame: NDArray[Any],
    path: Path,
    *,
    black: float | None,
    white: float | None,
    crop: Crop,
) -> RawInfo:
    """What a DNG file says.

    Args:
        tags: of the file.
        dng: of its raw image; Bayer, linear or monochrome.
        frame: the whole sensor's samples.
        path: named in errors.
        black: replaces its black level.
        white: replaces its white level.
        crop: which area to develop.

    Raises:
        RestoreError: its places cannot be read (CFALayout).
    """
    check_layout(dng, path)
    kind, cell, quad = kind_of(dng)
    area = dng.whole if crop == "full" else dng.active
    inside = Area(0, 0, area.height, area.width)
    kept = dng.crop if crop == "default" else inside
    shift = (dng.active.top - area.top, dng.active.left - area.left)
    levels, of_levels = dng_levels(dng, frame, area, black=black, white=white)
    gains, daylight, matrix, of_colours = _colours(tags.colour, tags.neutral)
    notes = [*dng.notes, *of_levels, *(of_colours if kind != "monochrome" else ())]
    if cell:
        cell = _rolled(cell, shift, 2 if quad else 1)
    return RawInfo(
        kind=kind,
        width=area.width,
        height=area.height,
        cfa=cell,
        levels=levels,
        camera_gains=gains,
        daylight_gains=daylight,
        matrix=matrix,
        orientation=tags.orientation,
        iso=tags.iso,
        shutter=tags.shutter,
        aperture=tags.aperture,
        focal_length=tags.focal_length,
        tags=replace(tags, first=None, dng=None),
        notes=tuple(notes),
        area=area,
        crop=kept,
        scale=dng.scale,
        colour=tags.colour,
        follows_dng=tags.colour is not None,
        quad=quad,
    )


def check_layout(dng: Dng, path: Path) -> None:
    """Raises RestoreError: its samples lie on no grid of rows and columns."""
    if dng.layout:
        raise RestoreError(
            f"{path}: {dng.layout} is not supported",
            hint="a converter that demosaics it to a linear DNG file can help",
        )


def _rolled(cell: str, shift: tuple[int, int], side: int) -> str:
    """A 2x2 cell as it lies at an origin `shift` before its own, with colours `side` wide."""
    y, x = (-(s // side) % 2 for s in shift)
    return "".join(
        cell[2 * ((row + y) % 2) + (column + x) % 2] for row in (0, 1) for column in (0, 1)
    )


def _colours(
    colour: CameraColour | None, neutral: Matrix | None
) -> tuple[Gains, Gains | None, Matrix, list[str]]:
    """Camera's and daylight's multipliers, the matrix, and notes."""
    if colour is None:
        gains, notes = choose_gains(() if neutral is None else (1 / neutral).tolist(), ())
        return (
            gains,
            None,
            np.eye(3),
            [*notes, "it has no colour matrix: camera colours are taken for sRGB"],
        )
    shot = colour.as_shot()
    daylight = gains_under(colour, D65)
    camera = () if shot is None else tuple(1 / shot)
    gains, notes = choose_gains(camera, daylight or ())
    notes += colour.notes
    try:
        return gains, daylight, colour.to_srgb(1 / np.array(gains)), notes
    except ValueError:
        notes.append("its colour matrices make no sense: camera colours are taken for sRGB")
        return gains, daylight, np.eye(3), notes


def dng_levels(
    dng: Dng, frame: NDArray[Any], area: Area, *, black: float | None, white: float | None
) -> tuple[Levels, list[str]]:
    """The levels of an area, and notes.

    Args:
        dng: what the file says.
        frame: the whole sensor's samples, (H, W) or (H, W, samples).
        area: of the sensor, with the active one in it.
        black: replaces its black level.
        white: replaces its white level.
    """
    told, notes = dng.levels, list[str]()
    count = frame.shape[2] if frame.ndim == 3 else 1
    shift = (dng.active.top - area.top, dng.active.left - area.left)
    whites = told.white[:count] if white is None else np.full(count, float(white))
    if not np.isfinite(whites).all() or (whites <= 0).any():
        whites = np.full(count, 1.0 if dng.is_float else 65535.0)
        notes.append(f"its white level makes no sense: taken as {whites[0]:g}")
    top = float(whites.min())
    each = whites if count > 1 and np.ptp(whites) > 0 else None
    if black is not None:
        return Levels(np.full((1, 1), float(black)), top, replaced=True, whites=each), notes
    tile = told.tile if told.tile is not None else np.zeros((1, 1, count))
    tile = tile[..., 0] if count == 1 else tile
    tile, more = check_black(tile, top, least=-top)
    notes += more
    tile = np.roll(tile, shift, axis=(0, 1))
    rows, columns = (
        None if values is None else _padded(values, before, length)
        for values, before, length in (
            (told.rows, shift[0], area.height),
            (told.columns, shift[1], area.width),
        )
    )
    if not tile.any() and rows is None and columns is None and count == 1:
        masked = _masked(dng, frame, top)
        if masked is not None:
            notes.append(f"it has no black level: {masked:g} is used, that of its masked border")
            tile = np.full((1, 1), masked)
    return Levels(tile, top, rows, columns, replaced=bool(notes), whites=each), notes


def _padded(values: NDArray[np.float64], before: int, length: int) -> NDArray[np.float64]:
    """Deltas of the active area in a larger one, 0 outside of it."""
    out = np.zeros(length)
    out[before : before + len(values)] = values
    return out


def _masked(dng: Dng, frame: NDArray[Any], white: float) -> float | None:
    """The black level as masked areas say, or else the border of the active area."""
    if dng.levels.tile is None:
        values = [frame[a.top : a.bottom, a.left : a.right].ravel() for a in dng.masked]
        values = [v for v in values if len(v) >= 16]
        if values:
            level = float(np.median(np.concatenate(values)))
            if 0 < level < 0.9 * white:
                return level
    return masked_black(frame, dng.active.top, dng.active.left, white)
