"""The autoencoder against the published family's arrangement and weights."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.evaluation.fidelity import psnr
from restore_cli.images.picture import Picture
from restore_cli.networks import NETWORKS
from restore_cli.networks.vae import VAE, from_published
from restore_cli.recipe import Choice, construct

SHARED = Path(__file__).parents[3] / "shared"
TAEF2 = SHARED / "weights" / "taef2"
PHOTOS = SHARED / "data" / "photos" / "val"
needs_taef2 = pytest.mark.skipif(not TAEF2.is_dir(), reason="no ../shared/weights/taef2")


def _published() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    encoder, decoder = (
        torch.load(TAEF2 / f"taef2_{part}.pth", weights_only=True)
        for part in ("encoder", "decoder")
    )
    return encoder, decoder


def _small() -> VAE:
    torch.manual_seed(0)
    return VAE(channels=5, widths=(4, 6, 8), blocks=(0, 1, 2)).eval()


def test_shapes_and_multiple() -> None:
    network = _small()
    image = torch.rand(2, 3, 16, 24)
    latents = network.encode(image)
    assert network.info.multiple == 4
    assert latents.shape == (2, 5, 4, 6)
    assert network.decode(latents).shape == image.shape
    torch.testing.assert_close(network(image), network.decode(latents))


def test_sampling_draws_around_the_mean_with_the_learned_variance() -> None:
    network = VAE(channels=2, widths=(4, 4), blocks=(0, 0))
    with torch.no_grad():
        network.log_variance.copy_(torch.tensor([-50.0, 0.0]))
    drawn: list[Tensor] = []
    network.decoder.register_forward_pre_hook(lambda _, given: drawn.append(given[0]))
    torch.manual_seed(0)
    output, mean, log_variance = network.sampled(torch.rand(4, 3, 64, 64))
    assert output.shape == (4, 3, 64, 64)
    torch.testing.assert_close(drawn[0][:, 0], mean[:, 0], atol=1e-6, rtol=0)
    assert float((drawn[0] - mean)[:, 1].detach().std()) == pytest.approx(1, rel=0.05)
    assert torch.equal(log_variance, network.log_variance)


def test_every_parameter_gets_a_gradient() -> None:
    network = VAE(channels=3, widths=(4, 6), blocks=(1, 1), pool=True)
    output, mean, log_variance = network.sampled(torch.rand(2, 3, 8, 8))
    (output.square().mean() + mean.square().mean() + log_variance.sum()).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


def test_recipe_builds_it_and_bad_options_are_refused() -> None:
    choice = Choice.model_validate({"name": "vae", "widths": [4, 8], "blocks": [0, 1]})
    assert isinstance(construct(choice, NETWORKS, section="network"), VAE)
    with pytest.raises(ValueError, match="same length"):
        VAE(widths=(4, 8), blocks=(1,))
    with pytest.raises(ValueError, match="1 or more"):
        VAE(channels=0)


@pytest.mark.parametrize("pool", [True, False])
def test_a_member_is_rebuilt_from_its_tensors(pool: bool) -> None:
    torch.manual_seed(1)
    member = VAE(channels=4, widths=(8, 8, 8), blocks=(1, 2, 1), pool=pool).eval()
    again = from_published(member.encoder.state_dict(), member.decoder.state_dict())
    image = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(again(image), member(image))


def test_tensors_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="TAESD family"):
        from_published({"intro.weight": torch.zeros(1)}, {"body": torch.zeros(1)})
    member = _small()
    encoder, decoder = member.encoder.state_dict(), member.decoder.state_dict()
    with pytest.raises(ValueError, match=r"[Mm]issing|size mismatch"):
        from_published(encoder, {k: v for k, v in decoder.items() if not k.startswith("6.")})


@needs_taef2
def test_published_weights_load_strictly_with_names_and_shapes() -> None:
    encoder, decoder = _published()
    network = from_published(encoder, decoder)
    assert (network.channels, network.info.multiple) == (32, 8)
    for part, state in ((network.encoder, encoder), (network.decoder, decoder)):
        ours = {name: tuple(value.shape) for name, value in part.state_dict().items()}
        assert ours == {name: tuple(value.shape) for name, value in state.items()}


@needs_taef2
def test_published_encoder_equals_its_description_written_out() -> None:
    state, _ = _published()
    state = {name: value.float() for name, value in state.items()}

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), stride, 1)

    def block(x: Tensor, at: int) -> Tensor:
        if f"{at}.pool.0.weight" in state:
            inner = F.conv2d(x, state[f"{at}.pool.0.weight"])
            scale, shift = state[f"{at}.pool.1.weight"], state[f"{at}.pool.1.bias"]
            inner = F.relu(F.group_norm(inner, 4, scale, shift))
            x = x + F.conv2d(inner, state[f"{at}.pool.3.weight"])
        y = F.relu(conv(x, f"{at}.conv.0"))
        y = F.relu(conv(y, f"{at}.conv.2"))
        return F.relu(conv(y, f"{at}.conv.4") + x)

    image = torch.rand(1, 3, 32, 40)
    x = block(conv(image, "0"), 1)
    for down, blocks in ((2, (3, 4, 5)), (6, (7, 8, 9)), (10, (11, 12, 13))):
        x = conv(x, str(down), stride=2)
        for at in blocks:
            x = block(x, at)
    torch.testing.assert_close(
        from_published(*_published()).encode(image), conv(x, "14"), rtol=1e-4, atol=1e-4
    )


def _mean_psnr(network: nn.Module, count: int, crop: int | None) -> float:
    values: list[float] = []
    for path in sorted(PHOTOS.iterdir())[:count]:
        image = torch.from_numpy(Picture.read(path).to_srgb()).permute(2, 0, 1)[None]
        height, width = (min(s, crop or s) // 8 * 8 for s in image.shape[-2:])
        image = image[..., :height, :width]
        with torch.inference_mode():
            values.append(float(psnr(network(image).clamp(0, 1), image)))
    return sum(values) / len(values)


@needs_taef2
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no ../shared/data/photos/val")
def test_published_weights_reconstruct_crops() -> None:
    assert _mean_psnr(from_published(*_published()), 3, 128) >= 26.0


@needs_taef2
@pytest.mark.slow
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no ../shared/data/photos/val")
def test_published_weights_reconstruct_the_validation_photos() -> None:
    assert _mean_psnr(from_published(*_published()), 20, None) >= 28.0
