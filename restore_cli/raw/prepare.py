"""From a RAW file's codes to light: what is done before demosaicing, in DNG's order.

Opcode list 1, levels, opcode list 2, defects; then a quad Bayer mosaic is joined to a Bayer one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from restore_cli.errors import RestoreError
from restore_cli.raw import hot_pixels, noise, opcodes
from restore_cli.raw.dng_tags import Area, Dng
from restore_cli.raw.file import RawFile
from restore_cli.raw.info import RawInfo
from restore_cli.raw.pixels import delinearised, relinearised

LensCorrections = Literal["auto", "off"]
HotPixels = Literal["auto", "off"]
_CODES = 65535.0
_AGAIN = "copy it from the camera again; if that changes nothing, its writer has made it so"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Light, ready for demosaicing.

    Attributes:
        light: (H, W) mosaic or (H, W, 3) picture, black at 0, saturation at 1, not white-balanced.
        info: what it is now: a joined quad mosaic is half as large.
        after: opcode list 3, for the demosaiced picture; its places are the active area's.
        active: the active area, in rows and columns of `light`.
        noise: of a mosaic; None for other kinds.
        hot_pixels: how many defects were mended; None where none were looked for.
        corrections: opcodes that were applied.
    """

    light: NDArray[np.float32]
    info: RawInfo
    after: tuple[opcodes.Opcode, ...] = ()
    active: Area | None = None
    noise: noise.NoiseModel | None = None
    hot_pixels: int | None = None
    corrections: tuple[str, ...] = ()


