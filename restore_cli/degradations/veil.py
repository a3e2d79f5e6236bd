"""The thin grey air of wet days: it grows with distance and takes contrast away."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import torch

from restore_cli.degradations.random_fields import depth
from restore_cli.degradations.sample import Range, Sample, Sometimes

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Veil(Sometimes):
    """A veil over a picture: rain comes with it, and so do dry days.

    Before `set-target` it belongs to the photo, so that a derainer does not take a veil for rain.

    Attributes:
        opacity: range of the opacity at the farthest place.
        near: range of the opacity at the nearest place, as a share of that.
        contrast: range of the factor on the distance from the mean brightness.
    """

    opacity: Range = (0.0, 0.6)
    near: Range = (0.0, 0.7)
    contrast: Range = (0.7, 1.0)

    def degraded(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Veil `sample.image`, clipped to [0, 1]; the target stays, and so does the level."""
        picture = sample.image.clamp(0, 1).numpy()
        veiled = self.over(picture, rng)
        return replace(sample, image=torch.from_numpy(veiled), sigma=float("nan"))

    def over(self, picture: Plane, rng: np.random.Generator) -> Plane:
        """The same on an array (3, H, W) in [0, 1]."""
        height, width = picture.shape[1:]
        contrast = np.float32(rng.uniform(*self.contrast))
        opacity = rng.uniform(*self.opacity)
        near = rng.uniform(*self.near)
        rows, columns = max(2, height // 4), max(2, width // 4)
        field = near + (1 - near) * depth(rows, columns, rng)
        through = 1 - opacity * np.clip(field, 0, 1)
        through = np.asarray(
            cv2.resize(through.astype(np.float32), (width, height)), np.float32
        ).reshape(height, width)
        air = rng.uniform(0.45, 0.95) * (1 - rng.uniform(0, 0.08, 3))
        flat = np.float32(picture.mean()) * (1 - contrast)
        out = np.empty_like(picture)
        for channel in range(3):
            light = picture[channel] * contrast + flat - np.float32(air[channel])
            out[channel] = light * through + np.float32(air[channel])
        return np.clip(out, 0, 1, out=out)
