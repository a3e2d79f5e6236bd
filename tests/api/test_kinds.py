from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from restore_cli.api.kinds import listed, open_ahead, open_picture, read_picture
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture


def _pixels(dtype: str, *shape: int) -> NDArray[Any]:
    top = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, top, shape, dtype, endpoint=True)


def _there_and_back(picture: Any) -> Any:  # noqa: ANN401
    opened = open_picture(picture)
    assert opened.image.shape[0] == 3
    return opened.finish(opened.image, ())


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7), (5, 7, 1), (5, 7, 4)])
def test_integer_arrays_come_back_as_they_were(dtype: str, shape: tuple[int, ...]) -> None:
    array = _pixels(dtype, *shape)
    made = _there_and_back(array)
    assert (made.dtype, made.shape) == (array.dtype, array.shape)
    assert np.array_equal(made, array)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7), (5, 7, 4)])
def test_float_arrays_keep_type_and_shape(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).random(shape).astype(dtype)
    made = _there_and_back(array)
    assert (made.dtype, made.shape) == (array.dtype, array.shape)
    assert np.allclose(made, array, atol=1e-6)


def test_an_array_is_not_changed() -> None:
    array = np.linspace(-0.1, 1.1, 60).reshape(4, 5, 3)
    before = array.copy()
    opened = open_picture(array)
    opened.image.zero_()
    assert np.array_equal(array, before)
    assert _there_and_back(array).max() == 1.0


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 8, 8), np.uint8), r"shape \(3, 8, 8\)"),
        (np.zeros((0, 8, 3), np.uint8), "shape"),
        (np.zeros((2, 8, 8, 3), np.uint8), "shape"),
        (np.zeros((8, 8, 3), np.int64), "int64"),
        (np.full((8, 8, 3), 255.0), "values from 255 to 255"),
        (np.full((8, 8, 3), np.nan), "values from nan"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused_with_a_cure(
    array: NDArray[Any], words: str
) -> None:
    with pytest.raises(RestoreError, match=words) as refused:
        open_picture(array)
    assert refused.value.hint


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_pil_images_come_back_in_their_mode(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(_pixels("uint16", 6, 9))
    else:
        image = Image.fromarray(_pixels("uint8", 6, 9, 4), "RGBA").convert(mode)
    image.info["dpi"] = (300, 300)
    made = _there_and_back(image)
    assert (made.mode, made.size, made.info) == (mode, (9, 6), image.info)
    assert np.array_equal(np.asarray(made), np.asarray(image))


@pytest.mark.parametrize(("mode", "becomes"), [("1", "L"), ("P", "RGB"), ("CMYK", "RGB")])
def test_pil_images_of_other_modes_become_the_nearest_one(mode: str, becomes: str) -> None:
    image = Image.fromarray(_pixels("uint8", 6, 9, 3)).convert(mode)
    assert _there_and_back(image).mode == becomes


def test_a_transparent_palette_becomes_alpha() -> None:
    image = Image.fromarray(_pixels("uint8", 6, 9, 3)).convert("P")
    image.info["transparency"] = 0
    made = _there_and_back(image)
    assert made.mode == "RGBA"
    assert np.array_equal(np.asarray(made), np.asarray(image.convert("RGBA")))


def test_a_pil_image_of_floats_is_refused() -> None:
    with pytest.raises(RestoreError, match="mode F"):
        open_picture(Image.new("F", (4, 4)))


def test_the_profile_of_a_pil_image_counts_and_a_damaged_one_does_not() -> None:
    image = Image.fromarray(_pixels("uint8", 6, 9, 3))
    plain = open_picture(image).image
    image.info["icc_profile"] = b"damaged"
    assert open_picture(image).image.equal(plain)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    image.info["icc_profile"] = lab.tobytes()
    assert open_picture(image).image.equal(plain)


def test_paths_of_both_types_give_pictures_with_notes(tmp_path: Path) -> None:
    Picture(_pixels("uint16", 4, 6, 3)).save(str(tmp_path / "a.png"))
    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        opened = open_picture(path)
        made = opened.finish(opened.image, ("a note",))
        assert isinstance(made, Picture)
        assert (made.depth, made.notes) == (16, ("a note",))
        assert np.array_equal(made.pixels, read_picture(path).pixels)


def test_something_else_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not int"):
        open_picture(3)  # pyright: ignore[reportArgumentType]


def test_several_are_opened_in_order_and_an_error_comes_with_its_picture(tmp_path: Path) -> None:
    arrays = [np.full((4, 4, 3), value, np.uint8) for value in (10, 20, 30)]
    opened = open_ahead([*arrays, tmp_path / "missing.png"])
    assert [round(float(next(opened).image.mean()) * 255) for _ in arrays] == [10, 20, 30]
    with pytest.raises(RestoreError, match=r"missing\.png"):
        next(opened)
    assert list(open_ahead([])) == []


def test_one_picture_is_a_list_of_one_and_a_path_stays(tmp_path: Path) -> None:
    array = np.zeros((4, 4, 3), np.uint8)
    assert listed(str(tmp_path)) == tmp_path
    assert listed(array) == [array]
    assert len(list(listed(iter([array, array])))) == 2


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3), (4, 6, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_what_an_upscaler_made_comes_back_as_the_same_kind(
    shape: tuple[int, ...], dtype: type
) -> None:
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    opened = open_picture(np.full(shape, top, dtype))
    made = opened.finish(opened.image.repeat_interleave(2, 1).repeat_interleave(2, 2), ())
    assert made.dtype == dtype
    assert made.shape == (8, 12, *shape[2:])
    np.testing.assert_allclose(made, top, rtol=1e-6)
