"""Tiles against the whole picture, odd sizes, and what happens when memory is short."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.errors import RestoreError
from restore_cli.networks.vae import VAE
from restore_cli.ot_correct.encoding import Coder, TiledAutoencoder

CPU = torch.device("cpu")


def _tiled(coder: Coder, *, factor: int, channels: int, **sizes: int) -> TiledAutoencoder:
    return TiledAutoencoder(
        coder, name="test", sha256="0", channels=channels, factor=factor, device=CPU, **sizes
    )


class _Small(VAE):
    def spread(self, image: Tensor) -> Tensor | None:
        return None


def _network() -> _Small:
    torch.manual_seed(0)
    return _Small(channels=6, widths=(4, 6, 8), blocks=(0, 1, 1))


def test_without_a_posterior_there_is_nothing_to_draw_from() -> None:
    with pytest.raises(RestoreError, match="no posterior"):
        _tiled(_network(), factor=4, channels=6).sample(torch.rand(1, 3, 8, 8), torch.Generator())


def test_tiles_equal_the_whole_where_context_suffices() -> None:
    network, image = _network(), torch.rand(2, 3, 200, 156)
    whole = _tiled(network, factor=4, channels=6, tile=4096, overlap=0)
    # The outer 3/8 of the overlap are context; the receptive field's radius is under 48 px.
    tiled = _tiled(network, factor=4, channels=6, tile=160, overlap=136)
    latents = whole.encode(image)
    assert latents.shape == (2, 6, 50, 39)
    torch.testing.assert_close(tiled.encode(image), latents, rtol=1e-4, atol=1e-5)
    decoded = whole.decode(latents, (200, 156))
    torch.testing.assert_close(tiled.decode(latents, (200, 156)), decoded, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(decoded, network(image), rtol=1e-4, atol=1e-5)


class _Ramp(nn.Module):
    """Normalises over what it sees, so that every tile is a little off."""

    def encode(self, image: Tensor) -> Tensor:
        return F.avg_pool2d(image, 4) - 0.1 * image.mean()

    def spread(self, image: Tensor) -> Tensor:
        return 0.5 * F.avg_pool2d(image, 4)

    def decode(self, latents: Tensor) -> Tensor:
        return F.interpolate(latents, scale_factor=4) + 0.1 * latents.mean()


def test_tiles_that_differ_fade_into_each_other() -> None:
    image = torch.linspace(0, 1, 256).expand(1, 3, 256, 256).contiguous()
    its = _tiled(_Ramp(), factor=4, channels=3, tile=96, overlap=64)
    latents = its.encode(image)
    step = (latents[..., 1:] - latents[..., :-1]).abs().max()
    inside = 4 / 255
    # A hard seam would be a step by a tenth of what two tiles' means differ by, 0.02.
    assert float(step) < inside + 0.012


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (37, 41)])
def test_any_size_comes_back_in_its_size(size: tuple[int, int]) -> None:
    its = _tiled(_network(), factor=4, channels=6)
    image = torch.rand(1, 3, *size)
    latents = its.encode(image)
    assert latents.shape[2:] == (-(-size[0] // 4), -(-size[1] // 4))
    assert its.decode(latents, size).shape == image.shape


class _Hungry(nn.Module):
    """Has memory for so many values and no more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.largest = room, 0

    def encode(self, image: Tensor) -> Tensor:
        if image.shape[-1] > self.room:
            raise torch.OutOfMemoryError("out of memory")
        self.largest = max(self.largest, image.shape[-1])
        return F.avg_pool2d(image, 4)

    def spread(self, image: Tensor) -> Tensor | None:
        return None

    def decode(self, latents: Tensor) -> Tensor:
        return F.interpolate(latents, scale_factor=4)


def test_out_of_memory_means_smaller_tiles() -> None:
    image = torch.rand(1, 3, 128, 300)
    coder = _Hungry(140)
    its = _tiled(coder, factor=4, channels=3, tile=256, overlap=32)
    torch.testing.assert_close(its.encode(image), F.avg_pool2d(image, 4))
    assert coder.largest <= 140
    with pytest.raises(RestoreError, match="not enough memory for the autoencoder test"):
        _tiled(_Hungry(3), factor=4, channels=3, tile=256, overlap=32).encode(image)


def test_draws_have_the_posteriors_mean_and_spread() -> None:
    its = _tiled(_Ramp(), factor=4, channels=3, tile=96, overlap=32)
    image = torch.rand(1, 3, 128, 128)
    draws = [its.sample(image, torch.Generator().manual_seed(seed)) for seed in range(200)]
    assert torch.equal(draws[0], its.sample(image, torch.Generator().manual_seed(0)))
    found = torch.stack(draws)
    spread = 0.5 * F.avg_pool2d(image, 4)
    assert float((found.mean(0) - its.encode(image)).abs().max()) < 0.25
    torch.testing.assert_close(found.std(0).mean(), spread.mean(), rtol=0.01, atol=0)


def test_other_errors_are_not_taken_for_memory() -> None:
    class Broken(_Hungry):
        def encode(self, image: Tensor) -> Tensor:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        _tiled(Broken(1), factor=4, channels=3).encode(torch.rand(1, 3, 8, 8))
