"""The curve equals what applying, writing and measuring would give."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from restore_cli.evaluation.fidelity import psnr
from restore_cli.evaluation.pairing import Pair, pair
from restore_cli.images.picture import Picture
from restore_cli.ot_correct.fitting import to_tensor
from restore_cli.ot_correct.sweeping import Point, Sweep, write_curve
from restore_cli.transport.autoencoder import Identity
from restore_cli.transport.latent import LatentTransport, latent_distance
from restore_cli.transport.moments import Moments


def _pairs(folder: Path) -> list[Pair]:
    rng = np.random.default_rng(0)
    for name, channels in (("colour", 3), ("grey", 1)):
        clean = rng.normal(128, 30, (25, 31, channels)).clip(0, 255)
        smooth = 0.5 * clean + 0.5 * clean.mean((0, 1))
        for side, pixels in (("restored", smooth), ("truth", clean)):
            (folder / side).mkdir(exist_ok=True)
            Picture(pixels=pixels.round().astype(np.uint8)).write(folder / side / f"{name}.png")
    return pair(folder / "restored", folder / "truth")


def _transport() -> LatentTransport:
    transport = LatentTransport(Identity())
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 3, 50, 50, generator=generator)
    transport.update((0.5 + 0.06 * noise).clamp(0, 1), "restored")
    transport.update((0.5 + 0.12 * noise.flip(3)).clamp(0, 1), "natural")
    return transport


def _run(pairs: list[Pair], **options: object) -> list[Point]:
    sweep = Sweep(_transport(), **options)
    for one in pairs:
        sweep.measure(one)
    return sweep.points()


def test_points_equal_writing_and_measuring(tmp_path: Path) -> None:
    pairs = _pairs(tmp_path)
    points = _run(pairs, alphas=(0.0, 0.4, 1.0))
    for point in points:
        values, found, truth = [], Moments(3, 3), Moments(3, 3)
        for one in pairs:
            picture = Picture.read(one.output)
            made = _transport().apply(to_tensor(picture), point.alpha)[0].permute(1, 2, 0)
            picture.with_srgb(made.numpy()).write(tmp_path / "made.png")
            written = to_tensor(Picture.read(tmp_path / "made.png"))
            target = to_tensor(Picture.read(one.reference))
            values.append(float(psnr(written, target)))
            found.update(written)
            truth.update(target)
        assert point.psnr == pytest.approx(np.mean(values), abs=1e-9)
        assert point.latent_w2 == pytest.approx(latent_distance(found, truth), rel=1e-9)
        assert point.pictures == 2
    assert points[0].latent_w2 < points[2].latent_w2
    assert points[0].latent_w2_fit < points[2].latent_w2_fit


def test_both_decodings_are_alike_without_loss(tmp_path: Path) -> None:
    points = _run(_pairs(tmp_path), alphas=(0.0, 1.0), decodings=("residual", "plain"))
    assert [(p.decoding, p.alpha) for p in points] == [
        ("residual", 0.0), ("residual", 1.0), ("plain", 0.0), ("plain", 1.0),
    ]  # fmt: skip
    assert points[0].psnr == pytest.approx(points[2].psnr, abs=0.01)


def test_pictures_that_equal_their_reference_are_no_number(tmp_path: Path) -> None:
    same = [Pair(p.name, p.reference, p.reference) for p in _pairs(tmp_path)]
    (point,) = _run(same, alphas=(1.0,))
    assert math.isinf(point.psnr)
    assert point.latent_w2 == pytest.approx(0, abs=1e-6)


def test_the_curve_is_written_as_csv(tmp_path: Path) -> None:
    points = [Point("plain", 0.5, 30.0, 1.25, 2.5, 4)]
    write_curve(tmp_path / "curve.csv", points)
    with (tmp_path / "curve.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row == {
        "decoding": "plain", "alpha": "0.5", "psnr": "30.0", "latent_w2": "1.25",
        "latent_w2_fit": "2.5", "pictures": "4",
    }  # fmt: skip
