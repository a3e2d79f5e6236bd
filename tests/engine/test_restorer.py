"""Any size, any window, any accident: the result is that of the network on the whole picture."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from fake_networks import FullAbove, Net, Noisy, SmoothingUNet, blur, strided
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.engine import memory
from restore_cli.engine import restorer as rooms
from restore_cli.engine.restorer import Restored, Restorer
from restore_cli.errors import RestoreError


def _picture(height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height * 1000 + width)
    return torch.rand(3, height, width, generator=generator)


def _restorer(network: nn.Module, **options: object) -> Restorer:
    return Restorer(network, **{"device": "cpu", "precision": "fp32", **options})  # type: ignore[arg-type]


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 8, 16, 64]))
@settings(max_examples=25, deadline=None)
def test_any_size_comes_back_exactly(height: int, width: int, multiple: int) -> None:
    image = _picture(height, width)
    result = _restorer(Net(lambda x: x.clone(), multiple), tile="none")(image)
    assert torch.equal(result.image, image)
    assert (result.tile, result.device, result.precision) == (None, "cpu", "fp32")
    assert result.notes == ()


@given(st.integers(1, 220), st.integers(1, 220), st.integers(0, 56), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_tiles_of_an_identity_give_the_picture_exactly(
    height: int, width: int, overlap: int, batch: int
) -> None:
    image = _picture(height, width)
    network = Net(lambda x: x)
    result = _restorer(network, tile=64, overlap=overlap, batch_size=batch)(image)
    assert torch.equal(result.image, image)
    assert all(max(shape[2:]) <= 64 and shape[0] <= batch for shape in network.seen)
    assert result.tile == (64 if max(height, width) > 64 else None)


@pytest.mark.parametrize("size", [(150, 201), (64, 500), (300, 9), (1, 400)])
@pytest.mark.parametrize("make", [blur, strided])
def test_tiled_equals_whole_when_the_context_suffices(
    make: Callable[[], Net], size: tuple[int, int]
) -> None:
    image = _picture(*size)
    whole = _restorer(make(), tile="none")(image)
    tiled = _restorer(make(), tile=64, overlap=32, batch_size=2)(image)
    assert (whole.tile, tiled.tile) == (None, 64)
    torch.testing.assert_close(tiled.image, whole.image, atol=1e-6, rtol=0)


@pytest.mark.parametrize("tile", [128, 256])
def test_no_seams_in_a_deep_network(tile: int) -> None:
    image = F.avg_pool2d(_picture(352, 500), 3, 1, 1)
    whole = _restorer(SmoothingUNet(), tile="none")(image).image
    tiled = _restorer(SmoothingUNet(), tile=tile)(image).image
    # The network is no bystander: it changes the picture by far more than the tiles do.
    assert (whole - image).abs().mean() > 0.05
    assert (tiled - whole).abs().max() <= 2 / 255


@pytest.mark.parametrize("grey", [0.0, 0.3, 1.0])
def test_flat_grey_is_the_same_to_the_last_bit(grey: float) -> None:
    image = torch.full((3, 200, 333), grey)
    # Means of four equal numbers are exact; a convolution's last bit may depend on the width.
    network = Net(lambda x: 0.9 * F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0) + 0.03)
    whole = _restorer(network, tile="none")(image).image
    tiled = _restorer(network, tile=64)(image).image
    assert torch.equal(tiled, whole)
    assert len(network.seen) > 20


def test_the_input_stays_and_the_output_is_an_ordinary_tensor_in_range() -> None:
    image = _picture(20, 30)
    before = image.clone()
    result = _restorer(Net(lambda x: x.mul_(3).sub_(1)))(image).image
    assert torch.equal(image, before)
    assert not result.is_inference()
    torch.testing.assert_close(result, (before * 3 - 1).clamp(0, 1))


def test_strength_blends_linearly() -> None:
    image = _picture(30, 21)
    restorer = _restorer(Net(lambda x: 1 - x))
    assert torch.equal(restorer(image, strength=0.0).image, image)
    torch.testing.assert_close(
        restorer(image, strength=0.25).image, 0.75 * image + 0.25 * (1 - image)
    )
    torch.testing.assert_close(restorer(image).image, 1 - image)


def test_tta_is_the_mean_over_flips_and_turns() -> None:
    image = _picture(24, 40)
    restorer = _restorer(Net(lambda x: x.roll(1, 3)), tile="none")
    expected = torch.zeros_like(image)
    for turns in range(4):
        for flip in (False, True):
            seen = torch.rot90(image, turns, (1, 2))
            seen = (seen.flip(2) if flip else seen).roll(1, 2)
            expected += torch.rot90(seen.flip(2) if flip else seen, -turns, (1, 2)) / 8
    torch.testing.assert_close(restorer(image, tta=True).image, expected)
    assert not torch.allclose(restorer(image).image, expected)


def test_tta_in_tiles_equals_tta_of_the_whole() -> None:
    image = _picture(150, 90)
    whole = _restorer(strided(), tile="none")(image, tta=True).image
    tiled = _restorer(strided(), tile=64)(image, tta=True).image
    torch.testing.assert_close(tiled, whole, atol=1e-6, rtol=0)


def test_sigma_reaches_the_network_on_its_own_scale() -> None:
    image = _picture(100, 200)
    restorer = _restorer(Noisy(), tile=64, batch_size=3)
    torch.testing.assert_close(restorer(image, level=51.0).image, torch.full_like(image, 0.2))
    assert not restorer(image).image.any()


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        (Net(lambda x: x), {"level": 10.0}, "takes no level"),
        (Noisy(), {"level": -1.0}, "outside 0..255"),
        (Noisy(), {"level": float("nan")}, "outside 0..255"),
        (Net(lambda x: x), {"strength": 1.5}, "outside 0..1"),
        (Net(lambda x: x), {"strength": float("nan")}, "outside 0..1"),
    ],
)
def test_values_out_of_range_are_refused(
    network: nn.Module, arguments: dict[str, float], message: str
) -> None:
    with pytest.raises(RestoreError, match=message):
        _restorer(network)(_picture(8, 8), **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 63}, "too small"),
        ({"tile": 0}, "too small"),
        ({"tile": "big"}, "unknown tile"),
        ({"tile": 128, "overlap": 128}, "overlap 128 leaves nothing"),
        ({"overlap": -1}, "below 0"),
        ({"batch_size": 0}, "below 1"),
        ({"device": "abacus"}, "unknown device"),
        ({"precision": "fp8"}, "unknown precision"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(RestoreError, match=message):
        _restorer(Net(lambda x: x), **options)


@pytest.mark.parametrize(
    "image",
    [
        torch.rand(3, 0, 4),
        torch.rand(1, 4, 4),
        torch.rand(1, 3, 4, 4),
        torch.rand(3, 4, 4).double(),
    ],
)
def test_wrong_tensors_are_a_programming_error(image: Tensor) -> None:
    with pytest.raises(ValueError, match="image: expected"):
        _restorer(Net(lambda x: x))(image)


def test_a_picture_with_nan_is_refused() -> None:
    image = _picture(8, 8)
    image[1, 2, 3] = torch.nan
    with pytest.raises(RestoreError, match="not finite"):
        _restorer(Net(lambda x: x))(image)


def test_a_tile_is_rounded_down_to_the_multiple_and_reported() -> None:
    result = _restorer(Net(lambda x: x, 16), tile=100)(_picture(120, 40))
    assert result.tile == 96


def test_a_picture_within_the_tile_counts_as_whole() -> None:
    assert _restorer(blur(), tile=128)(_picture(120, 128)).tile is None


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
@pytest.mark.parametrize(("tile", "expected"), [("none", 72), ("auto", 72), (256, 128)])
def test_out_of_memory_halves_the_windows(
    tile: int | str, expected: int, error: type[Exception]
) -> None:
    image = _picture(290, 600)
    result = _restorer(FullAbove(130 * 130, error), tile=tile, batch_size=2)(image)
    assert torch.equal(result.image, image)
    assert result.tile == expected
    assert "out of memory" in " ".join(result.notes)
    assert f"tiles of {result.tile} px" in result.notes[-1]


def test_the_working_size_is_remembered() -> None:
    network = FullAbove(130 * 130)
    restorer = _restorer(network, tile="none")
    image = _picture(290, 600)
    restorer(image)
    network.seen.clear()
    again = restorer(image)
    assert again.notes == ()
    assert again.tile == 72
    assert max(max(shape[2:]) for shape in network.seen) <= 72
    assert restorer(_picture(60, 60)).tile is None


def test_no_memory_at_all_is_a_clear_error() -> None:
    with pytest.raises(RestoreError, match="not enough memory, even with tiles of 64 px"):
        _restorer(FullAbove(10), tile="none")(_picture(100, 100))


def test_other_failures_are_not_swallowed() -> None:
    def broken(image: Tensor) -> Tensor:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        _restorer(Net(broken))(_picture(8, 8))


def test_the_accelerator_gives_way_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """`meta` plays an accelerator: data never come back from it, here for want of memory."""

    def function(image: Tensor) -> Tensor:
        if image.device.type == "meta":
            raise torch.OutOfMemoryError("out of memory")
        return image

    monkeypatch.setattr(rooms, "choose_device", lambda name: torch.device("meta"))
    network = Net(function)
    image = _picture(200, 150)
    result = Restorer(network, device="cuda", tile=128)(image)
    assert torch.equal(result.image, image)
    assert (result.device, result.precision, result.tile) == ("cpu", "fp32", 128)
    assert result.notes[-1] == "out of memory on meta: repeated on the CPU"


def test_automatic_tiles_follow_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    network = blur()
    need = memory.bytes_per_pixel(network, network.info, torch.device("cpu"))
    image = _picture(400, 300)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1e12)
    assert _restorer(network)(image).tile is None
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2 * need * 128**2)
    result = _restorer(network)(image)
    assert result.tile == 128
    assert result.notes == ()


@pytest.mark.parametrize("tile", ["none", 256])
def test_a_cpu_is_not_asked_for_more_than_is_free(
    tile: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = blur()
    need = memory.bytes_per_pixel(network, network.info, torch.device("cpu"))
    monkeypatch.setattr(memory, "free_bytes", lambda device: need * 130**2 / 0.9)
    result = _restorer(network, tile=tile)(_picture(400, 300))
    assert result.tile == 128
    assert result.notes == ("memory is short: computed with tiles of 128 px",)


def _half_only(bad: Callable[[Tensor], Tensor]) -> Net:
    return Net(lambda x: bad(x) if torch.is_autocast_enabled("cpu") else x * 0.5)


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize(
    ("bad", "trouble"),
    [
        (lambda x: x * torch.nan, "not finite"),
        (lambda x: x * torch.inf, "not finite"),
        (lambda x: x * 0, "one flat colour"),
        (lambda x: x - 100, "one flat colour"),
    ],
)
def test_black_or_broken_half_pictures_are_repeated_in_fp32(
    bad: Callable[[Tensor], Tensor], trouble: str, precision: str
) -> None:
    image = _picture(90, 70)
    result = _restorer(_half_only(bad), precision=precision, tile=64)(image)
    assert result.precision == "fp32"
    assert len(result.notes) == 1
    assert result.notes[0].startswith(f"{precision} gave ")
    assert trouble in result.notes[0]
    torch.testing.assert_close(result.image, image * 0.5)


def test_half_is_kept_where_it_works_and_for_flat_pictures() -> None:
    result = _restorer(blur(), precision="bf16")(_picture(40, 40))
    assert (result.precision, result.notes) == ("bf16", ())
    flat = _restorer(_half_only(lambda x: x * 0), precision="bf16")(torch.full((3, 9, 9), 0.5))
    assert (flat.precision, flat.notes) == ("bf16", ())


def test_not_finite_in_fp32_is_an_error() -> None:
    with pytest.raises(RestoreError, match="not finite"):
        _restorer(Net(lambda x: x / 0), precision="fp16")(_picture(20, 20))


def test_the_network_is_put_in_eval_mode_and_threads_are_left_alone() -> None:
    network = Net(nn.Dropout(0.5)).train()
    threads = torch.get_num_threads()
    image = _picture(16, 16)
    assert torch.equal(_restorer(network)(image).image, image)
    assert torch.get_num_threads() == threads


def test_restored_says_how() -> None:
    result = Restored(torch.zeros(3, 1, 1), None, "cpu", "fp32")
    assert result.notes == ()


_BIG = """
import resource, torch
from torch import nn
from restore_cli.engine.restorer import Restorer
from restore_cli.networks.base import Network, NetworkInfo

