"""Measured pictures for the report's tests, made from scikit-image's photographs."""

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import skimage
from numpy.typing import NDArray

from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
from restore_cli.evaluation.pairing import Pair

Floats = NDArray[np.float64]

METRICS = {
    info.name: info
    for info in (
        MetricInfo("psnr", "dB", True, True, "PSNR; RGB; range 1; whole frame"),
        MetricInfo("ssim", "", True, True, "SSIM; Gaussian 11, sigma 1.5; RGB; whole frame"),
        MetricInfo("photometric-share", "", False, True, "share of squared error; affine fit"),
    )
}


def write(path: Path, image: Floats) -> None:
    """Write (H, W, 3) RGB in [0, 1] as an 8-bit PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    eight = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    path.write_bytes(cv2.imencode(".png", eight[..., ::-1])[1].tobytes())


def photographs(longest: int = 0) -> dict[str, Floats]:
    """Astronaut, coffee and cat, whole or reduced to `longest` pixels."""
    out: dict[str, Floats] = {}
    for name in ("astronaut", "coffee", "chelsea"):
        image = getattr(skimage.data, name)()
        if longest:
            scale = longest / max(image.shape)
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        out[name] = image / 255
    return out


def noisy(image: Floats, seed: int, sigma: float = 0.1) -> Floats:
    """Add Gaussian noise."""
    return np.clip(image + np.random.default_rng(seed).normal(0, sigma, image.shape), 0, 1)


def blurred(image: Floats, seed: int) -> Floats:
    """Blur, and darken a little, so that some of the error is photometric."""
    return cv2.GaussianBlur(image, (0, 0), 1 + 0.3 * (seed % 6)) * 0.97


def row(pair: Pair, output: Floats, reference: Floats) -> Row:
    """Measure a pair plainly."""
    error = float(np.square(output - reference).mean())
    values = {
        "psnr": -10 * math.log10(error) if error else math.inf,
        "ssim": float(skimage.metrics.structural_similarity(
            output, reference, channel_axis=2, data_range=1.0, gaussian_weights=True,
        )),
        "photometric-share": _photometric_share(output, reference),
    }  # fmt: skip
    return Row(pair, output.shape[1], output.shape[0], values)


def measured(
    folder: Path,
    label: str,
    spoil: Callable[[Floats, int], Floats],
    references: dict[str, Floats],
) -> Measurement:
    """Write references, and outputs made from them, and measure the outputs.

    Args:
        folder: gets the folders "reference" and `label`.
        label: the output's name.
        spoil: from a reference and a number to an output.
        references: by name.
    """
    rows: list[Row] = []
    for index, (name, image) in enumerate(references.items()):
        pair = Pair(name, folder / label / f"{index}.png", folder / "reference" / f"{index}.png")
        output = spoil(image, index)
        write(pair.output, output)
        write(pair.reference, image)
        rows.append(row(pair, *(np.rint(one * 255) / 255 for one in (output, image))))
    return gathered(label, rows)


def gathered(label: str, rows: list[Row]) -> Measurement:
    """Put rows together, with the mean of the finite values."""
    finite = {
        name: [one.values[name] for one in rows if math.isfinite(one.values[name])]
        for name in METRICS
    }
    totals = {name: sum(v) / len(v) if v else math.inf for name, v in finite.items()}
    return Measurement(label, rows, METRICS, totals)


def _photometric_share(output: Floats, reference: Floats) -> float:
    """Share of the squared error that the best affine map of the colours takes away."""
    ours, theirs = output.reshape(-1, 3), reference.reshape(-1, 3)
    design = np.column_stack([ours, np.ones(len(ours))])
    fitted = design @ np.linalg.lstsq(design, theirs, rcond=None)[0]
    total = np.square(ours - theirs).sum()
    return float(1 - np.square(fitted - theirs).sum() / total) if total else math.nan
