"""The autoencoder's objective against its terms by hand, and a short training."""

from pathlib import Path

import pytest
import torch

from restore_cli.data.sample import Batch
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture
from restore_cli.methods import OBJECTIVES
from restore_cli.methods.vae.divergence import kl_standard_normal
from restore_cli.methods.vae.edges import gradient_l1
from restore_cli.methods.vae.objective import Variational
from restore_cli.networks.unet import UNet
from restore_cli.networks.vae import VAE
from restore_cli.recipe import Choice, Recipe, construct
from restore_cli.training.loop import train
from restore_cli.training.runs import Run


def _network() -> VAE:
    torch.manual_seed(0)
    return VAE(channels=4, widths=(8, 8), blocks=(0, 1))


def _batch() -> Batch:
    image = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    return Batch.of(image, image)


@pytest.mark.parametrize(("structure", "kl"), [(0.0, 0.0), (0.5, 1e-4), (2.0, 0.1)])
def test_loss_is_the_sum_of_its_terms(structure: float, kl: float) -> None:
    network, batch = _network(), _batch()
    torch.manual_seed(5)
    (turn,) = Variational(network, structure=structure, kl=kl).steps(batch)
    torch.manual_seed(5)
    output, mean, log_variance = network.sampled(batch.image)
    pixel = (output - batch.target).abs().mean()
    divergence = kl_standard_normal(mean, log_variance)
    edges = gradient_l1(output, batch.target)
    torch.testing.assert_close(turn.loss, pixel + kl * divergence + structure * edges)
    assert turn.module == "network"
    assert ("structure" in turn.terms) == (structure > 0)
    assert not any(term.requires_grad for term in turn.terms.values())


def test_the_recipe_finds_it_and_refuses_what_is_no_autoencoder() -> None:
    choice = Choice.model_validate({"name": "vae", "kl": 1e-3})
    assert isinstance(construct(choice, OBJECTIVES, _network(), section="objective"), Variational)
    with pytest.raises(RestoreError, match="must be 'vae'"):
        construct(choice, OBJECTIVES, UNet(widths=(4, 4), depths=(1, 1)), section="objective")
    for options in ({"loss": "nonsense"}, {"kl": -1.0}, {"structure": -0.1}):
        bad = Choice.model_validate({"name": "vae"} | options)
        with pytest.raises(RestoreError, match=r"unknown loss|0 or more"):
            construct(bad, OBJECTIVES, _network(), section="objective")


RECIPE = """
[model]
name = "tiny-vae"
task = "vae"
[network]
name = "vae"
channels = 8
widths = [8, 8]
blocks = [0, 1]
[objective]
name = "vae"
[data]
train = "photos"
val = "photos"
crop = 16
batch = 4
validation_crop = 16
mixture = [{ steps = [] }]
validation = [{ steps = [] }]
[optim]
steps = 120
optimizer = "muon"
lr = 5e-3
warmup = 5
ema = 0.9
"""


def test_the_loop_trains_it_and_latents_stay_near_a_standard_scale(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    ramp = torch.linspace(0, 1, 24)
    across, down = ramp.expand(24, 24), ramp[:, None].expand(24, 24)
    pixels = torch.stack([down, across, 1 - across])
    Picture(pixels=(pixels.permute(1, 2, 0) * 255).byte().contiguous().numpy()).write(
        tmp_path / "photos" / "ramp.png"
    )
    recipe = Recipe.parse(RECIPE, source="test", overrides=[f"data.root='{tmp_path}'"])
    trained = train(recipe, Run(tmp_path / "run", recipe, resume=True), device="cpu")
    assert trained.validation_psnr is not None
    # One flat colour would give 11.
    assert trained.validation_psnr > 16
    network = trained.network
    assert isinstance(network, VAE)
    assert not torch.equal(network.log_variance, torch.full_like(network.log_variance, -6.0))
    assert float(network.encode(torch.rand(1, 3, 16, 16)).square().mean()) < 100
