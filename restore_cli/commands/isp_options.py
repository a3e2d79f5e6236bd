"""What `restore isp` can be told, and what of it contradicts itself."""

import re
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from restore_cli.commands.options import OUTPUT, QUALITY, WHAT, WHERE
from restore_cli.errors import RestoreError

if TYPE_CHECKING:
    from restore_cli.raw.settings import Denoise, WhiteBalance

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_EIGHT_BIT = ("jpg", "webp", "bmp")
_LIGHT = re.compile(rf"({_NUMBER})[Kk](?:,([+-]?{_NUMBER}))?")


def _check_wb(value: str) -> str:
    if value in ("camera", "auto", "daylight"):
        return value
    if found := _LIGHT.fullmatch(value):
        if not 1700 <= float(found[1]) <= 25000 or abs(float(found[2] or 0)) > 150:
            raise typer.BadParameter(
                f"{value!r}: temperatures lie between 1700K and 25000K, tints between -150 and 150"
            )
        return value
    if not re.fullmatch(rf"{_NUMBER},{_NUMBER},{_NUMBER}", value):
        raise typer.BadParameter(
            f"{value!r} is not camera, auto, daylight, a temperature such as 5200K or 5200K,10, "
            "or multipliers such as 2.1,1,1.5"
        )
    if min(map(float, value.split(","))) <= 0:
        raise typer.BadParameter(f"{value!r}: multipliers must lie above 0")
    return value


def _check_denoise(value: str) -> str:
    if value not in ("auto", "off") and not (re.fullmatch(_NUMBER, value) and float(value) <= 255):
        raise typer.BadParameter(f"{value!r} is not auto, off, or a noise level from 0 to 255")
    return value


Developed = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        rich_help_panel=WHERE,
        metavar="PATH",
        help="A folder, or a file for a single input. Without it: `raws-isp/` beside the "
        "folder `raws/`, and `photo-isp.png` beside the file `photo.dng`.",
    ),
]
DevelopedFormat = Annotated[
    Literal["png", "tiff", "jpg"] | None,
    typer.Option(
        "--format",
        rich_help_panel=OUTPUT,
        help="What to write; png if nothing else says (preview: jpg).",
    ),
]
Bits = Annotated[
    Literal["8", "16"] | None,
    typer.Option("--bits", rich_help_panel=OUTPUT, help="Of each sample; 8 unless --linear."),
]
Engine = Annotated[
    Literal["learned", "libraw"],
    typer.Option(
        "--engine",
        rich_help_panel=WHAT,
        help="Who demosaics and denoises; colours are the same.",
    ),
]
DevelopingModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-n",
        rich_help_panel=WHAT,
        metavar="NAME|FOLDER|FILE",
        help="Model instead of the shipped one.",
    ),
]
Exposure = Annotated[
    float,
    typer.Option(
        "--exposure",
        rich_help_panel=QUALITY,
        min=-10,
        max=10,
        metavar="EV",
        help="Brighter or darker.",
    ),
]
Black = Annotated[
    float | None,
    typer.Option(
        "--black",
        rich_help_panel=QUALITY,
        min=0,
        metavar="N",
        help="Black level instead of the file's.",
    ),
]
White = Annotated[
    float | None,
    typer.Option(
        "--white",
        rich_help_panel=QUALITY,
        min=1,
        metavar="N",
        help="White level instead of the file's.",
    ),
]
Linear = Annotated[
    bool,
    typer.Option(
        "--linear",
        rich_help_panel=QUALITY,
        help="16-bit linear light, sRGB primaries, no look.",
    ),
]
AutoBright = Annotated[
    bool,
    typer.Option(
        "--auto-bright",
        rich_help_panel=QUALITY,
        help="Brighten until 1 % is white; depends on the picture.",
    ),
]
Preview = Annotated[
    bool,
    typer.Option("--preview", rich_help_panel=WHAT, help="Write the preview that the file holds."),
]
Info = Annotated[
    bool,
    typer.Option(
        "--info", rich_help_panel=WHAT, help="Print what the file says, and write nothing."
    ),
]
StripGps = Annotated[
    bool,
    typer.Option(
        "--strip-gps", rich_help_panel=OUTPUT, help="Leave the place out of the metadata."
    ),
]
Wb = Annotated[
    str,
    typer.Option(
        "--wb",
        rich_help_panel=QUALITY,
        metavar="camera|auto|daylight|5200K[,TINT]|R,G,B",
        callback=_check_wb,
        help="White balance: daylight is D65; auto makes the picture grey on average; 5200K is "
        "CIE daylight (a black body below 4000K), and a tint above 0 makes it more magenta.",
    ),
]
DenoiseLevel = Annotated[
    str,
    typer.Option(
        "--denoise",
        rich_help_panel=QUALITY,
        metavar="auto|off|SIGMA",
        callback=_check_denoise,
        help="Learned engine: by the file's NoiseProfile or else an estimate, not at all, or a "
        "noise level on the 0..255 scale under the sRGB curve. LibRaw does not denoise.",
    ),
]
DemosaicMethod = Annotated[
    Literal["linear", "vng", "ppg", "ahd", "dcb", "dht", "aahd"] | None,
    typer.Option(
        "--demosaic", rich_help_panel=WHAT, help="LibRaw's method; ahd if nothing is said."
    ),
]
LookName = Annotated[
    Literal["standard", "none", "profile"],
    typer.Option(
        "--look",
        rich_help_panel=QUALITY,
        help="standard: the file's baseline exposure and one tone curve; none: colorimetric; "
        "profile: the curve and tables of the DNG file's own profile.",
    ),
]
CropName = Annotated[
    Literal["default", "active", "full"],
    typer.Option(
        "--crop",
        rich_help_panel=QUALITY,
        help="default: as a DNG file says; active: all that light reaches; full: the whole sensor.",
    ),
]
HotPixelsMode = Annotated[
    Literal["auto", "off"],
    typer.Option(
        "--hot-pixels",
        rich_help_panel=QUALITY,
        help="Mend hot, dead and stuck pixels of Bayer sensors.",
    ),
]
HighlightsMode = Annotated[
    Literal["clip", "reconstruct"],
    typer.Option(
        "--highlights",
        rich_help_panel=QUALITY,
        help="Where some colours are saturated: white from there, or rebuilt by the others.",
    ),
]
LensMode = Annotated[
    Literal["auto", "off"],
    typer.Option(
        "--lens-corrections",
        rich_help_panel=QUALITY,
        help="What a DNG file says of its lens: distortion, lateral colour, vignetting.",
    ),
]
Proof = Annotated[
    bool,
    typer.Option(
        "--proof",
        rich_help_panel=WHAT,
        help="Half the size, fast: no network, no search for hot pixels.",
    ),
]
SameStem = Annotated[
    Literal["raw", "both"],
    typer.Option(
        "--same-stem",
        rich_help_panel=WHERE,
        help="Where the camera wrote a JPEG file beside a RAW file: develop the RAW file only, or "
        "also copy the JPEG file, as NAME-camera.jpg.",
    ),
]


