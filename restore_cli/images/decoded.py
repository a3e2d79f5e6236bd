"""What a decoder found in a file, made upright and true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore_cli.images import xmp as packets
from restore_cli.images.exif import has_thumbnail, resolution_of_exif, usable
from restore_cli.images.metadata import Metadata, bake, orientation, settle_exif
from restore_cli.images.primaries import of_exif, refuse_hdr_profile

CMYK_NOTE = "CMYK was converted to sRGB"
LAB_NOTE = "L*a*b* was converted to sRGB"
NAN_NOTE = "values that are no numbers (NaN) were taken for black"
HIGHLIGHTS_NOTE = "values above 1 are carried over: what lies in [0, 1] is restored"


@dataclass(frozen=True, slots=True)
class Coding:
    """How a file was compressed, so that the same format can be written alike.

    Args:
        lossless: without loss.
        jpeg: Pillow's options that give a JPEG the same tables and subsampling; empty for others.
    """

    lossless: bool = False
    jpeg: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a file holds, upright.

    Args:
        pixels: (H, W, C), C is 1 (grey) or 3 (RGB), uint8, uint16 or float32.
        alpha: (H, W) of the same dtype, or None.
        metadata: made true for the upright picture.
        notes: what was ignored or changed, in words.
        coding: how it was compressed; None where that is of no account.
        linear: the samples are linear light.
        thumbnail: it had a thumbnail, which is to be made again.
        pages: how many pictures the file holds.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None
    metadata: Metadata
    notes: tuple[str, ...] = ()
    coding: Coding | None = None
    linear: bool = False
    thumbnail: bool = False
    pages: int = 1


def with_highlights(decoded: Decoded) -> Decoded:
    """Note values above 1 and values that are no numbers, where there are."""
    if decoded.pixels.dtype.kind != "f":
        return decoded
    notes, top = decoded.notes, decoded.pixels.max(initial=0)
    if np.isnan(top):
        notes += (NAN_NOTE,)
        top = np.fmax.reduce(decoded.pixels, axis=None, initial=0)
    if top > 1:
        notes += (HIGHLIGHTS_NOTE,)
    return replace(decoded, notes=notes)


def upright(decoded: Decoded, turned: int | None = None, second: str | None = None) -> Decoded:
    """Bake the orientation in and make the metadata true.

    Args:
        decoded: as the file has it.
        turned: its orientation; None takes what EXIF or XMP says.
        second: what else the file holds, which is not kept, in words.

    Raises:
        NotSupportedError: its profile is of HDR.
    """
    metadata, notes, thumbnail = decoded.metadata, decoded.notes, False
    refuse_hdr_profile(metadata.icc)
    if metadata.exif is not None:
        exif, why = usable(metadata.exif)
        metadata = replace(metadata, exif=exif)
        notes += tuple(note for note in why if note not in notes)
        thumbnail = exif is not None and has_thumbnail(exif)
    if turned is None:
        turned = orientation(metadata.exif, metadata.xmp)
    pixels = bake(decoded.pixels, turned)
    alpha = None if decoded.alpha is None else bake(decoded.alpha, turned)
    height, width, channels = pixels.shape
    if metadata.exif is not None:
        exif = usable(settle_exif(metadata.exif, width, height, turned))[0]
        metadata = replace(metadata, exif=exif)
        # Numbers of colours count where no profile is there.
        if metadata.icc is None and not {CMYK_NOTE, LAB_NOTE} & {*notes}:
            metadata = replace(metadata, icc=of_exif(exif, grey=channels == 1).icc)
    if metadata.xmp is not None:
        kept, claimed = packets.without_claims(packets.settled(metadata.xmp, turned))
        metadata = replace(metadata, xmp=kept)
        second = second or ("a second picture or film behind it" if claimed else None)
    if second is not None:
        notes += (f"{second} was left out, and what its XMP says of it",)
    if metadata.resolution is None:
        metadata = replace(metadata, resolution=resolution_of_exif(metadata.exif))
    if metadata.resolution is not None and turned > 4:
        swapped = replace(metadata.resolution, x=metadata.resolution.y, y=metadata.resolution.x)
        metadata = replace(metadata, resolution=swapped)
    return with_highlights(
        replace(
            decoded,
            pixels=pixels,
            alpha=alpha,
            metadata=metadata,
            notes=notes,
            thumbnail=thumbnail,
        )
    )
