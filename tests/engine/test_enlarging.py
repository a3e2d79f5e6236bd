"""Upscalers: tiles, blends and sizes at their scale, and room for what they give."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.engine import enlarging, memory
from restore_cli.engine.enlarging import check_room, enlarged
from restore_cli.engine.restorer import Restorer
from restore_cli.errors import ExitCode, RestoreError
from restore_cli.networks.base import Network, NetworkInfo


def test_a_picture_is_enlarged_and_stays_in_range() -> None:
    image = (torch.rand(3, 6, 9, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    large = enlarged(image, 3)
    assert large.shape == (3, 18, 27)
    assert float(large.min()) == 0.0
    assert float(large.max()) == 1.0
    # The middle of each block of nine is the pixel itself: there bicubic weights are 0 and 1.
    torch.testing.assert_close(large[:, 1::3, 1::3], image)


def test_a_scale_of_one_is_a_copy() -> None:
    image = torch.rand(3, 4, 5)
    same = enlarged(image, 1)
    assert torch.equal(same, image)
    assert same.data_ptr() != image.data_ptr()


def test_a_result_without_room_is_refused_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enlarging, "free_bytes", lambda device: 40.0 * 400 * 800)
    check_room(torch.zeros(3, 100, 200), 4)
    check_room(torch.zeros(3, 5000, 5000), 1)  # a result of the input's size was admitted with it
    with pytest.raises(RestoreError, match="808 x 400 px") as caught:
        check_room(torch.zeros(3, 100, 202), 4)
    assert caught.value.exit_code == ExitCode.SOME_FAILED


class Repeat(Network):
    """An upscaler that repeats each pixel; its windows must be large enough."""

    def __init__(
        self,
        scale: int,
        **facts: Any,  # noqa: ANN401
    ) -> None:
        super().__init__()
        self.info = NetworkInfo(scale=scale, foreign=True, **facts)

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        assert min(image.shape[2:]) >= self.info.smallest
        assert all(side % self.info.multiple == 0 for side in image.shape[2:])
        return F.interpolate(image, scale_factor=self.info.scale, mode="nearest")


def _repeated(image: Tensor, scale: int) -> Tensor:
    return image.repeat_interleave(scale, 1).repeat_interleave(scale, 2)


@pytest.mark.parametrize("tile", ["none", 80, 128])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (161, 203)])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_upscaler_is_tiled_blended_and_cropped_at_its_scale(
    scale: int, height: int, width: int, tile: int | str
) -> None:
    image = torch.rand(3, height, width, generator=torch.Generator().manual_seed(1))
    network = Repeat(scale, multiple=8, smallest=40)
    restorer = Restorer(network, device="cpu", tile=tile, overlap=24)  # type: ignore[arg-type]
    restored = restorer(image)
    torch.testing.assert_close(restored.image, _repeated(image, scale))
    assert restored.details == {"scale": scale}


def test_an_upscaler_is_blended_with_the_enlarged_picture() -> None:
    image = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(1))
    restorer = Restorer(Repeat(2), device="cpu")
    assert torch.equal(restorer(image, strength=0.0).image, enlarged(image, 2))
    half = (enlarged(image, 2) + _repeated(image, 2)) / 2
    torch.testing.assert_close(restorer(image, strength=0.5).image, half)
    torch.testing.assert_close(restorer(image, tta=True).image, _repeated(image, 2))


def test_a_format_that_the_network_does_not_take_is_refused() -> None:
    with pytest.raises(RestoreError, match="does not compute in fp16") as caught:
        Restorer(Repeat(2, formats=("fp32", "bf16")), device="cpu", precision="fp16")
    assert "fp32 or bf16" in (caught.value.hint or "")


def test_a_network_that_wants_pictures_whole_gets_tiles_only_where_memory_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = torch.rand(3, 1500, 1400, generator=torch.Generator().manual_seed(1))
    restored = Restorer(Repeat(1, whole=True), device="cpu")(image)
    assert (restored.tile, restored.notes) == (None, ())
    monkeypatch.setattr(memory, "budget", lambda device, automatic: 2e6)
    short = Restorer(Repeat(1, whole=True), device="cpu")(image)
    assert short.tile is not None
    assert "wants pictures whole" in short.notes[0]
    assert torch.equal(short.image, image)
