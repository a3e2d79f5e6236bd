"""From a DNG file's calibration to matrices.

Source: Adobe, Digital Negative Specification 1.7.1, chapter 6: between calibrations it interpolates
by inverse temperature; the white of the scene is found from the neutral by iteration; with a
ForwardMatrix white-balanced camera values go straight to XYZ under D50, without one through the
inverse ColorMatrix and Bradford's adaptation. Three calibrations are weighted by nearness in
(inverse temperature, tint), as in Adobe's DNG SDK.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from restore_cli.raw.colorimetry import SRGB_TO_XYZ, Matrix
from restore_cli.raw.fields import Fields
from restore_cli.raw.spectrum import chromaticity
from restore_cli.raw.temperature import D50, D65, XY, temperature_of

_ILLUMINANTS = (50778, 50779, 52529)
_ILLUMINANT_DATA = (52533, 52534, 52535)
_COLOR, _CALIBRATION, _FORWARD = (50721, 50722, 52531), (50723, 50724, 52530), (50964, 50965, 52532)
_ANALOG, _NEUTRAL, _WHITE_XY = 50727, 50728, 50729
_CAMERA_SIGNATURE, _PROFILE_SIGNATURE = 50931, 50932
# EXIF's LightSource in kelvin, as the DNG SDK takes them.
_KELVIN = {
    **dict.fromkeys((3, 17), 2850.0),
    24: 3200.0,
    23: 5000.0,
    **dict.fromkeys((1, 4, 9, 18, 20), 5500.0),
    **dict.fromkeys((10, 19, 21), 6500.0),
    **dict.fromkeys((11, 22), 7500.0),
    12: 6400.0,
    13: 5050.0,
    **dict.fromkeys((2, 14), 4150.0),
    15: 3525.0,
    16: 2925.0,
}
_BRADFORD: Matrix = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_PASSES = 30
_OTHER = 255
_MOST_SAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Calibration:
    """A camera's colours as measured under one light.

    Attributes:
        kelvin: of that light.
        tint: of that light, see `temperature.TINT`.
        color: (3, 3) XYZ to the reference camera.
        forward: (3, 3) white-balanced camera values to XYZ under D50, or None.
        individual: (3, 3) the reference camera to this one.
    """

    kelvin: float
    tint: float
    color: Matrix
    forward: Matrix | None
    individual: Matrix


@dataclass(frozen=True, slots=True)
class CameraColour:
    """A DNG file's camera.

    Attributes:
        calibrations: one to three, by rising temperature.
        analog: (3,) AnalogBalance.
        neutral: (3,) AsShotNeutral, or None.
        white: AsShotWhiteXY, or None.
        notes: calibrations that were passed over, for people.
    """

    calibrations: tuple[Calibration, ...]
    analog: Matrix
    neutral: Matrix | None
    white: XY | None
    notes: tuple[str, ...] = ()

    def as_shot(self) -> Matrix | None:
        """(3,) what the camera sees of the scene's white, green at 1; None where not told."""
        if self.neutral is not None:
            return self.neutral / self.neutral[1]
        return None if self.white is None else self.neutral_of(self.white)

    def neutral_of(self, white: XY) -> Matrix | None:
        """(3,) what the camera sees of a white, green at 1; None where the matrices allow none."""
        seen = self._to_camera(white) @ xyz_of(white)
        return seen / seen[1] if np.isfinite(seen).all() and (seen > 0).all() else None

    def white_of(self, neutral: Matrix) -> XY:
        """Chromaticity of the light under which the camera sees white as `neutral`."""
        last = D50
        for number in range(_PASSES):
            seen = _inverse(self._to_camera(last)) @ neutral
            total = float(seen.sum())
            if not np.isfinite(seen).all() or total <= 0:
                return last
            found = float(seen[0]) / total, float(seen[1]) / total
            if not (0 < found[0] < 1 and 0 < found[1] < 1):
                return last
            if abs(found[0] - last[0]) + abs(found[1] - last[1]) < 1e-7:
                return found
            # Still moving at the end: it swings between two values.
            last = (
                ((found[0] + last[0]) / 2, (found[1] + last[1]) / 2)
                if number == _PASSES - 2
                else found
            )
        return last

    def to_srgb(self, neutral: Matrix) -> Matrix:
        """(3, 3) white-balanced camera values to linear sRGB, white to white.

        Args:
            neutral: (3,) what the camera is to see of white.

        Raises:
            ValueError: the matrices cannot be inverted.
        """
        white = self.white_of(neutral)
        weights = self._weights(white)
        if all(c.forward is not None for c in self.calibrations):
            own = np.diag(self.analog) @ self._mean("individual", weights)
            reference = _inverse(own) @ np.diag(neutral)
            scale = reference.sum(axis=1, keepdims=True)
            if (scale <= 0).any():
                raise ValueError("a calibration that makes white negative")
            to_xyz = self._mean("forward", weights) @ (reference / scale)
        else:
            to_xyz = adaptation(white, D50) @ _inverse(self._to_camera(white)) @ np.diag(neutral)
        matrix = np.linalg.inv(SRGB_TO_XYZ) @ adaptation(D50, D65) @ to_xyz
        sums = matrix.sum(axis=1, keepdims=True)
        if not np.isfinite(matrix).all() or (sums <= 0).any():
            raise ValueError("not the matrices of a camera")
        return matrix / sums

    def _to_camera(self, white: XY) -> Matrix:
        weights = self._weights(white)
        individual, color = self._mean("individual", weights), self._mean("color", weights)
        return np.diag(self.analog) @ individual @ color

    def _mean(self, name: str, weights: Matrix) -> Matrix:
        matrices = np.stack([getattr(c, name) for c in self.calibrations])
        return np.tensordot(weights, matrices, 1)

    def _weights(self, white: XY) -> Matrix:
        """Of the calibrations under a light."""
        return weights_of(white, [(c.kelvin, c.tint) for c in self.calibrations])