def prepare(
    raw: RawFile,
    info: RawInfo,
    *,
    lens_corrections: LensCorrections = "auto",
    mend: HotPixels = "auto",
    proof: bool = False,
) -> Prepared:
    """Read a file's light.

    Args:
        raw: the open file, of kind "bayer", "linear" or "monochrome", or one whose `info.settles`.
        info: what it says.
        lens_corrections: "off" leaves out what the lens did to the picture.
        mend: look for hot, dead and stuck pixels.
        proof: in a hurry: neither noise nor such pixels are looked for.

    Raises:
        RestoreError: it is damaged, or asks for a correction that is not known here.
    """
    dng, lens = raw.tags.dng if info.settles else raw.dng, lens_corrections == "auto"
    area = info.area or Area(0, 0, info.height, info.width)
    frame: NDArray[Any] = raw.frame()
    step = {"bayer": 4 if info.quad else 2, "x-trans": 6, "other": 4}.get(info.kind, 1)
    before, middle, after = ((), (), ()) if dng is None else _lists(dng, raw)
    notes, names = list(info.notes), list[str]()
    if before:
        scale = 1.0 if frame.dtype.kind == "f" else _CODES
        table = None if dng is None or frame.dtype.kind == "f" else dng.table
        # The list is for codes as they are stored; LibRaw gives them through the table.
        codes = frame.astype(np.float32) if table is None else delinearised(frame, table)
        done = _apply(raw, before, codes, lens, step, scale)
        if table is not None:
            done = replace(done, image=relinearised(done.image, table))
        frame, notes, names = done.image, [*notes, *done.notes], [*names, *done.names]
        trim = done.area.within(area).seen_from(area)
        info = _cropped(info, trim)
    light = info.levels.light(frame[area.top : area.bottom, area.left : area.right])
    if (lost := light.size - int(np.isfinite(light).sum())) > 0:
        np.nan_to_num(light, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
        notes.append(f"{lost} of its samples are no numbers: taken as black, infinity as white")
    active = (area if dng is None else dng.active).seen_from(area)
    if middle:
        inside = light[active.top : active.bottom, active.left : active.right]
        done = _apply(raw, middle, inside, lens, step, 1.0)
        inside[...] = done.image
        notes, names = [*notes, *done.notes], [*names, *done.names]
        info = _cropped(info, _moved(done.area, active))
    prepared = Prepared(
        light, replace(info, notes=tuple(notes)), after, active, corrections=tuple(names)
    )
    if info.kind != "bayer":
        return prepared
    if info.quad:
        prepared = _joined(prepared)
    return prepared if proof else _with_noise(prepared, None if dng is None else dng.noise, mend)


def after_demosaicing(
    prepared: Prepared, picture: NDArray[np.float32], raw_path: object, lens: bool, *, half: bool
) -> opcodes.Applied:
    """Apply opcode list 3 to a demosaiced picture.

    Args:
        prepared: from `prepare`.
        picture: (H, W, 3) light of the same area, not white-balanced.
        raw_path: names the file in errors.
        lens: also correct what the lens did.
        half: the picture has half the size; corrections that name places are left out.

    Raises:
        RestoreError: a correction is damaged or not known here, and required.
    """
    active = prepared.active or Area(0, 0, *picture.shape[:2])
    if half:
        active = Area(*(value // 2 for value in active)).within(Area(0, 0, *picture.shape[:2]))
    chosen = [o for o in prepared.after if not half or o.number in opcodes.LENS]
    inside = picture[active.top : active.bottom, active.left : active.right]
    try:
        done = opcodes.apply(chosen, inside, lens=lens)
    except ValueError as error:
        raise _refused(raw_path, error) from error
    whole = picture.copy()
    whole[active.top : active.bottom, active.left : active.right] = done.image
    return replace(done, image=whole, area=_moved(done.area, active))


def left_out(raw: RawFile) -> tuple[str, ...]:
    """Notes on a DNG file's opcodes, where LibRaw does all and none of them is applied.

    Raises:
        RestoreError: one is required and not known here, or a list is damaged.
    """
    dng = raw.tags.dng
    asked = [o for each in (() if dng is None else _lists(dng, raw)) for o in each]
    for opcode in asked:
        if opcode.number not in opcodes.NAMES and not opcode.optional:
            raise _refused(raw.path, opcodes.RequiredOpcodeError(opcodes.unknown(opcode)))
    names = ", ".join(sorted({opcode.name for opcode in asked}))
    return (f"its corrections ({names}) were left out: LibRaw develops it",) if asked else ()


def _lists(dng: Dng, raw: RawFile) -> tuple[tuple[opcodes.Opcode, ...], ...]:
    try:
        return tuple(tuple(opcodes.parse(data)) for data in dng.opcodes)
    except ValueError as error:
        raise RestoreError(f"{raw.path}: {error}", hint=_AGAIN) from error


def _apply(
    raw: RawFile,
    chosen: tuple[opcodes.Opcode, ...],
    image: NDArray[np.float32],
    lens: bool,
    step: int,
    scale: float,
) -> opcodes.Applied:
    try:
        return opcodes.apply(chosen, image, lens=lens, cfa_step=step, scale=scale)
    except ValueError as error:
        raise _refused(raw.path, error) from error


def _refused(path: object, error: ValueError) -> RestoreError:
    hint = _AGAIN
    if isinstance(error, opcodes.RequiredOpcodeError):
        hint = "a newer release may know it"
    elif isinstance(error, opcodes.LensOpcodeError):
        hint = "--lens-corrections off leaves it out"
    return RestoreError(f"{path}: {error}", hint=hint)


def _moved(area: Area, to: Area) -> Area:
    return Area(area.top + to.top, area.left + to.left, area.bottom + to.top, area.right + to.left)


def _cropped(info: RawInfo, area: Area) -> RawInfo:
    """What is left of the crop inside an area of the light."""
    crop = info.crop or Area(0, 0, info.height, info.width)
    left = crop.within(area)
    return replace(info, crop=left) if min(left.height, left.width) > 0 else info


def _joined(prepared: Prepared) -> Prepared:
    """A quad Bayer mosaic with the four samples of each group joined to their mean."""
    info, light = prepared.info, prepared.light
    area = info.area or Area(0, 0, info.height, info.width)
    active = prepared.active or area
    # Groups begin at the active area's origin.
    top, left = active.top % 2, active.left % 2
    height, width = (
        (size - first) // 2 for size, first in ((info.height, top), (info.width, left))
    )
    groups = light[top : top + 2 * height, left : left + 2 * width]
    joined = groups.reshape(height, 2, width, 2).mean(axis=(1, 3), dtype=np.float32)
    crop = info.crop or Area(0, 0, info.height, info.width)
    small = Area(crop.top // 2, crop.left // 2, crop.bottom // 2, crop.right // 2)
    inside = Area(0, 0, height, width)
    note = "its quad Bayer mosaic was joined to a Bayer mosaic of half the size"
    info = replace(
        info,
        height=height,
        width=width,
        crop=small.within(inside),
        area=None,
        quad=False,
        notes=(*info.notes, note),
    )
    halved = Area(*(value // 2 for value in active)).within(inside)
    return replace(prepared, light=joined, info=info, active=halved)


def _with_noise(
    prepared: Prepared, profile: NDArray[np.float64] | None, mend: HotPixels
) -> Prepared:
    cfa, light = prepared.info.cfa, prepared.light
    model = noise.from_profile(profile) if profile is not None else noise.estimate(light, cfa)
    if mend == "off":
        return replace(prepared, noise=model)
    mended, count = hot_pixels.mend(light, cfa, model)
    return replace(prepared, light=mended, noise=model, hot_pixels=count)
