"""The simulated world: seeded, composable degradations on tensors."""

from collections.abc import Callable

from restore_cli.degradations.blur import CameraShake, Defocus
from restore_cli.degradations.haze import Haze
from restore_cli.degradations.jitter import PhotometricJitter
from restore_cli.degradations.keep import Keep
from restore_cli.degradations.lowlight import LowLight
from restore_cli.degradations.mosaic import Mosaic
from restore_cli.degradations.noise import File, GaussianNoise, HideSigma, Jpeg, SensorNoise
from restore_cli.degradations.outlier import Outlier
from restore_cli.degradations.rain import Rain
from restore_cli.degradations.recolour import Recolour
from restore_cli.degradations.sample import Degradation
from restore_cli.degradations.shrink import Shrink
from restore_cli.degradations.style import Style

DEGRADATIONS: dict[str, Callable[..., Degradation]] = {
    "gaussian-noise": GaussianNoise,
    "sensor-noise": SensorNoise,
    "file": File,
    "jpeg": Jpeg,
    "hide-sigma": HideSigma,
    "keep": Keep,
    "rain": Rain,
    "haze": Haze,
    "camera-shake": CameraShake,
    "defocus": Defocus,
    "low-light": LowLight,
    "photometric-jitter": PhotometricJitter,
    "recolour": Recolour,
    "shrink": Shrink,
    "mosaic": Mosaic,
    "style": Style,
    "outlier": Outlier,
}
"""What a step of `data.mixture` in a recipe may be."""
