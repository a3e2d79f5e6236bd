"""Making photos sharp and clean by making them smaller."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from restore_cli.degradations.sample import Range, Sample, as_target, check_options


@dataclass(frozen=True, kw_only=True)
class DownscaleCrop:
    """Shrink the photo, and cut out a piece of fixed size.

    What a camera's demosaicing blurred and JPEG left behind shrinks with it, and edges become as
    sharp as a sensor sees them. The crop of the recipe is what is shrunk: it should be at least
    `side` / `factor` px, or larger factors are drawn. Of one that is smaller than `side` the
    largest square comes out: a recipe whose crop is made small still trains.

    Attributes:
        side: px of the piece.
        factor: range of the factor, drawn uniformly, at most 1.
    """

    side: int = 64
    factor: Range = (0.5, 1.0)

    def __post_init__(self) -> None:
        check_options(vars(self), positive=("factor",))
        if self.factor[1] > 1 or self.side < 1:
            raise ValueError("shrinking needs a factor of at most 1 and a side of at least 1 px")

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Both pictures become the piece, clipped to [0, 1], free of noise."""
        height, width = sample.image.shape[-2:]
        side = min(self.side, height, width)
        factor = max(rng.uniform(*self.factor), side / min(height, width))
        rows, columns = round(height * factor), round(width * factor)
        rows, columns = max(rows, side), max(columns, side)
        pixels = np.ascontiguousarray(sample.image.permute(1, 2, 0).numpy())
        # Averaging whole areas neither rings nor aliases much.
        small = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)
        top = int(rng.integers(rows - side + 1))
        left = int(rng.integers(columns - side + 1))
        piece = small[top : top + side, left : left + side].reshape(side, -1, 3)
        picture = torch.from_numpy(np.ascontiguousarray(piece.transpose(2, 0, 1))).clamp(0, 1)
        return as_target(sample, picture)
