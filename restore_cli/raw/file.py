"""Camera RAW files: what they say, their samples, and their preview.

LibRaw decodes. What DNG files say is read from their own tags, and followed here to the letter
(`dng_tags`, `dng_color`, `opcodes`); what LibRaw cannot give as it is stands in `pixels`.
"""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import rawpy
from numpy.typing import NDArray
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images.chatter import reading
from restore_cli.images.decode import DAMAGE
from restore_cli.images.picture import Picture
from restore_cli.images.regular import naming_problems, open_regular, size_of
from restore_cli.images.room import MAX_PIXELS, admit
from restore_cli.raw.demosaic import AS_IT_IS, Demosaic
from restore_cli.raw.dng_info import check_layout, dng_info, dng_levels, kind_of
from restore_cli.raw.dng_tags import Dng
from restore_cli.raw.info import Crop, RawInfo
from restore_cli.raw.levels import Gains
from restore_cli.raw.libraw_info import libraw_info, replaced, visible
from restore_cli.raw.pixels import check_compression, linearised, read_here, read_samples
from restore_cli.raw.previews import preview
from restore_cli.raw.problems import naming_raw_problems, no_raw
from restore_cli.raw.tags import RawTags, mapped, tags_of, tags_or_none

_LEAST_X_TRANS = 512
"""LibRaw's own method for X-Trans takes smaller pictures for damaged ones."""
_LEAST_BITS = 0.25
"""A file with fewer bits a pixel claims a size that it cannot hold."""


