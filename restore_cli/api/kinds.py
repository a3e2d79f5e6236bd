"""What people have for a picture, and the way back to the same kind and depth.

A path gives a `Picture`. A `Picture`, a PIL image and an array come back as what they were.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture
from restore_cli.images.profile import ProfileError, converter
from restore_cli.images.resize import resized
from restore_cli.workers import Workers

PathLike: TypeAlias = str | os.PathLike[str]
AnyPicture: TypeAlias = PathLike | Picture | Image.Image | NDArray[Any]
"""All that is taken for a picture."""
Same = TypeVar("Same", bound="Picture | NDArray[Any]")
"""A kind of picture that comes back as what it was."""

_PIL_MODES = ("L", "LA", "RGB", "RGBA", "I;16")
_SHAPES = "(H, W, 3); also taken: (H, W) and (H, W, 1) for grey, (H, W, 4) with alpha"
# Resampling overshoots a little, which is clipped; values beyond are of another range.
_LOWEST, _HIGHEST = -1.0, 2.0


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture ready to be computed on.

    Attributes:
        image: (3, H, W) float32 sRGB in [0, 1].
        is_grey: its three channels are one.
        finish: makes a picture of the first kind from an image of this size and what there is
            to say about it.
    """

    image: Tensor
    is_grey: bool
    finish: Callable[[Tensor, tuple[str, ...]], Any]


def read_picture(path: PathLike) -> Picture:
    """Read a picture file, upright and with its metadata.

    Args:
        path: PNG, JPEG, TIFF or another format that `restore infer` reads.

    Raises:
        RestoreError: it cannot be read; names the file and the cure.
    """
    return Picture.read(Path(path))


def open_picture(picture: AnyPicture) -> Opened:
    """Make an image to compute on of whatever is given.

    Args:
        picture: a path, a `Picture`, a PIL image, or an array in RGB order: uint8 or uint16 over
            their whole range, or floating point in [0, 1].

    Raises:
        RestoreError: a file cannot be read, or an array has another shape, type or range.
        TypeError: it is none of these.
    """
    if isinstance(picture, Picture):
        return _opened(picture, _as_it_is)
    if isinstance(picture, str | os.PathLike):
        return _opened(read_picture(picture), _as_it_is)
    if isinstance(picture, Image.Image):
        return _from_pil(picture)
    if isinstance(picture, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance]
        return _from_array(picture)
    raise TypeError(
        f"a picture is a path, a Picture, a PIL image or an array, not {type(picture).__name__}"
    )


def open_ahead(pictures: "Sequence[AnyPicture]") -> Iterator[Opened]:
    """Open pictures in order, each next one while the caller computes."""
    with Workers(1, "read") as reader:
        upcoming = reader.submit(open_picture, pictures[0]) if pictures else None
        for index in range(len(pictures)):
            assert upcoming is not None
            opened = upcoming.result()
            if index + 1 < len(pictures):
                upcoming = reader.submit(open_picture, pictures[index + 1])
            yield opened


def listed(pictures: "AnyPicture | Iterable[AnyPicture]") -> "Path | list[AnyPicture]":
    """A path as it is (a folder, perhaps), one picture or several as a list."""
    if isinstance(pictures, str | os.PathLike):
        return Path(pictures)
    if isinstance(pictures, Picture | Image.Image | np.ndarray):
        return [pictures]
    return list(pictures)


def _as_it_is(picture: Picture) -> Picture:
    return picture


def _opened(picture: Picture, kind: Callable[[Picture], Any]) -> Opened:
    """A picture, and as what it comes back."""

    def finish(image: Tensor, notes: tuple[str, ...]) -> Any:  # noqa: ANN401
        sized = picture.resized(image.shape[1], image.shape[2])
        restored = sized.with_srgb(image.permute(1, 2, 0).numpy())
        return kind(replace(restored, notes=picture.notes + notes))

    return Opened(_planes(picture.to_srgb()), picture.is_grey, finish)


