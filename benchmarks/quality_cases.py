"""What the shipped models are measured on: read by `quality.py` and `contact_sheet.py`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from restore_cli.degradations.blur import CameraShake, Defocus
from restore_cli.degradations.camera_noise import CameraNoise
from restore_cli.degradations.haze import Haze
from restore_cli.degradations.lowlight import LowLight
from restore_cli.degradations.moving import MovingThings, TurningShake
from restore_cli.degradations.noise import GaussianNoise, Jpeg, SensorNoise
from restore_cli.degradations.rain import Rain
from restore_cli.degradations.sample import Degradation, Sample


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        model: a shipped model's name.
        name: what the row says.
        degrade: clean picture and generator in, degraded picture out.
        sigma: what `--sigma` gets; None is blind.
        target: "clean" compares with the photo; "input" with what went in.
        turned: the degraded picture is turned by 90 degrees before it is restored.
    """

    model: str
    name: str
    degrade: Callable[[Tensor, np.random.Generator], Tensor]
    sigma: float | None = None
    target: str = "clean"
    turned: bool = False


def cases() -> Iterator[Case]:
    """All rows, by model."""
    tasks = [
        *_cases_of_noise(),
        *_cases_of_rain(),
        *_cases_of_blur(),
        *_cases_of_haze(),
        *_cases_of_light(),
        *_cases_of_compression(),
    ]
    yield from tasks
    yield from (replace(c, model="auto") for c in tasks if (c.model, c.name) in _ALSO_AUTO)
    yield from _cases_of_mixtures()
    yield Case("vae-small", "photo through the autoencoder and back", _dry, target="input")


# One model's case each that the all-in-one model is measured on too.
_ALSO_AUTO = (
    ("denoise", "Gaussian 25, blind"),
    ("denoise", "Gaussian 50, blind"),
    ("denoise", "noise of a camera at high ISO"),
    ("denoise", "clean photo, blind (against itself)"),
    ("derain", "light rain"),
    ("derain", "heavy rain"),
    ("derain", "heavy rain, turned"),
    ("derain", "rain by another generator"),
    ("deblur", "camera shake"),
    ("deblur", "out of focus"),
    ("dehaze", "thin haze"),
    ("dehaze", "dense haze"),
    ("dehaze", "indoor haze"),
    ("dehaze", "haze by another generator"),
    ("lowlight", "1 to 2 stops too dark, noisy"),
    ("lowlight", "2 to 4 stops too dark, noisy"),
    ("lowlight", "5 to 7 stops too dark, noisy"),
    ("lowlight", "dark with local light"),
)


def _cases_of_noise() -> Iterator[Case]:
    for sigma in (15, 25, 50):
        noise = _with(GaussianNoise(sigma=(sigma, sigma)))
        yield Case("denoise", f"Gaussian {sigma}, --sigma {sigma}", noise, sigma=sigma)
        yield Case("denoise", f"Gaussian {sigma}, blind", noise)
    # About what a full-frame camera shows at ISO 6400: 30 to 31 dB on a photo of middle brightness.
    camera = CameraNoise(
        shot=(4e-3, 6e-3), read=(4e-3, 8e-3), grain=(1.0, 1.0), band_probability=0.0
    )
    yield Case("denoise", "noise of a camera at high ISO", _with(camera, Jpeg(quality=(90, 95))))
    yield Case("denoise", "clean photo, blind (against itself)", _dry, target="input")


