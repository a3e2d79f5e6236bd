"""Pixels and error maps inside the report."""

import base64

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from restore_cli.evaluation.report.pictures import (
    HEAT_TOP,
    LONGEST,
    error_map,
    fitted,
    heat,
    heat_gradient,
    heat_uris,
    most_bytes,
    picture_uris,
)

MUCH = 1_000_000


def _picture(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def _decoded(uri: str, kind: str) -> NDArray[np.uint8]:
    """RGB of a data URI."""
    start = f"data:image/{kind};base64,"
    assert uri.startswith(start)
    data = np.frombuffer(base64.b64decode(uri.removeprefix(start)), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


def test_exact_pictures_keep_every_value() -> None:
    eight = np.random.default_rng(0).integers(0, 256, (31, 47, 3), np.uint8)
    found = _decoded(picture_uris([(eight / 255).astype(np.float32)], MUCH)[0], "png")
    np.testing.assert_array_equal(found, eight)


def test_compressed_pictures_stay_close() -> None:
    smooth = cv2.GaussianBlur(_picture(400, 600), (0, 0), 8)
    found = _decoded(picture_uris([smooth], 50_000)[0], "webp")
    assert found.shape == (400, 600, 3)
    assert np.abs(found / 255 - smooth).mean() < 0.01


def test_pictures_that_are_compared_are_embedded_alike() -> None:
    flat, noise = np.full((90, 120, 3), 0.5, np.float32), _picture(90, 120)
    for most in (MUCH, 20_000, 2_000):
        uris = picture_uris([flat, noise], most)
        sizes = {_decoded(uri, uri[11 : uri.index(";")]).shape for uri in uris}
        assert len({uri[: uri.index(",")] for uri in uris}) == len(sizes) == 1
        assert all(len(uri) <= most * 4 / 3 + 40 for uri in uris)


def test_even_noise_fits_into_few_bytes() -> None:
    noise = _picture(900, 1200)
    (uri,) = picture_uris([noise], 58_000)
    assert len(uri) <= 58_000 * 4 / 3 + 40
    assert _decoded(uri, "webp").shape[1] >= 300


def test_large_pictures_are_reduced_by_area() -> None:
    picture = np.zeros((40, 2 * LONGEST, 3), np.float32)
    picture[:, ::2] = 1  # columns of black and white: their mean is grey, one in two is not
    found = _decoded(picture_uris([picture], MUCH)[0], "png")
    assert found.shape == (20, LONGEST, 3)
    assert np.abs(found.astype(int) - 128).max() <= 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [((481, 321), (481, 321)), ((2400, 1800), (800, 600)), ((9000, 2), (800, 1))],
)
def test_sizes_that_fit(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitted(*size, LONGEST) == expected


def test_twelve_pictures_make_three_megabytes_and_a_thousand_still_a_page() -> None:
    assert 12 * 3 * most_bytes(12 * 3) * 4 / 3 < 3_000_000
    assert 3000 * most_bytes(3000) * 4 / 3 <= 90_000_000
    assert most_bytes(10**9) >= 1000


def test_the_error_is_the_mean_over_channels_of_the_absolute_difference() -> None:
    # Large enough for more than one band of rows.
    output, reference = _picture(700, 900, 1), _picture(700, 900, 2)
    expected = np.abs(output.astype(np.float64) - reference).mean(axis=2)
    np.testing.assert_allclose(error_map(output, reference), expected, atol=1e-6)


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="against"):
        error_map(_picture(4, 5), _picture(5, 4))


def test_the_map_gets_brighter_with_the_error_up_to_its_top() -> None:
    colors = heat(np.array([[0, 0.25, 0.5, 0.75, 1, 3]], np.float32) * HEAT_TOP)[0]
    lightness = colors @ np.array([0.2126, 0.7152, 0.0722])
    assert lightness[0] < 3
    assert (np.diff(lightness[:5]) > 20).all()
    np.testing.assert_array_equal(colors[4], colors[5])
    red, _, blue = colors[2]
    assert red > blue, "RGB, not BGR"


def test_the_map_of_no_error_is_black() -> None:
    found = _decoded(heat_uris([np.zeros((20, 30), np.float32)], MUCH)[0], "webp")
    assert found.shape == (20, 30, 3)
    assert found.max() < 10


def test_the_legend_runs_from_the_first_colour_to_the_last() -> None:
    first, last = heat(np.array([[0, HEAT_TOP]], np.float32))[0].tolist()
    gradient = heat_gradient()
    assert gradient.startswith(f"linear-gradient(to right, #{bytes(first).hex()}, ")
    assert gradient.endswith(f"#{bytes(last).hex()})")