class RawFile:
    """An open RAW file; from `open_raw`."""

    def __init__(self, path: Path, raw: rawpy.RawPy | None, tags: RawTags) -> None:
        self.path, self._raw, self.tags = path, raw, tags
        self._unpacked = False
        self._frame: NDArray[Any] | None = None

    @property
    def dng(self) -> Dng | None:
        """What its DNG tags say, where they are followed here."""
        dng = self.tags.dng
        if dng is None:
            return None
        followed = kind_of(dng)[0] in ("bayer", "linear", "monochrome")
        if self._raw is None or (followed and self.frame().shape[:2] == (dng.height, dng.width)):
            return dng
        return None

    def info(
        self, *, black: float | None = None, white: float | None = None, crop: Crop = "default"
    ) -> RawInfo:
        """What it says.

        Args:
            black: replaces its black level.
            white: replaces its white level.
            crop: which area to develop.

        Raises:
            RestoreError: it is damaged, or the levels leave no range between them.
        """
        dng = self.dng
        with naming_raw_problems(self.path):
            if dng is not None:
                info = dng_info(
                    self.tags, dng, self.frame(), self.path, black=black, white=white, crop=crop
                )
            else:
                raw = self._open()
                info = libraw_info(raw, self.tags, black=black, white=white, crop=crop)
                info = self._with_own_levels(info, black=black, white=white)
        levels = info.levels
        if levels.lowest_range() <= 0:
            raise RestoreError(
                f"{self.path}: the black level {levels.tile.max():g} is not below the white level "
                f"{levels.white:g}",
                hint="--black and --white replace them",
            )
        return info

    def frame(self) -> NDArray[Any]:
        """The whole sensor's samples, (H, W) or (H, W, 3), linear codes; not to be changed."""
        if self._frame is None:
            dng = self.tags.dng
            if dng is not None and self._raw is None:
                samples = read_samples(dng, self.path)
                if dng.pattern and samples.ndim == 3:
                    samples = samples[..., 0]
                self._frame = linearised(samples, dng.table)
            else:
                raw = self._open()
                with naming_raw_problems(self.path):
                    image = cast("NDArray[Any] | None", raw.raw_image)
                    if image is None:
                        raise ValueError("it has no samples")
                    self._frame = image[..., :3] if image.ndim == 3 else image
        return self._frame

    def mosaic(self, info: RawInfo | None = None) -> NDArray[Any]:
        """The codes of the area that `info` names, (H, W) or (H, W, 3), a copy."""
        area = (info or self.info()).area
        frame = self.frame()
        if area is None:
            return np.array(frame)
        return np.array(frame[area.top : area.bottom, area.left : area.right])

    def develop(
        self,
        info: RawInfo,
        gains: Gains | Literal["auto"],
        demosaic: Demosaic,
        *,
        half: bool = False,
        light: NDArray[np.float32] | None = None,
    ) -> NDArray[np.uint16]:
        """Let LibRaw demosaic and balance it, without any gain that depends on the picture.

        Args:
            info: what `info` returned; its levels are used.
            gains: white-balance multipliers, or "auto" for LibRaw's estimate.
            demosaic: the method, for mosaics.
            half: half the size, fast.
            light: (H, W) of the area that LibRaw shows, saturation at 1, in place of its codes.

        Returns:
            (H, W, 3) linear, saturation at 65535, as it lies in the file (not turned); in the
            camera's colours, or, where LibRaw knows no 3x3 matrix (kind "other"), in linear sRGB.

        Raises:
            RestoreError: it is damaged or LibRaw cannot develop it.
        """
        raw = self._open()
        if info.kind == "x-trans" and min(info.height, info.width) < _LEAST_X_TRANS:
            demosaic = "linear"
        options = replaced(raw, info.levels) if info.levels.replaced else {}
        with naming_raw_problems(self.path), self._settled(light) as settled:
            options = options if settled is None else settled
            pixels: NDArray[Any] = raw.postprocess(
                demosaic_algorithm=rawpy.DemosaicAlgorithm[demosaic.upper()],
                half_size=half,
                use_auto_wb=gains == "auto",
                user_wb=None if gains == "auto" else [*gains, gains[1]],
                output_color=(
                    rawpy.ColorSpace.sRGB if info.kind == "other" else rawpy.ColorSpace.raw
                ),
                **AS_IT_IS,
                **options,
            )
        # A monochrome sensor gives one plane.
        return (
            pixels
            if pixels.shape[-1] == 3
            else np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, 2)
        )

    def _with_own_levels(
        self, info: RawInfo, *, black: float | None, white: float | None
    ) -> RawInfo:
        """For DNG mosaics that LibRaw develops: the levels that their tags tell.

        LibRaw has one distance from black to white for all of a black level's pattern, and takes
        deltas of rows and columns for their mean.
        """
        dng, frame = self.tags.dng, self.frame()
        if dng is None:
            return info
        check_layout(dng, self.path)
        mosaic = info.kind in ("x-trans", "other") and frame.shape == (dng.height, dng.width)
        if not mosaic or info.area != dng.active:
            return info
        levels, notes = dng_levels(dng, frame, dng.active, black=black, white=white)
        return replace(info, levels=levels, notes=(*info.notes, *notes), settles=True)

    @contextmanager
    def _settled(self, light: NDArray[np.float32] | None) -> Generator[dict[str, Any] | None]:
        """Within it LibRaw's samples are light, and the options say so; None: they are codes."""
        if light is None:
            yield None
            return
        samples: NDArray[Any] = self._open().raw_image_visible
        codes = samples.copy()
        samples[...] = np.clip(light * 65535 + 0.5, 0, 65535)
        yield {"user_black": 0, "user_cblack": [0] * 4, "user_sat": 65535}
        samples[...] = codes  # not after an error: LibRaw has given up their memory

    @property
    def pixels(self) -> int:
        """Height times width of the sensor, or of what LibRaw shows of it."""
        if self._raw is None:
            dng = self.tags.dng
            return 0 if dng is None else dng.height * dng.width
        area = visible(self._raw)
        return area.height * area.width

    def preview(self) -> tuple[Picture, bytes | None]:
        """The best embedded preview, upright, and its JPEG file where that is upright as it is.

        Raises:
            RestoreError: there is none, or it is damaged.
        """
        if self._raw is not None:
            return preview(self._raw, self.tags, self.path)
        # Its samples are not LibRaw's to read, its preview may be.
        raw = rawpy.RawPy()
        try:
            with suppress(rawpy.LibRawError):
                raw.open_file(str(self.path))
                return preview(raw, self.tags, self.path)
            return preview(None, self.tags, self.path)
        finally:
            raw.close()

    def _open(self) -> rawpy.RawPy:
        """LibRaw with its samples read."""
        if self._raw is None:
            raise RestoreError(f"{self.path}: LibRaw does not read its kind of samples")
        if not self._unpacked:
            with naming_raw_problems(self.path):
                self._raw.unpack()
            self._unpacked = True
        return self._raw


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
    with naming_problems(path), open_regular(path) as file:
        start, size = file.read(64), size_of(file)
    if not start:
        raise RestoreError(f"{path}: the file is empty", hint="copy it from the camera again")
    raw: rawpy.RawPy | None = None
    with naming_problems(path), mapped(path) as data, reading(path):
        tags = tags_or_none(data, strip_gps=strip_gps)
        try:
            if tags.nothing:
                raise RestoreError(f"{path}: its mosaic has no pixels: there is nothing in it")
            if tags.dng is not None:
                _check_size(path, size, tags.dng.height, tags.dng.width)
                check_compression(tags.dng, path)
            if tags.dng is None or not read_here(tags.dng):
                raw = rawpy.RawPy()
                with naming_raw_problems(path, lambda: no_raw(path, start)):
                    raw.open_file(str(path))
                _check_size(path, size, raw.sizes.raw_height, raw.sizes.raw_width)
            if tags.cut_off:
                raise RestoreError(
                    f"{path}: the file ends early", hint="copy it from the camera again"
                )
            if not tags.exif and raw is not None:
                tags = _from_preview(raw, tags, strip_gps=strip_gps)
            yield RawFile(path, raw, tags)
        finally:
            if raw is not None:
                raw.close()


def _check_size(path: Path, size: int, height: int, width: int) -> None:
    """Refuse a picture that a file of `size` bytes cannot hold, before memory is asked for."""
    if not 0 < height * width <= min(MAX_PIXELS, size * 8 / _LEAST_BITS):
        raise RestoreError(
            f"{path}: it claims more pixels than it can hold, {height}x{width}",
            hint="the file is damaged: copy it from the camera again",
        )
    # Sample, mosaic, three planes of floats, and LibRaw's own.
    admit(path, 40 * height * width, doing=f"developing its {width} x {height} pixels")


def _from_preview(raw: rawpy.RawPy, tags: RawTags, *, strip_gps: bool) -> RawTags:
    """EXIF of the embedded preview, for files that are no TIFF files themselves (CR3, RAF)."""
    with suppress(rawpy.LibRawError, ValueError, *DAMAGE):
        data = raw.extract_thumb().data
        if isinstance(data, bytes):
            with Image.open(io.BytesIO(data)) as image:
                block = image.info.get("exif", b"").removeprefix(b"Exif\0\0")
            found = tags_of(block, strip_gps=strip_gps)
            return replace(found, cut_off=tags.cut_off, dng=tags.dng, colour=tags.colour)
    return tags