def _cases_of_rain() -> Iterator[Case]:
    # Ranges apart from training's: every training recipe draws from wider or other ones.
    light = Rain(
        layers=(1, 2), angle=(-30, 30), spread=(0, 6), length=(10, 40), width=(1, 2.5),
        density=(10, 60), grains=(1e-3, 5e-3), brightness=(0.3, 0.7), mist_probability=0.0,
    )  # fmt: skip
    heavy = Rain(
        layers=(3, 5), angle=(-60, 60), spread=(5, 30), length=(30, 130), width=(1, 3),
        density=(30, 90), grains=(1e-3, 4e-3), brightness=(0.4, 0.9), mist_probability=0.0,
    )  # fmt: skip
    misty = Rain(
        layers=(2, 3), angle=(-40, 40), length=(10, 60), brightness=(0.3, 0.8),
        mist=(0.1, 0.3), mist_probability=1.0,
    )  # fmt: skip
    yield Case("derain", "rain and mist", _with(misty))
    for case in (
        Case("derain", "light rain", _with(light)),
        Case("derain", "heavy rain", _with(heavy)),
        Case("derain", "rain by another generator", other_rain),
    ):
        yield case
        yield replace(case, name=f"{case.name}, turned", turned=True)
    yield Case("derain", "dry photo (against itself)", _dry, target="input")


def _cases_of_blur() -> Iterator[Case]:
    grain = GaussianNoise(sigma=(0.5, 2.5))
    shake = CameraShake(extent=(4, 14), jitter=(0.2, 0.7), glow=(1, 1.5))
    defocus = Defocus(radius=(1.2, 3.5), edge=(0.4, 0.8), glow=(1, 1.5))
    short = CameraShake(extent=(2, 4), jitter=(0.2, 0.7), glow=(1, 1.5))
    yield Case("deblur", "camera shake", _with(shake, grain))
    yield Case("deblur", "short camera shake", _with(short, grain))
    yield Case("deblur", "out of focus", _with(defocus, grain))
    turning = TurningShake(extent=(3, 12), turn=(0.5, 2.5))
    yield Case("deblur", "turning shake", _with(turning, grain))
    moving = MovingThings(extent=(6, 24), cover=(0.2, 0.5))
    yield Case("deblur", "moving things", _with(moving, grain))
    yield Case("deblur", "camera shake, compressed", _with(shake, grain, Jpeg(quality=(60, 85))))
    yield Case("deblur", "sharp photo (against itself)", _dry, target="input")


def _cases_of_haze() -> Iterator[Case]:
    for name, thickness in (("thin", (0.2, 0.5)), ("dense", (0.7, 1.5))):
        haze = Haze(
            thickness=thickness, relief=(0.3, 0.8), airlight=(0.7, 0.95), uneven=(0, 0.2),
            far_probability=0.0,
        )  # fmt: skip
        yield Case("dehaze", f"{name} haze", _with(haze))
    indoor = Haze(near_probability=1.0, span=(0.2, 0.8), airlight=(0.7, 0.95), gain=(0.9, 1.0))
    yield Case("dehaze", "indoor haze", _with(indoor))
    yield Case("dehaze", "haze by another generator", other_haze)
    yield Case("dehaze", "clear photo (against itself)", _dry, target="input")


def _cases_of_light() -> Iterator[Case]:
    sensor = SensorNoise(shot=(1e-4, 8e-4), read=(2e-4, 1.5e-3), smear=(0, 0.8), chroma=(1, 1.5))
    for stops in ((1, 2), (2, 4), (5, 7)):
        dark = LowLight(
            stops=stops, uneven=(0.0, 0.6), cast=(1.0, 1.25), gamma=(0.9, 1.2),
            lit_probability=0.0, lamp_probability=0.0,
        )  # fmt: skip
        name = f"{stops[0]} to {stops[1]} stops too dark, noisy"
        yield Case("lowlight", name, _with(dark, sensor))
    local = LowLight(stops=(2, 4), lit_probability=0.0, lamp_probability=1.0, gamma=(0.9, 1.2))
    yield Case("lowlight", "dark with local light", _with(local, sensor))
    yield Case("lowlight", "well-lit photo (against itself)", _dry, target="input")


def _cases_of_compression() -> Iterator[Case]:
    for quality in (10, 20, 40):
        squeezed = Jpeg(quality=(quality, quality))
        yield Case("dejpeg", f"JPEG of quality {quality}", _with(squeezed))
    yield Case("dejpeg", "clean photo (against itself)", _dry, target="input")


