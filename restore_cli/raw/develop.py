"""RAW files into pictures: the `pipeline`'s reader for `restore isp`.

Both engines share what decides colours: white balance, saturation, matrix, look and curve. They
differ in how three colours are made of one at each place, and in what becomes of noise.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.batch.reading import Loaded
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.images.metadata import bake
from restore_cli.images.picture import Picture
from restore_cli.images.srgb_profile import srgb_profile
from restore_cli.raw import noise
from restore_cli.raw.bayer import Phase, balanced, grey_picture, grey_world, planes
from restore_cli.raw.demosaic import demosaic
from restore_cli.raw.dng_tags import Area
from restore_cli.raw.file import RawFile, open_raw
from restore_cli.raw.highlights import reconstruct, reconstruct_mosaic
from restore_cli.raw.info import RawInfo
from restore_cli.raw.levels import Gains
from restore_cli.raw.metadata import Kept, keep
from restore_cli.raw.picture_light import PictureLight
from restore_cli.raw.prepare import Prepared, left_out, prepare
from restore_cli.raw.profile_look import ProfileLook, read_look
from restore_cli.raw.proof import binned, halved
from restore_cli.raw.rendering import Look, Rendering
from restore_cli.raw.settings import Engine, Settings, Temperature
from restore_cli.raw.temperature import D50, white_of

_LEAST_SIGMA = 1.5
"""Of 255: a weaker estimate is not told."""


@dataclass(frozen=True, slots=True)
class _Developed:
    """What stands between reading and finishing a file."""

    info: RawInfo
    image: NDArray[Any]
    light: PictureLight
    gains: Gains | None
    kept: Kept
    look: ProfileLook | None
    engine: Engine
    details: dict[str, object]
    restore: Callable[[Pixels], Restored[Pixels]] | None


@dataclass(frozen=True, slots=True)
class Developer:
    """Reads RAW files so that the pipeline develops them.

    Args:
        settings: how.
        restorer: the network, told a noise level (0..255 scale) or None; needed for the learned
            engine to denoise by what a file says. Without it the pipeline's own is used.
    """

    settings: Settings
    restorer: Callable[..., Restored[Pixels]] | None = None

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
            info = raw.info(black=settings.black, white=settings.white, crop=settings.crop)
            if info.kind != "bayer" and settings.engine == "learned":
                info = _noted(info, f"it is {info.why_not_bayer}: developed by LibRaw")
            if info.kind != "bayer" and raw.dng is None:
                return self._loaded(self._by_libraw(raw, info))
            prepared = prepare(
                raw,
                info,
                lens_corrections=settings.lens_corrections,
                mend=settings.hot_pixels,
                proof=settings.proof,
            )
            return self._loaded(self._from_light(raw, prepared))

    def _from_light(self, raw: RawFile, prepared: Prepared) -> _Developed:
        """A file whose light was prepared here."""
        settings = self.settings
        light, kind, cfa = prepared.light, prepared.info.kind, prepared.info.cfa
        if settings.proof:
            light = binned(light, cfa)
        mosaic = light.ndim == 2 and kind == "bayer"
        estimate: Gains | None = None
        if settings.white_balance == "auto" and kind != "monochrome":
            estimate = grey_world(light, cfa) if mosaic else grey_picture(light)
        gains, notes = self._gains(prepared.info, estimate)
        if kind == "monochrome":
            gains = (1.0, 1.0, 1.0)
        info = _noted(prepared.info, *notes)
        applied = _least_at_1(gains)
        model = prepared.noise
        seen = light if mosaic and model is not None and settings.engine == "learned" else None
        sigma, told = self._sigma(seen, info.cfa, model, applied)
        headroom, phase = 1.0, None
        if mosaic:
            if settings.highlights == "reconstruct":
                light = reconstruct_mosaic(light, cfa, applied)
                headroom = max(1.0, float(light.max()))
                light /= np.float32(headroom)
            else:
                light = balanced(light, cfa, applied)
            if settings.engine == "learned":
                phase = Phase.of(cfa)
                image = planes(light, phase).numpy()
            else:
                codes = demosaic(light, cfa, settings.demosaic)
                image = np.ascontiguousarray(codes.transpose(2, 0, 1))
        else:
            light = np.repeat(light[..., None], 3, 2) if light.ndim == 2 else light
            if settings.highlights == "reconstruct":
                light = reconstruct(light, applied)
                headroom = max(1.0, float(light.max()))
                light = light / np.float32(headroom)
            else:
                light = np.minimum(light * np.array(applied, np.float32), 1)
            image = np.ascontiguousarray(light.transpose(2, 0, 1))
        details: dict[str, object] = {"hot_pixels": prepared.hot_pixels, "noise": told}
        details |= self._corrections(prepared)
        return _Developed(
            info=info,
            image=image,
            light=self._picture_light(
                raw, info, prepared, applied, headroom, phase, light.shape[:2]
            ),
            gains=gains,
            kept=keep(raw.path, raw.tags, strip_gps=settings.strip_gps),
            look=self._look(raw, info, gains),
            engine="learned" if phase is not None else "libraw",
            details=details,
            restore=None if phase is None else self._restore(sigma),
        )

    def _corrections(self, prepared: Prepared) -> dict[str, object]:
        """The opcodes that are applied, for JSON."""
        if not prepared.corrections and not prepared.after:
            return {}
        every = self.settings.lens_corrections == "auto"
        later = [o.name for o in prepared.after if every or not o.is_lens]
        return {"corrections": [*prepared.corrections, *later]}

    def _picture_light(
        self,
        raw: RawFile,
        info: RawInfo,
        prepared: Prepared | None,
        gains: Gains,
        headroom: float,
        phase: Phase | None,
        size: tuple[int, ...],
    ) -> PictureLight:
        crop = info.crop or Area(0, 0, info.height, info.width)
        if self.settings.proof and prepared is not None:
            crop = halved(crop, size)
        return PictureLight(
            path=raw.path,
            prepared=prepared,
            gains=gains,
            headroom=headroom,
            phase=phase,
            crop=crop,
            scale=info.scale,
            half=self.settings.proof,
            lens=self.settings.lens_corrections == "auto",
        )

    def _sigma(
        self,
        light: NDArray[np.float32] | None,
        cfa: str,
        model: noise.NoiseModel | None,
        gains: Gains,
    ) -> tuple[float | None, dict[str, object] | None]:
        """The noise level to tell the network, and what to say of it."""
        wanted = self.settings.denoise
        if light is None or model is None:
            return None, None
        if wanted == "off":
            return 0.0, {"source": "off", "sigma": 0.0}
        if not isinstance(wanted, str):
            return float(wanted), {"source": "told", "sigma": float(wanted)}
        sigma = min(noise.level(light, cfa, model, gains), 255.0)
        # Too little to be measured: the network looks for itself.
        known = model.source == "profile" or sigma >= _LEAST_SIGMA
        return (sigma if known else None), {
            "source": model.source,
            "sigma": round(sigma, 3),
            "shot": [float(f"{v:.4g}") for v in model.shot],
            "read": [float(f"{v:.4g}") for v in model.read],
        }

    def _restore(self, sigma: float | None) -> Callable[[Pixels], Restored[Pixels]] | None:
        return None if self.restorer is None else partial(self.restorer, level=sigma)

    def _by_libraw(self, raw: RawFile, info: RawInfo) -> _Developed:
        """A file that only LibRaw can follow."""
        settings = self.settings
        if settings.white_balance == "auto":
            gains, notes = None, ()
        else:
            gains, notes = self._gains(info, None)
        prepared = None
        if info.settles:
            prepared = prepare(raw, info, lens_corrections=settings.lens_corrections, mend="off")
            info = prepared.info
        else:
            notes = (*notes, *left_out(raw))
        light = None if prepared is None else prepared.light
        balance = gains or "auto"
        pixels = raw.develop(info, balance, settings.demosaic, half=settings.proof, light=light)
        if info.kind in ("other", "monochrome"):
            # LibRaw has applied its own matrix, or there is no colour to convert.
            info = replace(info, matrix=np.eye(3), follows_dng=False)
        if prepared is None:
            info = replace(info, crop=Area(0, 0, *pixels.shape[:2]))
        # Where LibRaw has mixed colours, or chosen the balance, nothing of it can be taken back.
        applied = (1.0, 1.0, 1.0)
        if gains is not None and info.kind != "other":
            applied = _least_at_1(gains)
        return _Developed(
            info=_noted(info, *notes),
            image=np.ascontiguousarray(pixels.transpose(2, 0, 1)),
            light=self._picture_light(raw, info, prepared, applied, 1.0, None, pixels.shape[:2]),
            gains=gains,
            kept=keep(raw.path, raw.tags, strip_gps=settings.strip_gps),
            look=None,
            engine="libraw",
            details={} if prepared is None else self._corrections(prepared),
            restore=None,
        )

    def _look(self, raw: RawFile, info: RawInfo, gains: Gains) -> ProfileLook | None:
        """The file's own look, where it is asked for."""
        first, dng = raw.tags.first, raw.dng
        if self.settings.look != "profile" or first is None:
            return None
        white = D50 if info.colour is None else info.colour.white_of(1 / np.array(gains))
        return read_look(first, None if dng is None else dng.page, white)

    def _gains(self, info: RawInfo, estimate: Gains | None) -> tuple[Gains, tuple[str, ...]]:
        """The multipliers that the settings ask for, and notes where they cannot be had."""
        wanted = self.settings.white_balance
        if isinstance(wanted, Temperature):
            found = info.gains_under(white_of(wanted.kelvin, wanted.tint))
            if found is not None:
                return found, ()
            note = f"{wanted.kelvin:g} K needs a colour matrix, and it has none"
            return info.camera_gains, (f"{note}: the camera's white balance is used",)
        if not isinstance(wanted, str):
            return wanted, ()
        if wanted == "auto" and estimate is not None:
            return estimate, ()
        if wanted == "daylight" and info.daylight_gains is not None:
            return info.daylight_gains, ()
        if wanted == "camera":
            return info.camera_gains, ()
        return info.camera_gains, (f"no {wanted} white balance can be told: the camera's is used",)

    def _loaded(self, made: _Developed) -> Loaded:
        info, settings = made.info, self.settings
        height, width = made.light.size
        turned = info.orientation > 4
        notes = [*info.notes, *made.kept.notes]
        if settings.look == "profile" and made.look is None:
            notes.append("it has no profile look: developed with --look standard")
        return Loaded(
            image=made.image,
            height=width if turned else height,
            width=height if turned else width,
            finish=partial(
                self._finish, replace(made, image=np.empty((3, 0, 0), np.float32), restore=None)
            ),
            notes=tuple(notes),
            restore=made.restore if made.engine == "learned" else as_it_is,
            details={
                "engine": made.engine,
                "cfa": info.cfa or info.kind,
                "wb": None if made.gains is None else [round(gain, 6) for gain in made.gains],
                "iso": info.iso,
                **made.details,
            },
        )

    def _finish(self, made: _Developed, image: Pixels) -> Picture:
        """Colours, look, curve, orientation and metadata."""
        settings, info = self.settings, made.info
        rows, _, notes = made.light.rows(image)
        height, width = made.light.size
        look: Look = settings.look
        if look == "profile" and made.look is None:
            look = "standard"
        baseline = info.tags.baseline_exposure if look != "none" else 0.0
        mono = info.kind == "monochrome"
        rendering = Rendering(
            matrix=np.eye(3) if mono or made.gains is None else info.matrix_for(made.gains),
            exposure=settings.exposure + (0.0 if settings.linear else baseline),
            look=look,
            linear=settings.linear,
            bits=settings.bits,
            auto_bright=settings.auto_bright,
            headroom=made.light.headroom,
            profile=made.look,
        )
        pixels: NDArray[Any] = bake(rendering.render(rows, height, width), info.orientation)
        kept = made.kept.settled(pixels.shape[1], pixels.shape[0])
        return Picture(
            pixels,
            icc=srgb_profile(linear=settings.linear),
            exif=kept.exif,
            xmp=kept.xmp,
            iptc=kept.iptc,
            notes=notes,
        )


def _noted(info: RawInfo, *notes: str) -> RawInfo:
    return replace(info, notes=(*info.notes, *notes)) if notes else info


def _least_at_1(gains: Gains) -> Gains:
    red, green, blue = (gain / min(gains) for gain in gains)
    return red, green, blue


def as_it_is(image: Pixels, *, by: str = "libraw") -> Restored[Pixels]:
    """For pictures that are finished already; `by` says who made them."""
    return Restored(image, tile=None, device="cpu", precision="fp32", backend=by)