def weights_of(white: XY, lights: list[tuple[float, float]]) -> Matrix:
    """How much of each calibration counts under a light.

    Args:
        white: of the scene.
        lights: temperature and tint of each; one to three, by rising temperature.
    """
    kelvin, tint = temperature_of(white)
    if len(lights) == 1:
        return np.ones(1)
    if len(lights) == 2:
        low, high = (1 / lights[0][0], 1 / lights[1][0])
        share = float(np.clip((1 / kelvin - high) / (low - high), 0, 1)) if low > high else 1.0
        return np.array([share, 1 - share])
    place = np.array([min(1500 / kelvin, 1), tint / 200])
    places = np.array([[min(1500 / k, 1), t / 200] for k, t in lights])
    near = 1 / (np.square(places - place).sum(axis=1) + 1e-8)
    near /= near.sum()
    smooth = near**2 * (3 - 2 * near)
    kept = np.clip((smooth - 0.02) / 0.98, 0, 1)
    return kept / kept.sum()


def xyz_of(white: XY) -> Matrix:
    """(3,) XYZ of a chromaticity, Y at 1."""
    return np.array([white[0] / white[1], 1.0, (1 - white[0] - white[1]) / white[1]])


def adaptation(source: XY, target: XY) -> Matrix:
    """(3, 3) XYZ under one white to XYZ under another: Bradford's, linear."""
    before, after = _BRADFORD @ xyz_of(source), _BRADFORD @ xyz_of(target)
    # The DNG SDK's bounds: beyond them a white is nonsense.
    return np.linalg.inv(_BRADFORD) @ np.diag(np.clip(after / before, 0.1, 10)) @ _BRADFORD


