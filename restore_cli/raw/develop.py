"""RAW files into pictures: the `pipeline`'s reader for `restore isp`.

Both engines share what decides colours: white balance, saturation, matrix, look and curve. They
differ in how three colours are made of one at each place, and in what becomes of noise.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from restore_cli.batch.reading import Loaded, Writable
from restore_cli.engine.restorer import Restored
from restore_cli.errors import RestoreError
from restore_cli.images.atomic import write_atomically
from restore_cli.images.metadata import bake, settle_exif
from restore_cli.images.picture import Picture, resolve_format
from restore_cli.images.srgb_profile import srgb_profile
from restore_cli.raw.bayer import Phase, grey_world, light_of, normalised, planes
from restore_cli.raw.file import Demosaic, RawFile, RawInfo, open_raw
from restore_cli.raw.levels import Gains
from restore_cli.raw.rendering import Look, Rendering, Rows

Engine = Literal["learned", "libraw"]
WhiteBalance = Literal["camera", "auto", "daylight"] | Gains


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How files are developed.

    Attributes:
        engine: "learned" for Bayer files (others go to LibRaw), or "libraw" for all.
        white_balance: whose multipliers, or the multipliers themselves.
        exposure: EV on top of all else.
        look: "standard": the file's baseline exposure and the tone curve; "none": colorimetric.
        linear: linear light instead of the sRGB curve, without look.
        bits: 8 or 16.
        auto_bright: make the brightest 1 % white.
        black: replaces the black level.
        white: replaces the white level.
        demosaic: LibRaw's method, for mosaics.
        strip_gps: leave the place out of EXIF.
    """

    engine: Engine = "learned"
    white_balance: WhiteBalance = "camera"
    exposure: float = 0.0
    look: Look = "standard"
    linear: bool = False
    bits: int = 8
    auto_bright: bool = False
    black: float | None = None
    white: float | None = None
    demosaic: Demosaic = "ahd"
    strip_gps: bool = False


@dataclass(frozen=True, slots=True)
class Developer:
    """Reads RAW files so that the pipeline develops them.

    Args:
        settings: how.
    """

    settings: Settings

    def count_pixels(self, path: Path) -> int:
        """Height times width."""
        with open_raw(path) as raw:
            return raw.pixels

    def read(self, path: Path) -> Loaded:
        """Read a file; what LibRaw is to develop is developed here.

        Raises:
            RestoreError: it cannot be read or developed.
        """
        settings = self.settings
        with open_raw(path, strip_gps=settings.strip_gps) as raw:
            info = raw.info(black=settings.black, white=settings.white)
            if settings.engine == "learned" and info.kind == "bayer":
                return self._learned(raw, info)
            if settings.engine == "learned":
                note = f"it is {info.why_not_bayer}: developed by LibRaw"
                info = replace(info, notes=(*info.notes, note))
            return self._by_libraw(raw, info)

    def _learned(self, raw: RawFile, info: RawInfo) -> Loaded:
        mosaic = raw.mosaic()
        gains, notes = self._gains(info, grey_world(mosaic, info) if self._automatic else None)
        phase = Phase.of(info.cfa)
        image = planes(normalised(mosaic, info, gains), phase)
        return self._loaded(
            replace(info, notes=info.notes + notes), image, "learned", gains, phase=phase
        )

    def _by_libraw(self, raw: RawFile, info: RawInfo) -> Loaded:
        estimate: Gains | None = None
        if self._automatic and info.kind == "bayer":
            estimate = grey_world(raw.mosaic(), info)
        if self._automatic and estimate is None and info.kind != "bayer":
            gains, notes, how = None, (), "auto"
        else:
            gains, notes = self._gains(info, estimate)
            how = gains
        pixels = raw.develop(info, how, self.settings.demosaic)
        if info.kind in ("other", "monochrome"):
            # LibRaw has applied its own matrix, or there is no colour to convert.
            info = replace(info, matrix=np.eye(3))
        light = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        image = torch.from_numpy(light)
        return self._loaded(
            replace(info, notes=info.notes + notes), image, "libraw", gains, phase=None
        )

    @property
    def _automatic(self) -> bool:
        return self.settings.white_balance == "auto"

    def _gains(self, info: RawInfo, estimate: Gains | None) -> tuple[Gains, tuple[str, ...]]:
        """The multipliers that the settings ask for, and notes where they cannot be had."""
        wanted = self.settings.white_balance
        if not isinstance(wanted, str):
            return wanted, ()
        if wanted == "auto" and estimate is not None:
            return estimate, ()
        if wanted == "daylight" and info.daylight_gains is not None:
            return info.daylight_gains, ()
        if wanted == "camera":
            return info.camera_gains, ()
        return info.camera_gains, (f"no {wanted} white balance can be told: the camera's is used",)

    def _loaded(
        self, info: RawInfo, image: Tensor, engine: Engine, gains: Gains | None, phase: Phase | None
    ) -> Loaded:
        sides = (info.height, info.width) if engine == "learned" else image.shape[1:]
        turned = info.orientation > 4
        return Loaded(
            image=image,
            height=int(sides[1] if turned else sides[0]),
            width=int(sides[0] if turned else sides[1]),
            finish=partial(self._finish, info, phase),
            notes=info.notes,
            restore=None if engine == "learned" else as_it_is,
            details={
                "engine": engine,
                "cfa": info.cfa or info.kind,
                "wb": None if gains is None else [round(gain, 6) for gain in gains],
                "iso": info.iso,
            },
        )

    def _finish(self, info: RawInfo, phase: Phase | None, image: Tensor) -> Picture:
        """Colours, look, curve, orientation and metadata."""
        settings = self.settings
        height, width = image.shape[1:] if phase is None else (info.height, info.width)
        baseline = info.tags.baseline_exposure if settings.look == "standard" else 0.0
        rendering = Rendering(
            matrix=info.matrix,
            exposure=settings.exposure + (0.0 if settings.linear else baseline),
            look=settings.look,
            linear=settings.linear,
            bits=settings.bits,
            auto_bright=settings.auto_bright,
        )
        rows: Rows = partial(_light, image) if phase is None else partial(light_of, image, phase)
        pixels = bake(rendering.render(rows, height, width), info.orientation)
        exif = info.tags.exif
        if exif is not None:
            exif = settle_exif(exif, pixels.shape[1], pixels.shape[0])
        return Picture(pixels, icc=srgb_profile(linear=settings.linear), exif=exif)