def _cases_of_mixtures() -> Iterator[Case]:
    """What the all-in-one model was never trained on."""
    haze = Haze(thickness=(0.3, 1.0), far_probability=0.0)
    rain = Rain(layers=(1, 2), length=(10, 60), brightness=(0.3, 0.7), mist_probability=0.0)
    shake, grain = CameraShake(extent=(3, 8)), GaussianNoise(sigma=(10, 20))
    dark = LowLight(stops=(1, 3), lit_probability=0.0, lamp_probability=0.0)
    yield Case("auto", "haze and rain", _with(haze, rain))
    yield Case("auto", "camera shake and noise", _with(shake, grain))
    yield Case("auto", "too dark and noise", _with(dark, grain))


def other_rain(clean: Tensor, rng: np.random.Generator) -> Tensor:
    """Rain as image-editing tutorials make it, sharing no code with training's generator.

    Thresholded Gaussian noise, smeared by a rotated bar, stretched to the full range, screened.
    """
    height, width = clean.shape[-2:]
    grains = rng.normal(size=(height, width))
    share = rng.uniform(0.005, 0.03)
    spots = np.where(grains > np.quantile(grains, 1 - share), grains, 0).astype(np.float32)
    length = int(rng.integers(15, 60)) | 1
    bar = np.zeros((length, length), np.float32)
    bar[:, length // 2] = 1
    turn = cv2.getRotationMatrix2D((length // 2, length // 2), rng.uniform(-40, 40), 1)
    bar = cv2.warpAffine(bar, turn, (length, length))
    streaks = cv2.GaussianBlur(cv2.filter2D(spots, cv2.CV_32F, bar), (3, 3), 0)
    streaks = np.clip(streaks / np.quantile(streaks, 0.995), 0, 1) * rng.uniform(0.4, 0.9)
    return 1 - (1 - clean) * (1 - torch.from_numpy(streaks.astype(np.float32)))


def other_haze(clean: Tensor, rng: np.random.Generator) -> Tensor:
    """Haze over the distances of segments, sharing no code with training's generator.

    The picture is flooded from random markers (watershed); every segment has a distance of its own
    on a plane that recedes upwards, and hides behind grey air as far as that.
    """
    height, width = clean.shape[-2:]
    photo = np.ascontiguousarray((clean.permute(1, 2, 0).numpy() * 255).astype(np.uint8))
    markers = np.zeros((height, width), np.int32)
    count = int(rng.integers(12, 40))
    rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
    markers[rows, columns] = np.arange(1, count + 1)
    segments = np.clip(cv2.watershed(photo, markers), 0, None).astype(np.int64)
    upwards = np.linspace(1.0, 0.2, height, dtype=np.float32)[:, None]
    offsets = rng.uniform(-0.3, 0.3, count + 1).astype(np.float32)
    distance = cv2.medianBlur(np.clip(upwards + offsets[segments], 0, None).astype(np.float32), 5)
    through = torch.from_numpy(
        np.exp(-rng.uniform(0.6, 1.6) * cv2.GaussianBlur(distance, (0, 0), 1.5))
    )
    air = torch.from_numpy(rng.uniform(0.75, 0.95) + rng.uniform(-0.03, 0.03, (3, 1, 1)))
    return (clean * through + air * (1 - through)).float().clamp(0, 1)


def _with(*steps: Degradation) -> Callable[[Tensor, np.random.Generator], Tensor]:
    def degrade(clean: Tensor, rng: np.random.Generator) -> Tensor:
        sample = Sample(image=clean, target=clean, noise=torch.zeros(1, *clean.shape[-2:]))
        for step in steps:
            sample = step(sample, rng)
        return sample.image

    return degrade


def _dry(clean: Tensor, rng: np.random.Generator) -> Tensor:
    return clean
