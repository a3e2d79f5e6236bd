"""`develop`: a camera's RAW file as a picture."""

from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from restore_cli.api.kinds import PathLike
from restore_cli.batch.reading import Restore
from restore_cli.engine.restorer import Restorer
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture
from restore_cli.models import zoo
from restore_cli.raw.develop import Developer, as_it_is
from restore_cli.raw.settings import Denoise, Settings, WhiteBalance

MODEL = "isp"
"""The shipped model that develops."""


def develop(
    path: PathLike,
    *,
    engine: Literal["learned", "libraw"] = "learned",
    model: str = MODEL,
    white_balance: WhiteBalance = "camera",
    exposure: float = 0.0,
    look: Literal["standard", "none", "profile"] = "standard",
    linear: bool = False,
    bits: Literal[8, 16] = 8,
    denoise: Denoise = "auto",
    device: str = "auto",
) -> Picture:
    """Develop a RAW file, as `restore isp` does.

    Args:
        path: a DNG, NEF, CR3 or another RAW file that LibRaw reads.
        engine: "learned" demosaics and denoises by a network, with the camera's own colours;
            "libraw" the classical way. Files without a Bayer mosaic go to LibRaw, with a note.
        model: name, folder or file of the learned engine's model.
        white_balance: "camera", "auto" (grey on average), "daylight", a `raw.settings.Temperature`,
            or multipliers of red, green and blue.
        exposure: EV brighter (above 0) or darker.
        look: "standard" adds the file's baseline exposure and one tone curve; "none" is
            colorimetric; "profile" is what a DNG file's own profile describes.
        linear: linear light instead of the sRGB curve, without look; needs 16 bits.
        bits: 8 or 16.
        denoise: "auto" (by what the file says, else by an estimate), "off", or a noise level on
            the 0..255 scale; for the learned engine.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Returns:
        The picture, upright, with metadata and colour profile; its notes say what did not go as
        asked.

    Raises:
        RestoreError: the file cannot be read, or the model is not one for RAW files.
    """
    if linear and bits == 8:
        raise RestoreError(
            "linear light needs 16 bits: 8 would leave nothing of the shadows", hint="bits=16"
        )
    settings = Settings(
        engine=engine,
        white_balance=white_balance,
        exposure=exposure,
        look=look,
        linear=linear,
        bits=bits,
        denoise=denoise,
    )
    restorer = _learned(model, device) if engine == "learned" else None
    run: Restore = as_it_is if restorer is None else restorer
    loaded = Developer(settings, restorer).read(Path(path))
    restored = (loaded.restore or run)(loaded.image)
    # Developing, unlike copying a preview, ends in a picture.
    picture = cast("Picture", loaded.finish(restored.image))
    return replace(picture, notes=(*loaded.notes, *restored.notes))


def _learned(name: str, device: str) -> Restorer:
    """The network of the learned engine."""
    model = zoo.load(name)
    if model.network.info.input != "mosaic":
        raise RestoreError(
            f"the model {model.name} does not read RAW mosaics", hint="leave model out"
        )
    return Restorer(model.network, device=device, usual_overlap=model.overlap)
