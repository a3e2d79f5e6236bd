"""Camera RAW files through LibRaw: the mosaic, what its numbers mean, and the embedded preview."""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rawpy
from numpy.typing import NDArray
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images.decode import DAMAGE, MAX_PIXELS
from restore_cli.images.listing import Suffixes
from restore_cli.images.metadata import bake, settle_exif
from restore_cli.images.picture import Picture, naming_problems
from restore_cli.raw.colorimetry import Matrix
from restore_cli.raw.levels import (
    Gains,
    Levels,
    check_black,
    choose_gains,
    choose_matrix,
    masked_black,
    usable_gains,
)
from restore_cli.raw.problems import naming_raw_problems, no_raw
from restore_cli.raw.tags import RawTags, read_tags, tags_of

RAWS = Suffixes(
    frozenset(
        (
            *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq"),
            *(".k25", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf"),
            *(".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
        )
    )
)
"""The files of a folder that are worth developing, by their names."""

Kind = Literal["bayer", "x-trans", "monochrome", "linear", "other"]
Demosaic = Literal["linear", "vng", "ppg", "ahd", "dcb", "dht", "aahd"]
_KINDS: dict[Kind, str] = {
    "x-trans": "an X-Trans mosaic",
    "monochrome": "a monochrome picture",
    "linear": "already demosaiced (linear)",
    "other": "no ordinary Bayer mosaic",
}
# LibRaw's flip (1 mirrors columns, 2 rows, 4 transposes, in that order) as EXIF orientation.
_ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
_LEAST_BITS = 0.25
"""A file with fewer bits a pixel claims a size that it cannot hold."""


@dataclass(frozen=True, slots=True)
class RawInfo:
    """What a RAW file says.

    Attributes:
        kind: what its samples are; only "bayer" has a mosaic that `networks.isp` reads.
        width: of the visible area, before turning.
        height: likewise.
        cfa: colours of the 2x2 cell at the visible origin, row by row, such as "RGGB"; "" for
            other kinds.
        levels: black and white.
        camera_gains: white-balance multipliers for the light of the scene, green at 1.
        daylight_gains: those for daylight, or None where unknown.
        matrix: (3, 3) white-balanced camera values to linear sRGB, rows summing to 1.
        orientation: EXIF orientation, 1 to 8.
        iso: ISO number, or None.
        shutter: exposure time in seconds, or None.
        aperture: f-number, or None.
        focal_length: mm, or None.
        tags: what the file's own tags say.
        notes: what was ignored or replaced, for people.
    """

    kind: Kind
    width: int
    height: int
    cfa: str
    levels: Levels
    camera_gains: Gains
    daylight_gains: Gains | None
    matrix: Matrix
    orientation: int
    iso: float | None
    shutter: float | None
    aperture: float | None
    focal_length: float | None
    tags: RawTags = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def why_not_bayer(self) -> str:
        """For kinds that are no Bayer mosaic: what they are, in words."""
        return _KINDS[self.kind]


class RawFile:
    """An open RAW file; from `open_raw`."""

    def __init__(self, path: Path, raw: rawpy.RawPy, tags: RawTags) -> None:
        self.path, self._raw, self._tags = path, raw, tags
        self._unpacked = False

    def info(self, *, black: float | None = None, white: float | None = None) -> RawInfo:
        """What it says.

        Args:
            black: replaces its black level.
            white: replaces its white level.

        Raises:
            RestoreError: it is damaged, or the levels leave no range between them.
        """
        self._unpack()
        with naming_raw_problems(self.path):
            return self._info(black, white)

    def mosaic(self) -> NDArray[np.uint16]:
        """The visible mosaic's codes, (H, W), a copy. Only for kind "bayer"."""
        self._unpack()
        with naming_raw_problems(self.path):
            return np.array(self._raw.raw_image_visible)

    def develop(
        self, info: RawInfo, gains: Gains | Literal["auto"], demosaic: Demosaic
    ) -> NDArray[np.uint16]:
        """Let LibRaw demosaic and balance it, without any gain that depends on the picture.

        Args:
            info: what `info` returned; its levels are used.
            gains: white-balance multipliers, or "auto" for LibRaw's estimate.
            demosaic: the method, for mosaics.

        Returns:
            (H, W, 3) linear, saturation at 65535, as it lies in the file (not turned); in the
            camera's colours, or, where LibRaw knows no 3x3 matrix (kind "other"), in linear sRGB.

        Raises:
            RestoreError: it is damaged or LibRaw cannot develop it.
        """
        self._unpack()
        options = self._replaced(info.levels) if info.levels.replaced else {}
        with naming_raw_problems(self.path):
            pixels: NDArray[Any] = self._raw.postprocess(
                demosaic_algorithm=rawpy.DemosaicAlgorithm[demosaic.upper()],
                use_auto_wb=gains == "auto",
                user_wb=None if gains == "auto" else [*gains, gains[1]],
                output_color=(
                    rawpy.ColorSpace.sRGB if info.kind == "other" else rawpy.ColorSpace.raw
                ),
                output_bps=16,
                gamma=(1, 1),
                no_auto_bright=True,
                # Its default, 0.75, moves the white level with the picture's brightest values.
                adjust_maximum_thr=0.0,
                highlight_mode=rawpy.HighlightMode.Clip,
                user_flip=0,
                **options,
            )
        # A monochrome sensor gives one plane.
        return (
            pixels
            if pixels.shape[-1] == 3
            else np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, 2)
        )

    @property
    def pixels(self) -> int:
        """Height times width of the visible area."""
        return int(self._raw.sizes.height) * int(self._raw.sizes.width)

    def preview(self) -> tuple[Picture, bytes | None]:
        """The embedded preview, upright, and its JPEG file where that is upright as it is.

        Raises:
            RestoreError: there is none, or it is damaged.
        """
        data = self._preview_data()
        turn = _ORIENTATIONS.get(int(self._raw.sizes.flip), 1)
        if isinstance(data, bytes):
            try:
                with Image.open(io.BytesIO(data)) as image:
                    own = image.getexif().get(274, 1)
                    pixels = np.asarray(image.convert("RGB"))
            except DAMAGE as error:
                raise RestoreError(f"{self.path}: its preview is damaged: {error}") from error
            # Its own orientation tag counts; most previews have none and lie as the sensor does.
            turn = own if 2 <= own <= 8 else turn
        else:
            pixels = data if data.ndim == 3 else np.repeat(data[..., None], 3, axis=2)
        upright = bake(pixels, turn)
        exif = self._tags.exif
        if exif is not None:
            exif = settle_exif(exif, upright.shape[1], upright.shape[0])
        as_stored = data if isinstance(data, bytes) and turn == 1 else None
        return Picture(upright, exif=exif), as_stored

    def _preview_data(self) -> bytes | NDArray[np.uint8]:
        """The largest embedded preview: a JPEG file's bytes, or (H, W, 3) pixels."""
        try:
            thumb = self._raw.extract_thumb()
        except rawpy.LibRawError as error:
            raise RestoreError(
                f"{self.path}: it holds no preview that can be read",
                hint="develop it: leave --preview out",
            ) from error
        return thumb.data

    def _unpack(self) -> None:
        if not self._unpacked:
            with naming_raw_problems(self.path):
                self._raw.unpack()
            self._unpacked = True

    def _info(self, black: float | None, white: float | None) -> RawInfo:
        raw, sizes, notes = self._raw, self._raw.sizes, list[str]()
        kind, colours = self._kind()
        gains, more = choose_gains(raw.camera_whitebalance, raw.daylight_whitebalance)
        notes += more
        matrix, more = choose_matrix(
            np.array(raw.color_matrix, np.float64), np.array(raw.rgb_xyz_matrix, np.float64)
        )
        if kind not in ("monochrome", "other"):
            notes += more
        levels, more = self._levels(kind, white, black)
        notes += more
        if levels.white <= float(levels.tile.max()):
            raise RestoreError(
                f"{self.path}: the black level {levels.tile.max():g} is not below the white level "
                f"{levels.white:g}",
                hint="--black and --white replace them",
            )
        other = raw.other

        def known(value: float) -> float | None:
            return float(value) if 0 < value < float("inf") else None

        return RawInfo(
            kind=kind,
            width=int(sizes.width),
            height=int(sizes.height),
            cfa=colours,
            levels=levels,
            camera_gains=gains,
            daylight_gains=usable_gains(raw.daylight_whitebalance),
            matrix=matrix,
            orientation=_ORIENTATIONS.get(int(sizes.flip), 1),
            iso=known(other.iso_speed),
            shutter=known(other.shutter_speed),
            aperture=known(other.aperture),
            focal_length=known(other.focal_length),
            tags=self._tags,
            notes=tuple(notes),
        )

    def _kind(self) -> tuple[Kind, str]:
        """What the samples are, and for Bayer the colours of the cell at the visible origin."""
        raw = self._raw
        if raw.raw_type != rawpy.RawType.Flat:
            return "linear", ""
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
            [
                [raw.raw_color(sizes.top_margin + y, sizes.left_margin + x) for x in range(columns)]
                for y in range(rows)
            ]
        )
        if rows < 2 or columns < 2 or abs(sizes.pixel_aspect - 1) > 0.01:
            return "other", ""
        cell = cells[:2, :2]
        # The turned sensors of Fujifilm and mosaics of larger cells do not repeat after two.
        repeated = np.tile(cell, (4, 4))[:rows, :columns]
        colours = "".join(names[index] for index in cell.ravel())
        if not np.array_equal(cells, repeated) or colours not in ("RGGB", "BGGR", "GRBG", "GBRG"):
            return "other", ""
        return "bayer", colours

    def _levels(
        self, kind: Kind, white: float | None, black: float | None
    ) -> tuple[Levels, list[str]]:
        raw, sizes = self._raw, self._raw.sizes
        replaced = white is not None or black is not None
        white = float(raw.white_level) if white is None else white
        per_colour = np.array(raw.black_level_per_channel, np.float64)
        if black is not None:
            return Levels(np.full((1, 1), black), white, replaced=True), []
        if kind != "bayer":
            return Levels(per_colour[:1].reshape(1, 1), white, replaced=replaced), []
        rows = columns = None
        tile = per_colour[np.array(self._cell())]
        if (dng := self._tags.black) is not None:
            tile, rows, columns = dng.seen_from(
                sizes.top_margin, sizes.left_margin, sizes.height, sizes.width
            )
            replaced = replaced or rows is not None or columns is not None
        tile, notes = check_black(tile, white)
        if not tile.any() and rows is None and columns is None:
            masked = masked_black(raw.raw_image, sizes.top_margin, sizes.left_margin, white)
            if masked is not None:
                notes.append(
                    f"it has no black level: {masked:g} is used, that of its masked border"
                )
                tile = np.full((1, 1), masked)
        return Levels(tile, white, rows, columns, replaced or bool(notes)), notes

    def _cell(self) -> list[list[int]]:
        """LibRaw's numbers of the colours of the 2x2 cell at the visible origin."""
        top, left = self._raw.sizes.top_margin, self._raw.sizes.left_margin
        return [[self._raw.raw_color(top + y, left + x) for x in (0, 1)] for y in (0, 1)]

    def _replaced(self, levels: Levels) -> dict[str, Any]:
        """LibRaw's options for levels that are not the file's."""
        low = float(levels.tile.min())
        black = round(low + _mean(levels.rows) + _mean(levels.columns))
        options: dict[str, Any] = {"user_black": black, "user_sat": round(levels.white) - black}
        if levels.tile.size > 1 and self._raw.raw_pattern is not None:
            above = [0] * 4
            tile = np.tile(levels.tile - low, (2, 2))
            for place, colour in enumerate(np.ravel(self._cell())):
                above[int(colour)] = round(float(tile[place // 2, place % 2]))
            options["user_cblack"] = above
        return options


@contextmanager
def open_raw(path: Path, *, strip_gps: bool = False) -> Generator[RawFile]:
    """Open a RAW file; pixels are read only when asked for.

    Args:
        path: the file.
        strip_gps: leave the place out of its EXIF block.

    Raises:
        RestoreError: it cannot be read, is no RAW file, is of an unsupported kind or damaged; names
            the file and the cure.
    """
    with naming_problems(path):
        tags = read_tags(path, strip_gps=strip_gps)
        with path.open("rb") as file:
            start = file.read(64)
        size = path.stat().st_size
    if not start:
        raise RestoreError(f"{path}: the file is empty", hint="copy it from the camera again")
    raw = rawpy.RawPy()
    try:
        with naming_raw_problems(path, lambda: no_raw(path, start)):
            raw.open_file(str(path))
        sizes = raw.sizes
        pixels = sizes.raw_height * sizes.raw_width
        if not 0 < pixels <= min(MAX_PIXELS, size * 8 / _LEAST_BITS):
            raise RestoreError(
                f"{path}: it claims more pixels than it can hold, "
                f"{sizes.raw_width}x{sizes.raw_height}",
                hint="the file is damaged: copy it from the camera again",
            )
        if tags.cut_off:
            raise RestoreError(f"{path}: the file ends early", hint="copy it from the camera again")
        if not tags.exif:
            tags = _from_preview(raw, tags, strip_gps=strip_gps)
        yield RawFile(path, raw, tags)
    finally:
        raw.close()


def _from_preview(raw: rawpy.RawPy, tags: RawTags, *, strip_gps: bool) -> RawTags:
    """EXIF of the embedded preview, for files that are no TIFF files themselves (CR3, RAF)."""
    with suppress(rawpy.LibRawError, ValueError, *DAMAGE):
        data = raw.extract_thumb().data
        if isinstance(data, bytes):
            with Image.open(io.BytesIO(data)) as image:
                block = image.info.get("exif", b"").removeprefix(b"Exif\0\0")
            return replace(tags_of(block, strip_gps=strip_gps), cut_off=tags.cut_off)
    return tags


def _mean(values: NDArray[np.float64] | None) -> float:
    return 0.0 if values is None else float(values.mean())
