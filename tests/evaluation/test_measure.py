import math
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from torch import Tensor

from restore_cli.errors import ExitCode, RestoreError
from restore_cli.evaluation import reading as module
from restore_cli.evaluation.measure import measure
from restore_cli.evaluation.measurement import Measurement, MetricInfo, Row
from restore_cli.evaluation.metrics import psnr
from restore_cli.evaluation.pairing import Pair
from restore_cli.images.picture import Picture

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)


class Fake:
    """Mean squared error, and a look at what came."""

    name, unit, higher_is_better, per_picture, protocol = "mse", "", False, True, "MSE; range 1"

    def __init__(self, watch: Callable[[Tensor, Tensor], None] | None = None) -> None:
        self.batches: list[tuple[Tensor, Tensor]] = []
        self.values: list[float] = []
        self.watch = watch or (lambda a, b: self.batches.append((a, b)))

    def update(self, output: Tensor, reference: Tensor) -> Tensor:
        self.watch(output, reference)
        error = (output.double() - reference.double()).square().mean(dim=(1, 2, 3))
        self.values += error.tolist()
        return error

    def compute(self) -> float:
        return sum(self.values) / len(self.values)


class Psnr(Fake):
    name, unit, higher_is_better, protocol = "psnr", "dB", True, "PSNR; range 1"

    def update(self, output: Tensor, reference: Tensor) -> Tensor:
        self.watch(output, reference)
        return psnr(output, reference)


class OfTheSet(Fake):
    name, per_picture = "set", False

    def update(self, output: Tensor, reference: Tensor) -> None:
        self.values.append(len(output))

    def compute(self) -> float:
        return sum(self.values)


def write(path: Path, height: int, width: int, channels: int = 3, dtype: type = np.uint8) -> Path:
    top = np.iinfo(dtype).max
    Picture(RNG.integers(0, top, (height, width, channels), dtype, endpoint=True)).write(path)
    return path


def make_pairs(folder: Path, sizes: list[tuple[int, int]]) -> list[Pair]:
    return [
        Pair(f"{i:03}", write(folder / f"o{i}.png", *size), write(folder / f"r{i}.png", *size))
        for i, size in enumerate(sizes)
    ]


def run(pairs: list[Pair], *metrics: Fake, **options: int) -> list[Row]:
    batch_size, workers = options.pop("batch_size", 1), options.pop("workers", 2)
    return list(
        measure(pairs, metrics, device=CPU, batch_size=batch_size, workers=workers, **options)
    )


def test_every_pair_gets_its_own_numbers_in_order(tmp_path: Path) -> None:
    pairs = make_pairs(tmp_path, [(5, 7), (6, 4), (5, 7), (6, 4), (9, 9)])
    rows = run(pairs, Fake(), Psnr(), batch_size=3)
    assert [row.pair for row in rows] == pairs
    assert [(row.height, row.width) for row in rows] == [(5, 7), (6, 4), (5, 7), (6, 4), (9, 9)]
    for row in rows:
        ours, theirs = (
            np.asarray(Image.open(path)) / 255 for path in (row.pair.output, row.pair.reference)
        )
        mse = float(np.mean((ours - theirs) ** 2))
        assert row.values["mse"] == pytest.approx(mse, rel=1e-6)
        assert row.values["psnr"] == pytest.approx(-10 * math.log10(mse), abs=1e-5)


def test_pictures_of_one_size_that_lie_near_share_a_batch(tmp_path: Path) -> None:
    pairs = make_pairs(tmp_path, [(5, 7), (7, 5)] * 4)
    fake = Fake()
    rows = run(pairs, fake, batch_size=4)
    assert [tuple(a.shape) for a, _ in fake.batches] == [(4, 3, 5, 7), (4, 3, 7, 5)]
    alone = run(pairs, Fake(), batch_size=1)
    assert [row.values for row in rows] == [
        {"mse": pytest.approx(row.values["mse"], rel=1e-12)} for row in alone
    ]


