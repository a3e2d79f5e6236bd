"""Make metrics.csv: what other people's code says of a few small pictures.

    pip install scikit-image torchmetrics pytorch-msssim
    python tests/golden/make_metrics.py

The pictures are drawn with whole numbers alone, so they are the same on every machine; the test
draws them again and reads the CSV. Where no package follows the convention (luma of the
restoration papers, MS-SSIM of odd sizes), the published formula is written out here in numpy and
scipy, apart from the package's code: full two-dimensional windows, no shared constants.
"""

import csv
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

CSV = Path(__file__).with_name("metrics.csv")
# name: height, width, channels, bits, what happened to the output
PICTURES = {
    "rgb8": (48, 64, 3, 8, "noise"),
    "rgb8-odd": (61, 83, 3, 8, "noise"),
    "rgb16": (40, 53, 3, 16, "noise"),
    "grey8": (45, 67, 1, 8, "noise"),
    "grey16": (44, 50, 1, 16, "noise"),
    "grey-in-rgb": (38, 41, 3, 8, "noise"),
    "window": (11, 11, 3, 8, "noise"),
    "bright": (40, 46, 3, 8, "bright"),
    "dim": (51, 49, 3, 8, "dim"),
    "tinted": (50, 46, 3, 16, "tinted"),
    "one-step": (36, 37, 3, 8, "one step"),
    "identical": (33, 47, 3, 8, "nothing"),
    "scales": (176, 192, 3, 8, "noise"),
    "scales-odd": (163, 181, 1, 8, "noise"),
    "scales-identical": (161, 161, 1, 8, "nothing"),
}