@dataclass(frozen=True, slots=True)
class Previews:
    """Reads the previews that RAW files hold, instead of developing them.

    Args:
        strip_gps: leave the place out of EXIF.
    """

    strip_gps: bool = False

    def count_pixels(self, path: Path) -> int:
        """Height times width of the RAW picture; its preview has no more."""
        with open_raw(path) as raw:
            return raw.pixels

    def read(self, path: Path) -> Loaded:
        """The embedded preview.

        Raises:
            RestoreError: the file cannot be read, or holds none.
        """
        with open_raw(path, strip_gps=self.strip_gps) as raw:
            preview, stored = raw.preview()
        whole: Writable = preview
        if stored is not None and not self.strip_gps:
            whole = _Stored(preview, stored)
        return Loaded(
            image=torch.empty(3, 0, 0),
            height=preview.height,
            width=preview.width,
            finish=lambda _: whole,
            restore=as_it_is,
            details={"engine": "preview"},
        )


@dataclass(frozen=True, slots=True)
class _Stored:
    """A preview that is upright as it is stored: as a JPEG file it is copied byte for byte."""

    picture: Picture
    data: bytes

    def write(self, path: Path, format: str | None = None) -> None:
        if resolve_format(path, format) == "jpg":
            write_atomically(path, self.data)
        else:
            self.picture.write(path, format)


def as_it_is(image: Tensor) -> Restored:
    """For pictures that are finished already."""
    return Restored(image, tile=None, device="cpu", precision="fp32")


def _light(image: Tensor, rows: slice) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Some rows of what LibRaw developed, (h, W, 3) with saturation at 1."""
    codes = image[:, rows].permute(1, 2, 0).numpy()
    return np.divide(codes, 65535, dtype=np.float32)


def check_levels(black: float | None, white: float | None) -> None:
    """Refuse levels that cannot be meant, before any file is read.

    Raises:
        RestoreError: a level is below 0, or black is not below white.
    """
    if black is not None and white is not None and black >= white:
        raise RestoreError(
            f"--black {black:g} is not below --white {white:g}",
            hint="black is the code of no light, white that of saturation",
        )
