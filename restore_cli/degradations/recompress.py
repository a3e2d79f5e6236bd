"""Pictures that were compressed, cut, and compressed again: the world of `dejpeg`."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import torch

from restore_cli.degradations.sample import Sample, check_options, measure

_SAMPLINGS = (
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)


@dataclass(frozen=True, kw_only=True)
class Recompress:
    """JPEG once or twice, on shifted grids, or WebP, with any chroma subsampling.

    Attributes:
        quality: range of the quality setting, drawn uniformly.
        double_probability: how often the picture was compressed before, at another quality.
        shift_probability: how often a grid of 8x8 px does not begin in the corner.
        webp_probability: how often WebP takes JPEG's place.
        probability: how often it happens; the rest passes unchanged.
    """

    quality: tuple[int, int] = (10, 90)
    double_probability: float = 0.3
    shift_probability: float = 0.4
    webp_probability: float = 0.1
    probability: float = 1.0

    def __post_init__(self) -> None:
        check_options(vars(self))

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Compress and decompress; the level is the lowest quality, NaN after WebP, 0 untouched."""
        if rng.uniform() >= self.probability:
            return measure(sample, "quality", 0.0)
        codes = (sample.image.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
        pixels = np.ascontiguousarray(codes.permute(1, 2, 0).numpy()[:, :, ::-1])
        lowest = math.inf
        for _ in range(1 + int(rng.uniform() < self.double_probability)):
            quality = int(rng.integers(self.quality[0], self.quality[1] + 1))
            webp = rng.uniform() < self.webp_probability
            shifted = rng.uniform() < self.shift_probability
            down, right = (int(v) for v in rng.integers(0, 8, 2)) if shifted else (0, 0)
            sampling = _SAMPLINGS[int(rng.integers(len(_SAMPLINGS)))]
            framed = cv2.copyMakeBorder(pixels, down, 0, right, 0, cv2.BORDER_REPLICATE)
            pixels = _through(np.asarray(framed, np.uint8), quality, sampling, webp=webp)[
                down:, right:
            ]
            pixels = np.ascontiguousarray(pixels)
            lowest = math.nan if webp else min(lowest, quality)  # NaN stays: min(nan, x) is nan
        image = torch.from_numpy(np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1)))
        changed = replace(sample, image=image.to(torch.float32) / 255, sigma=math.nan)
        return measure(changed, "quality", lowest)


def _through(
    pixels: npt.NDArray[np.uint8], quality: int, sampling: int, *, webp: bool
) -> npt.NDArray[np.uint8]:
    """A file of (H, W, 3) BGR, written and read."""
    if webp:
        suffix, settings = ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality]
    else:
        suffix, settings = ".jpg", [
            cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling,
        ]  # fmt: skip
    _, code = cv2.imencode(suffix, pixels, settings)
    back = cv2.imdecode(code, cv2.IMREAD_COLOR)
    if back is None:
        raise RuntimeError("OpenCV could not read the file that it wrote")
    return np.asarray(back, np.uint8)