def _planes(srgb: NDArray[np.float32]) -> Tensor:
    """(H, W, 3) as a (3, H, W) tensor."""
    return torch.from_numpy(np.ascontiguousarray(srgb.transpose(2, 0, 1)))  # pyright: ignore[reportUnknownMemberType]


def _from_pil(image: Image.Image) -> Opened:
    if image.mode in ("I", "F"):
        raise RestoreError(
            f"a PIL image of mode {image.mode} does not say what its white is",
            hint="give an array of uint16, or of floats in [0, 1]",
        )
    info = {key: value for key, value in image.info.items() if key != "transparency"}
    if image.mode == "1":
        image = image.convert("L")
    elif image.mode not in _PIL_MODES:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    samples = np.asarray(image)
    picture = _picture(samples if samples.ndim == 3 else samples[:, :, None])
    picture = replace(picture, icc=_usable(info.get("icc_profile"), picture.pixels.shape[2]))

    def kind(restored: Picture) -> Image.Image:
        made = Image.fromarray(_samples(restored))
        made.info = info
        return made

    return _opened(picture, kind)


def _usable(icc: object, channels: int) -> bytes | None:
    """A colour profile that can be applied; as in files, others count as sRGB."""
    if not isinstance(icc, bytes):
        return None
    try:
        converter(icc, channels)
    except ProfileError:
        return None
    return icc


def _from_array(array: NDArray[Any]) -> Opened:
    if array.ndim not in (2, 3) or not array.size or (*array.shape, 1)[2] not in (1, 3, 4):
        raise RestoreError(f"an array of shape {array.shape} is no picture", hint=_SHAPES)
    samples = array if array.ndim == 3 else array[:, :, None]
    if str(array.dtype) in ("uint8", "uint16"):
        return _opened(_picture(samples), lambda one: _shaped(_samples(one), array.ndim))
    if array.dtype.kind != "f":
        raise RestoreError(
            f"an array of {array.dtype} does not say what its white is",
            hint="give uint8, uint16, or floats in [0, 1]",
        )
    return _from_floats(samples, array.ndim)


def _from_floats(samples: NDArray[Any], axes: int) -> Opened:
    lowest, highest = float(samples.min()), float(samples.max())
    if not _LOWEST <= lowest <= highest <= _HIGHEST:
        raise RestoreError(
            f"an array of floats has values from {lowest:g} to {highest:g}",
            hint="floats are in [0, 1]: divide 8-bit values by 255",
        )
    colours = samples[:, :, :3].clip(0, 1).astype(np.float32)
    is_grey = colours.shape[2] == 1

    def finish(image: Tensor, notes: tuple[str, ...]) -> NDArray[Any]:
        del notes  # an array has no place for them
        made = image.permute(1, 2, 0).numpy()
        made = made.mean(axis=2, keepdims=True) if is_grey else made
        made = made.astype(samples.dtype)
        if samples.shape[2] == 4:
            alpha = resized(samples[:, :, 3:], made.shape[0], made.shape[1])
            made = np.concatenate([made, alpha], axis=2)
        return _shaped(np.ascontiguousarray(made), axes)

    height, width = samples.shape[:2]
    return Opened(_planes(np.broadcast_to(colours, (height, width, 3))), is_grey, finish)


def _shaped(samples: NDArray[Any], axes: int) -> NDArray[Any]:
    """(H, W) or (H, W, C), as many axes as there were; the size may be another."""
    if axes == 2:
        return samples.reshape(samples.shape[:2])
    return samples if samples.ndim == 3 else samples[:, :, None]


def _picture(samples: NDArray[Any]) -> Picture:
    """(H, W, C) integers, C from 1 (grey) over 2 (with alpha) and 3 to 4."""
    if samples.shape[2] in (2, 4):
        return Picture(samples[:, :, :-1], alpha=samples[:, :, -1])
    return Picture(samples)


def _samples(picture: Picture) -> NDArray[Any]:
    """The pixels with their alpha, (H, W) where there is one channel."""
    if picture.alpha is not None:
        return np.dstack([picture.pixels, picture.alpha])
    return picture.pixels[:, :, 0] if picture.is_grey else picture.pixels