def test_large_pictures_are_not_batched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_PIXELS", 70)
    fake = Fake()
    run(make_pairs(tmp_path, [(5, 7)] * 4), fake, batch_size=4)
    assert [len(a) for a, _ in fake.batches] == [2, 2]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_samples_become_what_the_picture_says(tmp_path: Path, dtype: type, channels: int) -> None:
    paths = [write(tmp_path / f"{n}.png", 5, 7, channels, dtype) for n in "ab"]
    fake = Fake()
    run([Pair("x", *paths)], fake)
    for path, tensor in zip(paths, fake.batches[0], strict=True):
        expected = Picture.read(path).to_srgb()[..., :channels].transpose(2, 0, 1)[None]
        assert tensor.dtype == torch.float32
        assert tensor.is_contiguous()
        np.testing.assert_array_equal(tensor.numpy(), expected)


def test_grey_against_colour_is_repeated(tmp_path: Path) -> None:
    grey, colour = write(tmp_path / "g.png", 5, 7, 1), write(tmp_path / "c.png", 5, 7, 3)
    fake = Fake()
    run([Pair("x", grey, colour), Pair("y", colour, grey)], fake)
    first, second = fake.batches
    assert first[0].shape == second[1].shape == (1, 3, 5, 7)
    assert torch.equal(first[0][:, 0], first[0][:, 2])
    assert torch.equal(first[0], second[1])


def test_depths_and_colours_of_one_size_do_not_mix(tmp_path: Path) -> None:
    kinds = [(3, np.uint8), (1, np.uint8), (3, np.uint16), (3, np.uint8)]
    pairs = [
        Pair(
            str(i),
            write(tmp_path / f"o{i}.png", 5, 7, *kind),
            write(tmp_path / f"r{i}.png", 5, 7, *kind),
        )
        for i, kind in enumerate(kinds)
    ]
    fake = Fake()
    rows = run(pairs, fake, batch_size=4)
    assert [tuple(a.shape) for a, _ in fake.batches] == [(2, 3, 5, 7), (1, 1, 5, 7), (1, 3, 5, 7)]
    assert [row.pair.name for row in rows] == ["0", "1", "2", "3"]


