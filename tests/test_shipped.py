"""The shipped models do what their cards say, on photos that come with the repository."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from restore_cli import zoo
from restore_cli.evaluation.metrics import psnr
from restore_cli.imaging.picture import Picture
from restore_cli.inference.restorer import Restorer

ROOT = Path(__file__).parents[1]
MODELS = ("denoise", "derain")
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")


def _photo(folder: str, name: str) -> Tensor:
    srgb = Picture.read(ROOT / "examples" / folder / f"{name}.jpg").to_srgb()
    return torch.from_numpy(srgb).permute(2, 0, 1)


def _half(photo: Tensor) -> Tensor:
    """A quarter of the pixels is enough here, and four times faster."""
    return photo[:, : photo.shape[1] // 2, : photo.shape[2] // 2].contiguous()


def _restorer(name: str) -> Restorer:
    model = zoo.load(name)
    return Restorer(model.network, device="cpu", tile="none", overlap=model.overlap)


def _decibel(output: Tensor, reference: Tensor) -> float:
    return float(psnr(output[None], reference[None]))


def test_both_models_are_shipped() -> None:
    assert {entry.name for entry in zoo.entries()} >= set(MODELS)
    for task in MODELS:
        assert zoo.default_for_task(task) == task


@pytest.mark.parametrize("name", MODELS)
def test_model_is_intact_small_and_described(name: str) -> None:
    zoo.verify(name)
    entry = next(entry for entry in zoo.entries() if entry.name == name)
    assert entry.parameters <= 1_500_000
    assert entry.size_bytes <= 3_000_000
    assert entry.licence == "Apache-2.0"
    card = zoo.card(name)
    for word in ("BSDS500", "seed", "steps", "hardware", "licence", "## Limits", "| Gaussian" if name == "denoise" else "| light rain"):  # fmt: skip  # noqa: E501
        assert word in card


@pytest.mark.parametrize("name", MODELS)
def test_card_and_readme_quote_the_committed_csv(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    with (ROOT / "benchmarks" / "results" / "quality.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == name]
    assert rows
    for row in rows:
        quoted = f"{float(row['psnr']):.2f} dB / {float(row['ssim']):.3f}"
        assert any(row["case"] in line and quoted in line for line in zoo.card(name).splitlines())
        assert any(row["case"] in line and quoted in line for line in readme.splitlines())


@pytest.mark.parametrize(("sigma", "gain"), [(15, 6.0), (25, 8.0), (50, 10.0)])
def test_denoise_gains_with_and_without_a_given_level(sigma: int, gain: float) -> None:
    restorer = _restorer("denoise")
    rng = np.random.default_rng(sigma)
    before: list[float] = []
    given: list[float] = []
    blind: list[float] = []
    for name in PHOTOS:
        clean = _half(_photo("clean", name))
        noise = torch.from_numpy(rng.standard_normal(tuple(clean.shape), dtype=np.float32))
        noisy = ((clean + sigma / 255 * noise).clamp(0, 1) * 255).round() / 255
        before.append(_decibel(noisy, clean))
        given.append(_decibel(restorer(noisy, sigma=float(sigma)).image, clean))
        blind.append(_decibel(restorer(noisy).image, clean))
    assert np.mean(given) >= np.mean(before) + gain
    assert np.mean(blind) >= np.mean(given) - 0.15


def test_denoise_leaves_a_clean_photo_nearly_alone() -> None:
    restorer = _restorer("denoise")
    photos = [_half(_photo("clean", name)) for name in PHOTOS]
    assert np.mean([_decibel(restorer(p, sigma=0.0).image, p) for p in photos]) >= 38


def test_derain_gains_on_the_example_photos() -> None:
    restorer = _restorer("derain")
    gains: list[float] = []
    for name in PHOTOS:
        clean, rainy = _photo("clean", name), _photo("photos", name)
        gains.append(_decibel(restorer(rainy).image, clean) - _decibel(rainy, clean))
    assert min(gains) > 0
    assert np.mean(gains) >= 3


@pytest.mark.xfail(reason="measured 30.8 dB on coffee, 32.7 on astronaut: lines taken for rain")
def test_derain_leaves_every_dry_photo_alone() -> None:
    restorer = _restorer("derain")
    for name in PHOTOS:
        clean = _half(_photo("clean", name))
        assert _decibel(restorer(clean).image, clean) >= 40


KNOWN = pytest.mark.xfail(reason="measured 3.1/255 at single pixels")


@pytest.mark.parametrize(
    ("name", "side"),
    [("denoise", 128), ("denoise", 256), ("derain", 256), pytest.param("derain", 128, marks=KNOWN)],
)
def test_tiles_leave_no_seam(name: str, side: int) -> None:
    model = zoo.load(name)
    photo = _photo("photos", "astronaut")[:, :400, :]
    whole = _restorer(name)(photo).image
    tiled = Restorer(model.network, device="cpu", tile=side, overlap=model.overlap)(photo)
    assert tiled.tile == side
    assert float((tiled.image - whole).abs().max()) <= 2 / 255
