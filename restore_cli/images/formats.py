"""The one table of what each format of a file can carry.

It drives writing (what is converted or left out before a format's encoder sees it), the notes
about that, the tests of it, and the page `docs/what-is-kept.md`. The rule: what a file says is
kept, made true again, or dropped with a note; never silently lost.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from restore_cli.errors import RestoreError

Thing = Literal[
    "16 bits", "float", "alpha", "profile", "exif", "xmp", "iptc", "resolution", "texts", "comment"
]

THINGS: Mapping[Thing, tuple[str, str]] = MappingProxyType(
    {
        "16 bits": ("16 bits", "{format} holds 8 bits per sample: 16-bit values were rounded"),
        "float": (
            "floating point",
            "{format} holds no floating-point values: they were clipped and rounded",
        ),
        "alpha": ("transparency", "{format} holds no transparency: laid over white"),
        "profile": ("colour profile", "{format} holds no such profile: converted to sRGB"),
        "exif": ("EXIF", "{format} has no place for its EXIF block: left out"),
        "xmp": ("XMP", "{format} has no place for its XMP: left out"),
        "iptc": ("IPTC", "{format} has no place for its IPTC records: left out"),
        "resolution": ("resolution", "{format} has no place for its resolution (dpi): left out"),
        "texts": ("PNG texts", "{format} has no place for its PNG texts: left out"),
        "comment": ("comment", "{format} has no place for its comment: left out"),
    }
)
"""What may travel with a picture: its name, and the note where a format cannot carry it."""


@dataclass(frozen=True, slots=True)
class Format:
    """What one kind of file can carry.

    Args:
        title: its name for people.
        suffixes: what means it, lower case; the first is what is written.
        carries: what it holds for pictures in colour; at most so many bytes, where that is
            limited (0: any number).
        grey: it holds grey pictures as such; else they become three equal channels.
        grey_profile: it holds profiles of grey pictures.
        longest: pixels per side at most.
        lossy: it can be written with loss, so that `--quality` means something.
        extra: the extra that reads and writes it, and the module that it brings; or None.
        precision: what deep samples are rounded to, in words, where it is not their own depth.
        exact: it can be written without any loss.
    """

    title: str
    suffixes: tuple[str, ...]
    carries: Mapping[Thing, int] = field(default_factory=dict[Thing, int])
    grey: bool = True
    grey_profile: bool = True
    longest: int = 2**31 - 1
    lossy: bool = False
    extra: tuple[str, str] | None = None
    precision: str = ""
    exact: bool = True

    def holds(self, thing: Thing, size: int = 0, *, grey: bool = False) -> bool:
        """Whether it can carry something of `size` bytes, for a grey picture or one in colour."""
        if thing not in self.carries or (grey and thing == "profile" and not self.grey_profile):
            return False
        return self.carries[thing] == 0 or size <= self.carries[thing]

    @property
    def available(self) -> bool:
        """Whether what it needs is installed."""
        return self.extra is None or importlib.util.find_spec(self.extra[1]) is not None

    def check_available(self, path: Path) -> None:
        """Raise RestoreError for a file of this kind where what it needs is not installed."""
        if self.extra is not None and not self.available:
            raise RestoreError(
                f"{path}: {self.title} files need the extra [{self.extra[0]}]",
                hint=f"pip install 'restore-cli[{self.extra[0]}]'",
            )


_INSTEAD: Mapping[Thing, str] = {
    "alpha": "over white",
    "profile": "as sRGB",
    "16 bits": "8 bits",
    "float": "rounded",
}
_MARKER = 65533 - 40  # what fits into one JPEG marker beside its own header
_ALL: tuple[Thing, ...] = tuple(THINGS)


def _carrying(*things: Thing, **limits: int) -> Mapping[Thing, int]:
    return MappingProxyType({thing: limits.get(thing, 0) for thing in things})


def _without(*things: Thing) -> Mapping[Thing, int]:
    kept: list[Thing] = [thing for thing in _ALL if thing not in things]
    return _carrying(*kept)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "png": Format("PNG", (".png", ".apng"), _without("float")),
        "jpg": Format(
            "JPEG",
            (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
            _carrying(
                "profile",
                "exif",
                "xmp",
                "iptc",
                "resolution",
                "comment",
                exif=_MARKER,
                iptc=_MARKER,
                comment=_MARKER,
                profile=255 * 65519,
            ),
            longest=65500,
            lossy=True,
            exact=False,
        ),
        "tiff": Format(
            "TIFF",
            (".tiff", ".tif"),
            _without("texts", "comment"),
        ),
        "webp": Format(
            "WebP",
            (".webp",),
            _carrying("alpha", "profile", "exif", "xmp"),
            grey=False,
            grey_profile=False,
            longest=16383,
            lossy=True,
        ),
        "bmp": Format("BMP", (".bmp", ".dib"), _carrying("resolution")),
        "avif": Format(
            "AVIF",
            (".avif", ".avifs"),
            _carrying("alpha", "profile", "exif", "xmp"),
            grey=False,
            grey_profile=False,
            longest=65535,
            lossy=True,
            exact=False,  # Pillow writes YCbCr of 8 bits
        ),
        "heic": Format(
            "HEIC",
            (".heic", ".heif", ".hif"),
            _carrying("16 bits", "alpha", "profile", "exif", "xmp"),
            grey=False,
            grey_profile=False,
            longest=16384,
            lossy=True,
            extra=("heif", "pillow_heif"),
            precision="12 bits",
        ),
        "jxl": Format(
            "JPEG XL",
            (".jxl",),
            # Deeper files are read; imagecodecs writes them as linear light, which they are not.
            _carrying("alpha", "exif", "xmp"),
            lossy=True,
            extra=("jxl", "pillow_jxl"),
        ),
        "exr": Format(
            "OpenEXR", (".exr",), _carrying("float", "16 bits", "alpha"), extra=("exr", "OpenEXR")
        ),
        "hdr": Format(
            "Radiance HDR",
            (".hdr", ".pic"),
            _carrying("float", "16 bits"),
            grey=False,
            precision="8 bits and an exponent",
        ),
        "pfm": Format("PFM", (".pfm",), _carrying("float", "16 bits")),
        "ppm": Format("PPM/PGM", (".ppm", ".pgm", ".pnm", ".pbm"), _carrying("16 bits")),
        "pam": Format("PAM", (".pam",), _carrying("16 bits", "alpha")),
        "tga": Format("TGA", (".tga",), _carrying("alpha")),
        "qoi": Format("QOI", (".qoi",), _carrying("alpha"), grey=False),
    }
)
"""The formats that are read and written, by name."""

READABLE_SUFFIXES: frozenset[str] = frozenset(
    suffix for one in FORMATS.values() if one.available for suffix in one.suffixes
)
"""Suffixes of files worth reading in a folder. The content, not the suffix, decides the format."""

UNREADABLE_SUFFIXES: frozenset[str] = (
    frozenset(
        f".{name}"
        for name in (
            *("blp", "bw", "cur", "dcx", "dds", "emf", "fit", "fits", "flc", "fli", "ftc", "ftu"),
            *("heics", "heifs"),
            *("gbr", "gif", "icb", "icns", "ico", "im", "j2c", "j2k", "jls", "jp2", "jpc", "jpf"),
            *("jpx", "jxr", "msp", "palm", "pcd", "pcx", "psb", "psd", "pxr", "ras", "rgb", "rgba"),
            *("sgi", "svg", "vda", "vst", "wmf", "xbm", "xcf", "xpm"),
        )
    )
    | frozenset(suffix for one in FORMATS.values() for suffix in one.suffixes) - READABLE_SUFFIXES
)
"""Suffixes of pictures that are not read: of kinds unknown here, or whose extra is missing. In a
folder they are passed over and counted; other files (text, sidecars) are passed over."""

FORMAT_OF_SUFFIX: Mapping[str, str] = MappingProxyType(
    {suffix: name for name, one in FORMATS.items() for suffix in one.suffixes}
)

READABLE = "PNG, JPEG, TIFF, WebP, BMP, AVIF, HEIC, JPEG XL, EXR, HDR, PNM, TGA and QOI"


def resolve_format(path: Path, format: str | None) -> str:
    """Name the format to write: the one given, else the one that the suffix means.

    Raises:
        RestoreError: neither is known.
    """
    wanted = (path.suffix if format is None else f".{format}").lower()
    name = wanted[1:] if wanted[1:] in FORMATS else FORMAT_OF_SUFFIX.get(wanted)
    if name is None:
        what = f"the suffix {path.suffix!r}" if format is None else f"the format {format!r}"
        raise RestoreError(
            f"{path}: {what} is not one that is written", hint="choose from " + ", ".join(FORMATS)
        )
    FORMATS[name].check_available(path)
    return name


def note(thing: Thing, format: str) -> str:
    """The note where `format`, a key of `FORMATS`, cannot carry something."""
    return THINGS[thing][1].format(format=FORMATS[format].title)


def as_markdown() -> str:
    """The table as it stands in the documentation."""
    heads = [title for title, _ in THINGS.values()]
    lines = [
        "| format | written as | " + " | ".join(heads) + " | grey |",
        "|---" * (len(heads) + 3) + "|",
    ]
    for one in FORMATS.values():
        cells = [_cell(one, thing) for thing in THINGS]
        needs = f" (extra `[{one.extra[0]}]`)" if one.extra else ""
        grey = "kept" if one.grey else "as RGB"
        lines.append(
            f"| {one.title}{needs} | `{one.suffixes[0]}` | " + " | ".join(cells) + f" | {grey} |"
        )
    return "\n".join(lines)


def _cell(one: Format, thing: Thing) -> str:
    if not one.holds(thing):
        return _INSTEAD.get(thing, "note")
    limit = one.carries[thing]
    if thing in ("16 bits", "float") and one.precision:
        return one.precision
    words = "kept" if limit == 0 else f"up to {limit // 1000} kB"
    return f"{words} (grey: as sRGB)" if thing == "profile" and not one.grey_profile else words
