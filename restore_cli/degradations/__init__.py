"""The simulated world: seeded, composable degradations on tensors."""

from collections.abc import Callable

from restore_cli.degradations.auto_exposure import AutoExposure
from restore_cli.degradations.blur import CameraShake, Defocus
from restore_cli.degradations.camera_noise import CameraNoise, UnevenNoise
from restore_cli.degradations.downscale_crop import DownscaleCrop
from restore_cli.degradations.graphics import Graphic
from restore_cli.degradations.haze import Haze
from restore_cli.degradations.jitter import PhotometricJitter
from restore_cli.degradations.lowlight import LowLight
from restore_cli.degradations.mosaic import Mosaic
from restore_cli.degradations.moving import DepthDefocus, MovingThings, TurningShake
from restore_cli.degradations.noise import (
    DropNoiseLevel,
    GaussianNoise,
    Jpeg,
    Quantize8,
    SensorNoise,
)
from restore_cli.degradations.outlier import Outlier
from restore_cli.degradations.rain import Rain
from restore_cli.degradations.recolour import Recolour
from restore_cli.degradations.recompress import Recompress
from restore_cli.degradations.sample import Degradation
from restore_cli.degradations.scenery import ThinThings, WetGround
from restore_cli.degradations.set_target import SetTarget
from restore_cli.degradations.shift_target import ShiftTarget
from restore_cli.degradations.style import Style
from restore_cli.degradations.turn import Turn
from restore_cli.degradations.veil import Veil

DEGRADATIONS: dict[str, Callable[..., Degradation]] = {
    "graphic": Graphic,
    "gaussian-noise": GaussianNoise,
    "sensor-noise": SensorNoise,
    "uneven-noise": UnevenNoise,
    "camera-noise": CameraNoise,
    "quantize8": Quantize8,
    "jpeg": Jpeg,
    "recompress": Recompress,
    "drop-noise-level": DropNoiseLevel,
    "set-target": SetTarget,
    "rain": Rain,
    "veil": Veil,
    "thin-things": ThinThings,
    "wet-ground": WetGround,
    "haze": Haze,
    "camera-shake": CameraShake,
    "defocus": Defocus,
    "turning-shake": TurningShake,
    "moving-things": MovingThings,
    "depth-defocus": DepthDefocus,
    "auto-exposure": AutoExposure,
    "low-light": LowLight,
    "photometric-jitter": PhotometricJitter,
    "shift-target": ShiftTarget,
    "recolour": Recolour,
    "downscale-crop": DownscaleCrop,
    "mosaic": Mosaic,
    "style": Style,
    "outlier": Outlier,
    "turn": Turn,
}
"""What a step of `data.mixture` in a recipe may be."""