def draw(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Output and reference of one name: (H, W, C), uint8 or uint16. Integer arithmetic only."""
    height, width, channels, bits, change = PICTURES[name]
    y, x, c = np.mgrid[0:height, 0:width, 0:channels].astype(np.int64)
    if name == "grey-in-rgb":
        c = np.zeros_like(c)
    slope = _wave(x * 1900 + y * 700 + c * 21000) * 3 // 8
    stripes = _wave(x * 9000 - y * 5200 + c * 9000) // 4
    blocks = ((x // 9 + y // 7 + c) % 3) * 11000
    reference = np.clip(slope + stripes + blocks, 0, 65535)
    grain = _noise(reference.shape, seed=len(name))
    if name == "grey-in-rgb":  # three equal channels on both sides: a singular covariance
        grain = np.repeat(grain[..., :1], channels, axis=2)
    if change == "noise":
        output = reference + grain * (1 + _wave(x * 600 + y * 900) // 16384)
    elif change == "bright":  # flat at the top of the range, where variances cancel
        reference = np.where(x > 20, 65535, 64000 + slope // 60)
        output = reference - np.abs(grain) // 8
    elif change == "dim":
        output = reference * 2 // 5 + grain // 4
    elif change == "tinted":
        output = np.stack([
            (reference * np.array(row)).sum(axis=2) // 100
            for row in ((60, 15, 5), (5, 70, 10), (0, 10, 50))
        ], axis=2) + 4000 + grain // 16  # fmt: skip
    elif change == "one step":
        output = reference.copy()
        output[5, 7, 1] ^= 256
    else:
        output = reference
    kind = np.uint8 if bits == 8 else np.uint16
    first, second = (np.clip(image, 0, 65535) >> (16 - bits) for image in (output, reference))
    return first.astype(kind), second.astype(kind)


def _wave(phase: np.ndarray) -> np.ndarray:
    """A triangle wave, 0..65535, period 131072."""
    return 65535 - np.abs(phase % 131072 - 65536).clip(max=65535)


def _noise(shape: tuple[int, ...], *, seed: int) -> np.ndarray:
    """About bell-shaped whole numbers, deviation about 2900: sums of bytes of hashed indices."""
    index = np.arange(np.prod(shape), dtype=np.uint64) + np.uint64(seed * 1_000_003)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        index = (index ^ (index >> np.uint64(shift))) * np.uint64(factor)
    parts = sum((index >> np.uint64(8 * k)) & np.uint64(255) for k in range(4))
    return (np.asarray(parts).astype(np.int64) - 510).reshape(shape) * 20


def rows() -> Iterator[tuple[str, str, float, str]]:
    """Picture, metric, value, source."""
    for name in PICTURES:
        output, reference = draw(name)
        peak = np.iinfo(output.dtype).max
        pair = output / peak, reference / peak
        for metric, sources in SOURCES.items():
            for source, measure in sources.items():
                if metric == "ms-ssim" and not name.startswith("scales"):
                    continue
                if source == "pytorch-msssim" and name == "scales-odd":
                    continue  # pads odd sizes with zeros
                package = source.partition(" (")[0]
                label = source if "formula" in source else f"{source} {version(package)}"
                yield name, metric, float(measure(*pair)), label


def _skimage_psnr(output: np.ndarray, reference: np.ndarray) -> float:
    from skimage.metrics import peak_signal_noise_ratio

    if np.array_equal(output, reference):
        return float("inf")  # scikit-image says so too, with a warning
    return float(peak_signal_noise_ratio(reference, output, data_range=1))


def _skimage_ssim(output: np.ndarray, reference: np.ndarray) -> float:
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            reference, output, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
            data_range=1, channel_axis=2,
        )
    )  # fmt: skip


def _skimage_delta_e(output: np.ndarray, reference: np.ndarray) -> float:
    from skimage.color import deltaE_ciede2000, rgb2lab

    first, second = (rgb2lab(np.broadcast_to(p, (*p.shape[:2], 3))) for p in (output, reference))
    return float(deltaE_ciede2000(first, second).mean())


def _batch(image: np.ndarray) -> Any:  # noqa: ANN401 (a tensor; torch is imported late)
    import torch

    return torch.from_numpy(image).permute(2, 0, 1)[None].contiguous()


def _torchmetrics_psnr(output: np.ndarray, reference: np.ndarray) -> float:
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return float(peak_signal_noise_ratio(_batch(output), _batch(reference), data_range=1.0))


def _torchmetrics_ssim(output: np.ndarray, reference: np.ndarray) -> float:
    from torchmetrics.functional.image import structural_similarity_index_measure

    _, similarity = structural_similarity_index_measure(
        _batch(output), _batch(reference), sigma=1.5, kernel_size=11, data_range=1.0,
        return_full_image=True,
    )  # fmt: skip
    return float(similarity[..., 5:-5, 5:-5].mean())


def _pytorch_msssim(output: np.ndarray, reference: np.ndarray) -> float:
    from pytorch_msssim import ms_ssim

    return float(ms_ssim(_batch(output), _batch(reference), data_range=1.0))


def _opencv_gtmean(output: np.ndarray, reference: np.ndarray) -> float:
    import cv2

    def mean(image: np.ndarray) -> float:
        if image.shape[2] == 1:
            return float(image.mean())
        return float(cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY).mean(dtype=float))

    if np.array_equal(output, reference):
        return float("inf")
    scaled = np.clip(output * (mean(reference) / mean(output)), 0, 1)
    return _skimage_psnr(scaled, reference)


def _lstsq(output: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels of the output, of the reference, and of the output after the best affine map."""
    pixels, goal = output.reshape(-1, output.shape[2]), reference.reshape(-1, output.shape[2])
    design = np.hstack([pixels, np.ones((len(pixels), 1))])
    return pixels, goal, design @ np.linalg.lstsq(design, goal, rcond=1e-12)[0]


def _lstsq_psnr(output: np.ndarray, reference: np.ndarray) -> float:
    _, goal, aligned = _lstsq(output, reference)
    error = ((goal - aligned) ** 2).mean()
    return float("inf") if error < 1e-14 else float(-10 * np.log10(error))


def _lstsq_share(output: np.ndarray, reference: np.ndarray) -> float:
    pixels, goal, aligned = _lstsq(output, reference)
    total = ((goal - pixels) ** 2).sum()
    return 0.0 if total == 0 else float(1 - ((goal - aligned) ** 2).sum() / total)


def _y255(image: np.ndarray) -> np.ndarray:
    """MATLAB's rgb2ycbcr(1, 1, :) on 0..255 without its rounding."""
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    return image @ np.array([65.481, 128.553, 24.966]) + 16


def _formula_psnr_y(output: np.ndarray, reference: np.ndarray) -> float:
    error = ((_y255(output) - _y255(reference)) ** 2).mean()
    return float("inf") if error == 0 else float(20 * np.log10(255 / np.sqrt(error)))


def _gaussian_window() -> np.ndarray:
    """MATLAB's fspecial('gaussian', 11, 1.5)."""
    y, x = np.mgrid[-5:6, -5:6]
    window = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    return window / window.sum()


def _terms(x: np.ndarray, y: np.ndarray, peak: float) -> tuple[np.ndarray, np.ndarray]:
    """SSIM map and contrast-structure map of ssim_index.m, valid region."""
    from scipy.signal import convolve2d

    def blur(image: np.ndarray) -> np.ndarray:
        return convolve2d(image, _gaussian_window(), mode="valid")

    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_x, mean_y = blur(x), blur(y)
    var_x, var_y = blur(x * x) - mean_x**2, blur(y * y) - mean_y**2
    covariance = blur(x * y) - mean_x * mean_y
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1) * structure, structure