class Net(Network):
    info = NetworkInfo(multiple=8)
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))
    def forward(self, image, level=None, *, context=None):
        return image + 0.01 * self.layers(image)

image = torch.full((3, 4000, 6000), 0.5)
image[:, ::7] = 0.25
result = Restorer(Net(), device="cpu")(image)
assert result.image.shape == image.shape and result.tile is not None, result.tile
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
def test_24_megapixels_stay_below_two_gigabytes() -> None:
    """The library's share of the 3 GB that the whole command may use."""
    done = subprocess.run([sys.executable, "-c", _BIG], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 <= 2.0e9


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16", "auto"])
def test_cuda_agrees_with_the_cpu(precision: str) -> None:
    image = F.avg_pool2d(_picture(300, 400), 3, 1, 1)
    cpu = _restorer(SmoothingUNet(), tile="none")(image)
    cuda = Restorer(SmoothingUNet(), device="cuda", precision=precision, tile=128)(image)
    assert cuda.device == "cuda"
    assert (cuda.image - cpu.image).abs().max() <= 4 / 255


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_real_cuda_shortage_is_survived() -> None:
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction(min(1.0, 2**28 / total))
    try:
        image = _picture(1500, 1500)
        network = Net(lambda x: x.repeat(1, 40, 1, 1)[:, :3] * 1.0)
        result = Restorer(network, device="cuda", precision="fp32", tile="none")(image)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert result.tile is not None
    torch.testing.assert_close(result.image, image)


def test_a_level_of_nothing_gives_the_picture_back() -> None:
    image = _picture(24, 40)
    for network in (Net(lambda x: x * 0.5), Noisy()):
        assert torch.equal(Restorer(network, device="cpu")(image, level=0.0).image, image)


def test_progress_is_told_after_each_window() -> None:
    told: list[tuple[int, int]] = []
    restorer = _restorer(blur(), tile=64, overlap=0, progress=lambda *done: told.append(done))
    restorer(_picture(128, 192))
    assert told == [(n * 4096, 6 * 4096) for n in range(1, 7)]