def read_colour(first: Fields) -> CameraColour | None:
    """A DNG file's camera from its first directory; None where it tells no usable ColorMatrix."""
    white, analog = first.reals(_WHITE_XY, 2), first.reals(_ANALOG, 3)
    same = first.text(_CAMERA_SIGNATURE) == first.text(_PROFILE_SIGNATURE)
    found, notes = list[Calibration](), list[str]()
    for number, tag in enumerate(_COLOR):
        color = first.reals(tag, 9).reshape(-1, 3)
        light = _light(first, number)
        if tag not in first:
            continue
        if not len(color) or abs(np.linalg.det(color)) < 1e-9:
            notes.append(f"its ColorMatrix{number + 1} makes no sense: passed over")
            continue
        if light is None and (number or first.integer(_ILLUMINANTS[0], 0)):
            what = "passed over" if number else "taken for 5000 K"
            notes.append(f"the light of its ColorMatrix{number + 1} cannot be told: {what}")
            if number:
                continue
        forward = first.reals(_FORWARD[number], 9).reshape(-1, 3)
        individual = first.reals(_CALIBRATION[number], 9).reshape(-1, 3)
        kelvin, tint = light or (5000.0, 0.0)
        usable = len(forward) and (forward.sum(axis=1) > 0).all()
        found.append(
            Calibration(
                kelvin,
                tint,
                color,
                _to_white(forward) if usable else None,
                individual if len(individual) and same else np.eye(3),
            )
        )
    if not found:
        return None
    return CameraColour(
        tuple(sorted(found, key=lambda c: c.kelvin)),
        analog if len(analog) and (analog > 0).all() else np.ones(3),
        read_neutral(first),
        _usable(white),
        tuple(notes),
    )


def read_neutral(first: Fields) -> Matrix | None:
    """(3,) AsShotNeutral as it stands; None where it is absent or makes no sense."""
    neutral = first.reals(_NEUTRAL, 3)
    return neutral if len(neutral) and (neutral > 0).all() else None


def lights_of(first: Fields, count: int) -> list[tuple[float, float]] | None:
    """Temperature and tint of the file's first calibration lights; None where one is not told."""
    lights = [_light(first, number) for number in range(count)]
    return [light for light in lights if light is not None] if None not in lights else None


def _to_white(forward: Matrix) -> Matrix:
    """A ForwardMatrix whose white is exactly D50's, as the DNG SDK makes it."""
    return np.diag(xyz_of(D50) / forward.sum(axis=1)) @ forward


def _usable(white: Matrix) -> XY | None:
    if not len(white) or not ((white > 0.01) & (white < 0.9)).all() or white.sum() >= 1:
        return None
    return float(white[0]), float(white[1])


def _light(first: Fields, number: int) -> tuple[float, float] | None:
    """Temperature and tint of a calibration's light; None where it is not told."""
    code = first.integer(_ILLUMINANTS[number], 0)
    if code in _KELVIN:
        return _KELVIN[code], 0.0
    data = first.bytes(_ILLUMINANT_DATA[number])
    if code != _OTHER or data is None:
        return None
    white = _told_white(data, first.reader.order)
    return None if white is None else temperature_of(white)


def _told_white(data: bytes, order: str) -> XY | None:
    """Chromaticity of a light as IlluminantData tells it: itself, or by its spectrum."""
    if len(data) < 18:
        return None
    kind = int(np.frombuffer(data, order + "u2", 1)[0])
    if kind == 0:
        white = _ratios(data, order, 2, 2)
        return None if white is None else _usable(white)
    count = int(np.frombuffer(data, order + "u4", 1, 2)[0])
    if kind != 1 or not 2 <= count <= min(_MOST_SAMPLES, (len(data) - 22) // 8):
        return None
    values = _ratios(data, order, 6, 2 + count)
    if values is None or values[0] <= 0 or values[1] <= 0:
        return None
    white = chromaticity(values[0] + values[1] * np.arange(count), values[2:])
    return None if white is None else _usable(np.array(white))


def _ratios(data: bytes, order: str, at: int, count: int) -> Matrix | None:
    """(count,) fractions of unsigned numbers; None where one has nothing below its line."""
    pairs = np.frombuffer(data, order + "u4", 2 * count, at).astype(np.float64)
    return pairs[::2] / pairs[1::2] if (pairs[1::2] > 0).all() else None


def _inverse(matrix: Matrix) -> Matrix:
    try:
        return np.linalg.inv(matrix)
    except np.linalg.LinAlgError as error:
        raise ValueError("not the matrix of a camera") from error


def forward_of(to_srgb: Matrix) -> Matrix:
    """(3, 3) the ForwardMatrix of a camera, from balanced values to linear sRGB."""
    return adaptation(D65, D50) @ SRGB_TO_XYZ @ to_srgb