def test_profiles_are_converted_before_comparing(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (5, 7, 3), np.uint8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, icc in {"plain": None, "srgb": srgb}.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png", icc_profile=icc)
    gamma = _with_gamma(srgb)
    Image.fromarray(pixels).save(tmp_path / "other.png", icc_profile=gamma)
    fake = Fake()
    plain = tmp_path / "plain.png"
    rows = run(
        [Pair("same", tmp_path / "srgb.png", plain), Pair("other", tmp_path / "other.png", plain)],
        fake,
    )
    assert rows[0].values["mse"] == 0
    assert rows[1].values["mse"] > 1e-4
    expected = Picture.read(tmp_path / "other.png").to_srgb().transpose(2, 0, 1)
    np.testing.assert_array_equal(fake.batches[1][0][0].numpy(), expected)


def _with_gamma(srgb: bytes) -> bytes:
    """The same profile with a pure gamma of 1.8 for its curves."""
    at = srgb.index(b"para")
    kind = int.from_bytes(srgb[at + 8 : at + 10], "big")
    assert kind == 3
    new = bytearray(srgb)
    new[at + 8 : at + 10] = (0).to_bytes(2, "big")
    new[at + 12 : at + 16] = round(1.8 * 65536).to_bytes(4, "big")
    return bytes(new)


def test_identical_pictures_are_infinite_in_psnr(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", 5, 7)
    (row,) = run([Pair("a", path, path)], Psnr())
    assert row.values == {"psnr": math.inf}


@pytest.mark.parametrize(("size", "how"), [((8, 6), cv2.INTER_CUBIC), ((3, 2), cv2.INTER_AREA)])
@pytest.mark.parametrize("channels", [1, 3])
def test_reference_is_resized_only_if_asked(
    tmp_path: Path, size: tuple[int, int], how: int, channels: int
) -> None:
    output = write(tmp_path / "o.png", *size, channels)
    reference = write(tmp_path / "r.png", 5, 4, channels)
    with pytest.raises(RestoreError, match="its reference 4x5"):
        run([Pair("x", output, reference)], Fake())
    fake = Fake()
    (row,) = run([Pair("x", output, reference)], fake, resize_reference=True)
    assert (row.height, row.width) == size
    samples = Picture.read(reference).to_srgb()[..., :channels]
    expected = np.clip(cv2.resize(samples, size[::-1], interpolation=how), 0, 1)
    expected = expected.reshape(*size, channels).transpose(2, 0, 1)
    np.testing.assert_array_equal(fake.batches[0][1][0].numpy(), expected)
    assert 0 <= float(fake.batches[0][1].min()) <= float(fake.batches[0][1].max()) <= 1


def test_metric_of_the_whole_set_has_no_row_values(tmp_path: Path) -> None:
    pairs = make_pairs(tmp_path, [(5, 7)] * 3)
    metrics = [Fake(), OfTheSet()]
    rows = list(measure(pairs, metrics, device=CPU, batch_size=2, workers=1))
    assert [set(row.values) for row in rows] == [{"mse"}] * 3
    measurement = Measurement.of("out", rows, metrics)
    assert measurement.totals["set"] == 3
    assert measurement.totals["mse"] == pytest.approx(sum(r.values["mse"] for r in rows) / 3)
    assert measurement.metrics["set"] == MetricInfo("set", "", False, False, "MSE; range 1")


def test_file_that_turns_out_damaged_is_named_after_the_rows_before(tmp_path: Path) -> None:
    pairs = make_pairs(tmp_path, [(64, 64)] * 6)
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "o3.jpg")
    data = (tmp_path / "o3.jpg").read_bytes()
    (tmp_path / "o3.jpg").write_bytes(data[: len(data) // 2])
    pairs[3] = Pair("003", tmp_path / "o3.jpg", pairs[3].reference)
    rows = measure(pairs, [Fake()], device=CPU, batch_size=1, workers=2)
    assert [next(rows).pair.name for _ in range(3)] == ["000", "001", "002"]
    with pytest.raises(RestoreError, match=r"o3\.jpg") as caught:
        next(rows)
    assert caught.value.exit_code == ExitCode.USAGE
    assert not [t for t in threading.enumerate() if t.name.startswith("read")]


def test_what_a_metric_refuses_is_told_with_the_file(tmp_path: Path) -> None:
    def refuse(output: Tensor, reference: Tensor) -> None:
        raise RestoreError("too small for its window", hint="leave it out")

    with pytest.raises(RestoreError, match=r"o0\.png: too small for its window") as caught:
        run(make_pairs(tmp_path, [(5, 7)]), Fake(refuse))
    assert caught.value.hint == "leave it out"


def test_batch_that_does_not_fit_is_halved_and_counts_once(tmp_path: Path) -> None:
    seen: list[int] = []

    def little_memory(output: Tensor, reference: Tensor) -> None:
        if len(output) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        seen.append(len(output))

    pairs = make_pairs(tmp_path, [(5, 7)] * 7)
    fake = Fake(little_memory)
    rows = run(pairs, fake, batch_size=7)
    assert seen == [1, 2, 2, 2]
    assert [row.values["mse"] for row in rows] == fake.values


def test_picture_that_does_not_fit_alone_is_named(tmp_path: Path) -> None:
    def no_memory(output: Tensor, reference: Tensor) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")

    with pytest.raises(RestoreError, match=r"o0\.png: not enough memory"):
        run(make_pairs(tmp_path, [(5, 7)] * 2), Fake(no_memory), batch_size=2)


def test_other_errors_of_a_metric_are_not_hidden(tmp_path: Path) -> None:
    def bug(output: Tensor, reference: Tensor) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="multiplied"):
        run(make_pairs(tmp_path, [(5, 7)] * 2), Fake(bug), batch_size=2)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_many_pairs_never_sit_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    path = write(tmp_path / "a.png", 5, 7)
    other = write(tmp_path / "b.png", 5, 7)
    lock = threading.RLock()
    live = most = 0

    def count(change: int) -> None:
        nonlocal live
        with lock:
            live += change

    def read(where: Path) -> Picture:
        pixels = np.zeros((5, 7, 3), np.uint8)
        count(1)
        weakref.finalize(pixels, count, -1)
        return Picture(pixels)

    def watch(output: Tensor, reference: Tensor) -> None:
        nonlocal most
        time.sleep(0.0005)  # so that readers could run ahead
        most = max(most, live)

    monkeypatch.setattr(module.Picture, "read", read)
    workers = 2
    pairs = [Pair(str(i), path, other) for i in range(300)]
    rows = measure(pairs, [Fake(watch)], device=CPU, batch_size=batch_size, workers=workers)
    assert sum(1 for _ in rows) == 300
    # What waits, what is being computed, and what is just being read.
    assert batch_size * 2 < most <= 2 * (2 * workers + 2 * batch_size)


def test_pixels_that_wait_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AHEAD_PIXELS", 10)
    started: list[int] = []
    real = module._load

    def load(index: int, pair: Pair, resize: bool) -> object:
        started.append(index)
        return real(index, pair, resize)

    monkeypatch.setattr(module, "_load", load)
    ahead: list[int] = []

    def watch(output: Tensor, reference: Tensor) -> None:
        time.sleep(0.02)
        ahead.append(len(started))

    run(make_pairs(tmp_path, [(5, 7)] * 5), Fake(watch), workers=4)
    # One is computed while one is read, whatever the size.
    assert ahead == [2, 3, 4, 5, 5]


def test_reading_overlaps_computing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.png", 5, 7)
    picture, spans = Picture.read(path), {"read": 0.0, "compute": 0.0}

    def slow(kind: str) -> None:
        time.sleep(0.02)
        spans[kind] += 0.02

    def read(where: Path) -> Picture:
        slow("read")
        return picture

    monkeypatch.setattr(module.Picture, "read", read)
    pairs = [Pair(str(i), path, path) for i in range(30)]
    begun = time.perf_counter()
    run(pairs, Fake(lambda a, b: slow("compute")), workers=2)
    assert time.perf_counter() - begun < 0.85 * sum(spans.values())


def test_computing_leaves_the_readers_their_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [6]
    monkeypatch.setattr(torch, "get_num_threads", lambda: now[0])
    monkeypatch.setattr(torch, "set_num_threads", lambda count: now.__setitem__(0, count))
    seen: list[int] = []
    pairs = make_pairs(tmp_path, [(5, 7)] * 2)
    run(pairs, Fake(lambda a, b: seen.append(now[0])), workers=2)
    assert (seen, now) == ([4, 4], [6])
    run(pairs, Fake(lambda a, b: seen.append(now[0])), workers=9)
    assert (seen[2:], now) == ([1, 1], [6])


def test_stopping_early_ends_the_threads(tmp_path: Path) -> None:
    rows = measure(
        make_pairs(tmp_path, [(5, 7)] * 9), [Fake()], device=CPU, batch_size=1, workers=2
    )
    next(rows)
    rows.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert not [t for t in threading.enumerate() if t.name.startswith("read")]


def test_no_pairs_give_no_rows() -> None:
    assert run([], Fake()) == []


def test_pictures_that_differ_in_alpha_alone_differ(tmp_path: Path) -> None:
    pixels = np.full((16, 16, 3), 200, np.uint8)
    for name, alpha in (("a", 255), ("b", 100)):
        Picture(pixels, np.full((16, 16), alpha, np.uint8)).write(tmp_path / f"{name}.png")
    pairs = [Pair("a", tmp_path / "a.png", tmp_path / "b.png")]
    (row,) = measure(pairs, [Fake()], device=CPU, batch_size=1, workers=1)
    expected = (200 / 255 * (1 - 100 / 255)) ** 2
    assert row.values["mse"] == pytest.approx(expected, abs=1e-5)


def test_the_middle_of_a_larger_reference_is_compared(tmp_path: Path) -> None:
    pixels = RNG.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    Picture(pixels).write(tmp_path / "r.png")
    Picture(pixels[10:-10, 10:-10]).write(tmp_path / "o.png")
    pairs = [Pair("a", tmp_path / "o.png", tmp_path / "r.png")]
    (row,) = measure(pairs, [Fake()], device=CPU, batch_size=1, workers=1, crop_reference=True)
    assert row.values["mse"] == 0
