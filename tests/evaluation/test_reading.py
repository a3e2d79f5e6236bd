"""Which pairs are read together, and what becomes of references of another size."""

from pathlib import Path

import numpy as np
import pytest

from restore_cli.errors import RestoreError
from restore_cli.evaluation import reading
from restore_cli.evaluation.pairing import Pair
from restore_cli.evaluation.reading import read_ahead, resized
from restore_cli.images.picture import Picture

RNG = np.random.default_rng(0)


def make_pair(folder: Path, name: str, output: tuple[int, int], reference: tuple[int, int]) -> Pair:
    paths = [folder / f"{name}-{side}.png" for side in "or"]
    for path, size in zip(paths, (output, reference), strict=True):
        Picture(RNG.integers(0, 256, (*size, 3), np.uint8)).write(path)
    return Pair(name, *paths)


def indices(pairs: list[Pair], batch_size: int) -> list[list[int]]:
    return [[one.index for one in batch] for batch in read_ahead(pairs, batch_size, 2, None)]


def test_batches_hold_near_pairs_of_one_size(tmp_path: Path) -> None:
    sizes = [(5, 7), (7, 5), (5, 7), (5, 7), (7, 5)]
    pairs = [make_pair(tmp_path, str(i), size, size) for i, size in enumerate(sizes)]
    assert indices(pairs, 2) == [[0, 2], [1, 4], [3]]
    assert indices(pairs, 1) == [[0], [1], [2], [3], [4]]


def test_batches_hold_few_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [make_pair(tmp_path, str(i), (5, 7), (5, 7)) for i in range(4)]
    monkeypatch.setattr(reading, "BATCH_PIXELS", 3 * 5 * 7)
    assert indices(pairs, 4) == [[0, 1, 2], [3]]
    monkeypatch.setattr(reading, "BATCH_PIXELS", 1)
    assert indices(pairs, 4) == [[0], [1], [2], [3]]


def test_samples_wait_as_the_file_has_them(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, "a", (5, 7), (5, 7))
    ((one,),) = read_ahead([pair], 1, 1, None)
    assert one.pair == pair
    assert one.output.dtype == np.uint8
    np.testing.assert_array_equal(one.output, Picture.read(pair.output).pixels)
    np.testing.assert_array_equal(one.reference, Picture.read(pair.reference).pixels)


def test_a_larger_reference_is_refused_cropped_or_resized(tmp_path: Path) -> None:
    pair = make_pair(tmp_path, "a", (5, 7), (9, 13))
    with pytest.raises(RestoreError, match=r"a-o\.png is 7x5, its reference 13x9"):
        list(read_ahead([pair], 1, 1, None))
    whole = Picture.read(pair.reference).pixels
    ((cropped,),) = read_ahead([pair], 1, 1, "crop")
    np.testing.assert_array_equal(cropped.reference, whole[2:-2, 3:-3])
    ((smaller,),) = read_ahead([pair], 1, 1, "resize")
    np.testing.assert_array_equal(smaller.reference, resized(whole, 5, 7))


def test_resizing_keeps_flat_pictures_and_stays_in_range() -> None:
    flat = np.full((4, 6, 3), 51, np.uint8)
    for size in ((2, 3), (8, 12), (3, 9)):
        out = resized(flat, *size)
        assert out.shape == (*size, 3)
        assert out.dtype == np.float32
        np.testing.assert_allclose(out, 0.2, atol=1e-6)
    edge = np.zeros((6, 6, 1), np.uint16)
    edge[:, 3:] = 65535
    larger = resized(edge, 24, 24)
    assert larger.shape == (24, 24, 1)
    assert (float(larger.min()), float(larger.max())) == (0.0, 1.0)
