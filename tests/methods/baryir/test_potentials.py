import pytest
import torch

from restore_cli.methods.baryir.potentials import Potentials

WEIGHTS = (0.5, 0.2, 0.2, 0.1)


def potentials(**options: int) -> Potentials:
    torch.manual_seed(0)
    return Potentials(WEIGHTS, channels=6, **{"width": 8, **options})


def off(network: Potentials, latent: torch.Tensor) -> float:
    """The largest |sum_k lambda_k f_k|, with exact lambda."""
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)
    return float((network(latent).detach().double() @ weights).abs().max())


def test_the_weighted_sum_is_zero_before_and_after_training() -> None:
    network, latents = potentials(), 3 * torch.randn(64, 6, 8, 8)
    assert off(network, latents) < 1e-5
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    label = torch.arange(64) % 4
    for _ in range(40):
        optimizer.zero_grad()
        network(latents).gather(1, label[:, None]).mean().backward()
        optimizer.step()
    found = network(latents)
    assert found.abs().max() > 1  # it did learn to take values
    assert off(network, latents) < 1e-5 * max(1, float(found.detach().abs().max()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert off(network, latents) < 1e-5 * max(1, float(found.detach().abs().max()))


def test_each_is_its_own_network_less_the_weighted_mean_of_all() -> None:
    network, latent = potentials(layers=3).double(), torch.randn(2, 6, 8, 8).double()
    free: list[torch.Tensor] = []
    for k in range(4):
        x, own = latent, slice(8 * k, 8 * k + 8)
        for index, layer in enumerate(network.layers):
            if isinstance(layer, torch.nn.Conv2d):
                rows = own if index < 6 else slice(k, k + 1)
                assert layer.bias is not None
                x = torch.nn.functional.conv2d(
                    x, layer.weight[rows], layer.bias[rows], stride=layer.stride,
                    padding=layer.padding,
                )  # fmt: skip
            else:
                x = layer(x)
        free.append(x.mean(dim=(1, 2, 3)))
    stacked = torch.stack(free, dim=1)
    mean = (stacked * torch.tensor(WEIGHTS, dtype=torch.float64)).sum(dim=1, keepdim=True)
    torch.testing.assert_close(network(latent), stacked - mean, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (16, 16)])
def test_latents_of_any_size_fit(size: tuple[int, int]) -> None:
    found = potentials()(torch.randn(3, 6, *size))
    assert found.shape == (3, 4)
    assert found.isfinite().all()


def test_weights_are_divided_by_their_sum() -> None:
    network = Potentials((2.0, 6.0), channels=3, width=4)
    assert network.weights.tolist() == [0.25, 0.75]


def test_with_positions_they_see_where_a_latent_lies() -> None:
    latent = torch.zeros(1, 6, 8, 8)
    latent[..., :2, :2] = 1
    for positions in (False, True):
        torch.manual_seed(0)
        network = Potentials(WEIGHTS, channels=6, width=8, positions=positions)
        # Strided twice, a shift by four places gives the same numbers elsewhere.
        moved = latent.roll(4, dims=3)
        same = torch.allclose(network(latent + 1), network(moved + 1), atol=1e-4)
        assert off(network, latent) < 1e-5
        if positions:
            assert not same