def _formula_ssim_y(output: np.ndarray, reference: np.ndarray) -> float:
    return float(_terms(_y255(output), _y255(reference), 255)[0].mean())


def _formula_ms_ssim(output: np.ndarray, reference: np.ndarray) -> float:
    """msssim.m: a 2 x 2 mean with symmetric border, then every second pixel; per channel."""
    from scipy.ndimage import correlate

    def half(image: np.ndarray) -> np.ndarray:
        # Its 2 x 2 kernel reaches right and down in MATLAB, left and up in scipy unless moved.
        return correlate(image, np.full((2, 2), 0.25), mode="reflect", origin=-1)[::2, ::2]

    values: list[float] = []
    for channel in range(output.shape[2]):
        x, y, product = output[..., channel], reference[..., channel], 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            similarity, structure = _terms(x, y, 1)
            product *= (similarity if scale == 4 else structure).mean() ** weight
            x, y = half(x), half(y)
        values.append(product)
    return float(np.mean(values))


SOURCES: dict[str, dict[str, Callable[[np.ndarray, np.ndarray], float]]] = {
    "psnr": {"scikit-image": _skimage_psnr, "torchmetrics": _torchmetrics_psnr},
    "ssim": {"scikit-image": _skimage_ssim, "torchmetrics": _torchmetrics_ssim},
    "psnr-y": {"MATLAB rgb2ycbcr, formula": _formula_psnr_y},
    "ssim-y": {"MATLAB rgb2ycbcr and ssim_index.m, formula": _formula_ssim_y},
    "ms-ssim": {"pytorch-msssim": _pytorch_msssim, "msssim.m, formula": _formula_ms_ssim},
    "psnr-gtmean": {"opencv-python-headless (RGB2GRAY)": _opencv_gtmean},
    "psnr-aligned": {"numpy (lstsq)": _lstsq_psnr},
    "photometric-share": {"numpy (lstsq)": _lstsq_share},
    "delta-e": {"scikit-image": _skimage_delta_e},
}


def main() -> None:
    """Write the CSV."""
    with CSV.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["picture", "metric", "value", "source"])
        for picture, metric, value, source in rows():
            writer.writerow([picture, metric, f"{value:.12g}", source])


if __name__ == "__main__":
    main()