def check_usage(
    format: str | None,
    output: str | None,
    bits: str | None,
    *,
    linear: bool,
    info: bool,
    preview: bool,
) -> bool:
    """Refuse what contradicts itself before anything heavy is imported; says whether 16 bits."""
    if info and preview:
        raise RestoreError("--info and --preview exclude each other", hint="give one of them")
    deep = bits == "16" or (bits is None and linear)
    if linear and not deep:
        raise RestoreError(
            "--linear needs 16 bits: 8 would leave nothing of the shadows", hint="leave --bits out"
        )
    ending = format or (output or "").rpartition(".")[2].lower()
    if deep and ending.replace("jpeg", "jpg") in _EIGHT_BIT:
        raise RestoreError(
            f"{ending.upper()} files have 8 bits, and 16 are asked for",
            hint="write PNG or TIFF, or leave --bits and --linear out",
        )
    return deep


def check_engine(engine: str, *, denoise: str, demosaic: str | None, proof: bool) -> None:
    """Refuse options of the engine that is not used."""
    if denoise not in ("auto", "off") and (engine == "libraw" or proof):
        raise RestoreError(
            f"--denoise {denoise} needs the learned engine: "
            + ("a proof is not denoised" if proof else "LibRaw does not denoise"),
            hint="leave --denoise out" + ("" if proof else ", or use --engine learned"),
        )
    if demosaic is not None and (engine == "learned" or proof):
        raise RestoreError(
            f"--demosaic {demosaic} is LibRaw's, and it does not demosaic here",
            hint="leave --demosaic out" + ("" if proof else ", or add --engine libraw"),
        )


def white_balance(text: str) -> "WhiteBalance":
    """What `--wb` means."""
    from restore_cli.raw.settings import Temperature

    match text:
        case "camera" | "auto" | "daylight":
            return text
        case _ if found := _LIGHT.fullmatch(text):
            return Temperature(float(found[1]), float(found[2] or 0))
        case _:
            red, green, blue = map(float, text.split(","))
            return red / green, 1.0, blue / green


def denoise_level(text: str) -> "Denoise":
    """What `--denoise` means."""
    match text:
        case "auto" | "off":
            return text
        case _:
            return float(text)
