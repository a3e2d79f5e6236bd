"""Corrections of the lens against their formulas."""

import struct

import cv2
import numpy as np
import pytest

from restore_cli.raw.geometry import fix_vignette, warp_fisheye, warp_rectilinear


def scene(height: int = 60, width: int = 80) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)], axis=2) / 4 + 0.5


def radii(height: int, width: int) -> tuple[np.ndarray, np.ndarray, float]:
    reach = np.hypot(height / 2, width / 2)
    y, x = np.mgrid[:height, :width]
    return (y + 0.5 - height / 2) / reach, (x + 0.5 - width / 2) / reach, reach


def test_vignetting_follows_its_polynomial() -> None:
    flat = np.full((60, 80, 3), 0.5, np.float32)
    seen = fix_vignette(flat, struct.pack(">7d", 0.3, 0.2, 0, 0, 0.1, 0.5, 0.5))
    dy, dx, _ = radii(60, 80)
    square = dy**2 + dx**2
    expected = 0.5 * (1 + 0.3 * square + 0.2 * square**2 + 0.1 * square**5)
    np.testing.assert_allclose(seen[..., 1], expected, rtol=1e-5)


def test_identity_changes_nothing() -> None:
    data = struct.pack(">I6d2d", 1, 1, 0, 0, 0, 0, 0, 0.5, 0.5)
    np.testing.assert_allclose(warp_rectilinear(scene(), data), scene(), atol=1e-5)
    data = struct.pack(">I19d2dI", 1, 1, *[0] * 14, 0, 0, 0, 1, 0.5, 0.5, 0)
    np.testing.assert_allclose(warp_rectilinear(scene(), data, second=True), scene(), atol=1e-5)


def test_distortion_and_lateral_colour_follow_their_formulas() -> None:
    terms = [(1.0, -0.05, 0.02, 0, 0.01, -0.02), (1.0, -0.04, 0, 0, 0, 0), (0.99, 0, 0, 0, 0, 0)]
    data = struct.pack(">I", 3) + b"".join(struct.pack(">6d", *t) for t in terms)
    seen = warp_rectilinear(scene(), data + struct.pack(">2d", 0.5, 0.5))
    dy, dx, reach = radii(60, 80)
    square = dy**2 + dx**2
    for plane, (k0, k1, k2, k3, t0, t1) in enumerate(terms):
        ratio = k0 + k1 * square + k2 * square**2 + k3 * square**3
        x = ratio * dx + t0 * 2 * dx * dy + t1 * (square + 2 * dx**2)
        y = ratio * dy + t1 * 2 * dx * dy + t0 * (square + 2 * dy**2)
        maps = [(p * reach + c - 0.5).astype(np.float32) for p, c in ((x, 40), (y, 30))]
        meant = cv2.remap(scene()[..., plane], *maps, cv2.INTER_CUBIC)
        np.testing.assert_allclose(seen[8:-8, 8:-8, plane], meant[8:-8, 8:-8], atol=1e-4)


def test_a_fisheye_becomes_rectilinear() -> None:
    data = struct.pack(">I4d2d", 1, 1, 0, 0, 0, 0.5, 0.5)
    seen = warp_fisheye(scene(), data)
    dy, dx, reach = radii(60, 80)
    radius = np.hypot(dy, dx)
    ratio = np.arctan(radius) / radius
    maps = [(p * ratio * reach + c - 0.5).astype(np.float32) for p, c in ((dx, 40), (dy, 30))]
    meant = cv2.remap(scene()[..., 0], *maps, cv2.INTER_CUBIC)
    np.testing.assert_allclose(seen[4:-4, 4:-4, 0], meant[4:-4, 4:-4], atol=1e-4)


def test_nonsense_is_refused() -> None:
    for data in (
        struct.pack(">7d", 0, 0, 0, 0, 0, 5, 0.5),
        struct.pack(">7d", float("nan"), 0, 0, 0, 0, 0.5, 0.5),
    ):
        with pytest.raises(ValueError, match=r"centre|no number"):
            fix_vignette(scene(), data)
    with pytest.raises(ValueError, match="planes"):
        warp_rectilinear(scene(), struct.pack(">I", 10**9))
