"""Cameras to simulate: how they see colour, and how they count photons."""

import math
from dataclasses import dataclass

import numpy as np

from restore_cli.raw.colorimetry import SRGB_TO_XYZ, Matrix, balanced_matrix
from restore_cli.raw.dng_color import forward_of

# XYZ (D65) to camera, times 10,000, in rows: the ColorMatrix2 that DNG files of these cameras
# carry. A simulation needs plausible spectral responses, not these models in particular.
_COLOR_MATRICES: dict[str, tuple[int, int, int, int, int, int, int, int, int]] = {
    "Canon EOS 5D Mark II": (4716, 603, -830, -7798, 15474, 2480, -1496, 1937, 6651),
    "Canon EOS 5D Mark III": (6722, -635, -963, -4287, 12460, 2028, -908, 2162, 5668),
    "Canon EOS 550D": (6941, -1164, -857, -3825, 11597, 2534, -416, 1540, 6039),
    "Canon EOS 40D": (6071, -747, -856, -7653, 15365, 2441, -2025, 2553, 7315),
    "Nikon D90": (7309, -1403, -519, -8474, 16008, 2622, -2434, 2826, 8064),
    "Nikon D700": (8139, -2171, -663, -8747, 16541, 2295, -1925, 2008, 8093),
    "Nikon D7000": (8198, -2239, -724, -4871, 12389, 2798, -1043, 2050, 7181),
    "Nikon D800": (7866, -2108, -555, -4869, 12483, 2681, -1176, 2069, 7501),
    "Sony A900": (5209, -1072, -397, -8845, 16120, 2919, -1618, 1803, 8654),
    "Sony A7": (5271, -712, -347, -6153, 13653, 2763, -1601, 2366, 7242),
    "Sony NEX-5": (6549, -1550, -436, -4880, 12435, 2753, -854, 1868, 6976),
    "Pentax K-5": (8713, -2833, -743, -4342, 11900, 2772, -722, 1543, 6247),
    "Olympus E-M5": (8380, -2630, -639, -2887, 10725, 2496, -627, 1427, 5438),
    "Panasonic GH2": (7780, -2410, -806, -3913, 11724, 2484, -1018, 2390, 5298),
}

FULL_WELL = 25_000.0
"""Electrons at saturation at ISO 100: a sensor of APS-C size."""

READ_ELECTRONS, READ_CODES = 3.0, 4e-4
"""Read noise before amplification, in electrons, and after it, as a part of full scale."""


@dataclass(frozen=True, slots=True)
class Camera:
    """What a camera makes of colours.

    Attributes:
        xyz_to_camera: (3, 3), DNG's ColorMatrix under D65.
        neutral: (3,), what it sees of a white under the light of the scene, largest 1: DNG's
            AsShotNeutral.
    """

    xyz_to_camera: Matrix
    neutral: Matrix

    @classmethod
    def plain(cls) -> "Camera":
        """One that sees linear sRGB."""
        return cls(np.linalg.inv(SRGB_TO_XYZ), np.ones(3))

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Camera":
        """A mixture of two of the known ones, under a light between tungsten and shade.

        As Brooks et al., "Unprocessing images for learned raw denoising", CVPR 2019, who draw
        mixtures of four cameras and gains between 1.5 and 2.4.
        """
        known = np.array(list(_COLOR_MATRICES.values()), np.float64).reshape(-1, 3, 3) / 10_000
        first, second = known[rng.choice(len(known), 2, replace=False)]
        share = rng.uniform()
        neutral = np.array([1 / rng.uniform(1.3, 2.6), 1.0, 1 / rng.uniform(1.2, 2.6)])
        return cls(share * first + (1 - share) * second, neutral)

    @classmethod
    def named(cls, name: str, neutral: tuple[float, float, float] = (0.5, 1.0, 0.65)) -> "Camera":
        """One of the known cameras under a given light. Raises KeyError for an unknown one."""
        matrix = np.array(_COLOR_MATRICES[name], np.float64).reshape(3, 3) / 10_000
        return cls(matrix, np.array(neutral))

    def from_srgb(self) -> Matrix:
        """(3, 3): linear sRGB to white-balanced camera values, white to white."""
        return balanced_matrix(self.xyz_to_camera)

    def forward(self) -> Matrix:
        """(3, 3): white-balanced camera values to XYZ under D50: DNG's ForwardMatrix."""
        return forward_of(np.linalg.inv(self.from_srgb()))


@dataclass(frozen=True, slots=True)
class Noise:
    """Poisson-Gaussian noise: variance `shot` * x + `read`**2, x from 0 (black) to 1 (white).

    Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data", IEEE TIP 2008.
    """

    shot: float
    read: float

    @classmethod
    def of_iso(cls, iso: float, *, size: float = 1.0) -> "Noise":
        """That of a sensor at this ISO; `size` is its area, 1 for APS-C."""
        shot = iso / 100 / (FULL_WELL * size)
        return cls(shot, math.hypot(READ_ELECTRONS * shot, READ_CODES))

    def deviation(self, signal: Matrix) -> Matrix:
        """Standard deviation at these signals."""
        return np.sqrt(self.shot * np.maximum(signal, 0) + self.read**2)
