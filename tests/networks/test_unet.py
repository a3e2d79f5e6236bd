"""The CPU network: what it returns, what it may know, and what it may weigh."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from restore_cli.networks import NETWORKS
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe, construct

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "models").glob("*/recipe.toml"))
NAN = float("nan")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def small(*, noise_map: bool = False, awake: bool = True) -> UNet:
    """Three levels, few channels; `awake` gives the zero tail weights, as training would."""
    network = UNet(widths=(6, 8, 10), depths=(1, 2, 1), noise_map=noise_map).eval()
    if awake:
        torch.nn.init.normal_(network.tail.weight, std=0.1)
    return network


@pytest.mark.parametrize("noise_map", [False, True])
@pytest.mark.parametrize("widths", [(4, 6), (4, 6, 8), (4, 4, 4, 4)])
def test_shape_and_multiple(widths: tuple[int, ...], noise_map: bool) -> None:
    network = UNet(widths=widths, depths=(1,) * len(widths), noise_map=noise_map)
    torch.nn.init.normal_(network.tail.weight)
    assert network.info.multiple == 2 ** (len(widths) - 1)
    assert network.info.takes_sigma is noise_map
    for rows, columns in ((1, 1), (1, 3), (2, 1)):
        image = torch.rand(2, 3, rows * network.info.multiple, columns * network.info.multiple)
        assert network(image).shape == image.shape


@pytest.mark.parametrize("noise_map", [False, True])
def test_untrained_it_returns_its_input_exactly(noise_map: bool) -> None:
    image = torch.rand(2, 3, 16, 24)
    assert torch.equal(small(noise_map=noise_map, awake=False)(image), image)


@pytest.mark.parametrize("noise_map", [False, True])
def test_gradients_reach_every_parameter(noise_map: bool) -> None:
    network = small(noise_map=noise_map)
    network(torch.rand(2, 3, 32, 32)).square().mean().backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@pytest.mark.parametrize("noise_map", [False, True])
def test_channels_last_gives_the_same(noise_map: bool) -> None:
    network, image = small(noise_map=noise_map), torch.rand(2, 3, 24, 16)
    expected = network(image)
    last = network.to(memory_format=torch.channels_last)
    result = last(image.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)


def test_pictures_of_a_batch_do_not_know_each_other() -> None:
    network, images = small(noise_map=True), torch.rand(3, 3, 16, 16)
    alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(network(images), alone)


@torch.no_grad()
def test_unknown_levels_use_the_estimate_and_known_ones_the_number() -> None:
    network, images = small(noise_map=True), torch.rand(3, 3, 16, 16)
    blind = network(images)
    given = network(images, torch.tensor([0.02, 0.1, 0.3]))
    assert (blind - given).abs().amax(dim=(1, 2, 3)).min() > 1e-5
    mixed = network(images, torch.tensor([0.02, NAN, 0.3]))
    assert torch.isfinite(mixed).all()
    torch.testing.assert_close(mixed[[0, 2]], given[[0, 2]])
    torch.testing.assert_close(mixed[1], blind[1])
    torch.testing.assert_close(network(images, torch.full((3,), NAN)), blind)


@torch.no_grad()
def test_a_given_level_is_a_constant_fourth_channel() -> None:
    network, images = small(noise_map=True), torch.rand(2, 3, 8, 8)
    seen: list[torch.Tensor] = []
    handle = network.head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    network(images, torch.tensor([0.05, 0.2], dtype=torch.float64))
    handle.remove()
    expected = torch.tensor([0.05, 0.2]).view(2, 1, 1, 1).expand(2, 1, 8, 8)
    torch.testing.assert_close(seen[0], torch.cat([images, expected], dim=1))


@torch.no_grad()
def test_a_given_level_does_not_run_the_estimator() -> None:
    network, images = small(noise_map=True), torch.rand(2, 3, 8, 8)
    assert network.estimator is not None
    network.estimator.register_forward_pre_hook(lambda *_: pytest.fail("the estimator ran"))
    assert network(images, torch.tensor([0.1, 0.2])).shape == images.shape


@torch.no_grad()
@pytest.mark.parametrize("sigma", [None, [0.1, 0.2], [NAN, 0.2], [NAN, NAN]])
def test_the_estimate_is_returned_whatever_is_given(sigma: list[float] | None) -> None:
    network, images = small(noise_map=True), torch.rand(2, 3, 16, 8)
    assert network.estimator is not None
    given = None if sigma is None else torch.tensor(sigma)
    restored, level, _ = network.with_estimate(images, given)
    torch.testing.assert_close(level, network.estimator(images))
    torch.testing.assert_close(restored, network(images, given))


def test_hidden_levels_leave_gradients_finite_and_train_the_estimator() -> None:
    network = small(noise_map=True)
    network(torch.rand(2, 3, 16, 16), torch.tensor([NAN, 0.1])).sum().backward()
    assert network.estimator is not None
    grads = [p.grad for p in network.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in grads)
    assert any(p.grad is not None and p.grad.any() for p in network.estimator.parameters())


def test_a_network_without_noise_map_refuses_a_level() -> None:
    network, image = small(), torch.rand(1, 3, 8, 8)
    with pytest.raises(ValueError, match="takes no level"):
        network(image, torch.tensor([0.1]))
    with pytest.raises(ValueError, match="estimates no noise level"):
        network.with_estimate(image)


@pytest.mark.parametrize(("widths", "depths"), [((8,), (1,)), ((8, 8), (1,)), ((8, 8), (1, 1, 1))])
def test_wrong_arrangements_are_refused(widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="same length"):
        UNet(widths=widths, depths=depths)


@torch.no_grad()
@pytest.mark.parametrize("noise_map", [False, True])
def test_a_change_far_away_changes_nothing(noise_map: bool) -> None:
    network, image = small(noise_map=noise_map), torch.rand(1, 3, 160, 96)
    changed = image.clone()
    changed[:, :, :8] = torch.rand(1, 3, 8, 96)
    difference = (network(changed) - network(image)).abs().amax(dim=(0, 1, 3))
    assert difference[:8].min() > 0
    # By hand: head 1, blocks 2 + 8 + 8 + 8 + 2, tail 1, fewer than 8 for the 2x2 steps: 38 px;
    # the estimator reaches fewer than 32 more.
    reach = 38 + (32 if noise_map else 0)
    assert difference[8 + reach :].max() <= 1e-6


@pytest.mark.parametrize("recipe", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_sizes_fit_the_budget(recipe: Path) -> None:
    loaded = Recipe.load(recipe)
    # What works at small sizes costs little time for its parameters.
    larger = {
        "auto": 3_000_000,
        "deblur": 4_000_000,
        "derain": 4_000_000,
        "isp": 3_000_000,
        "lowlight": 4_000_000,
        "vae": 3_000_000,
    }
    most = larger.get(loaded.model.task, 1_500_000)
    with torch.device("meta"):
        network = construct(loaded.network, NETWORKS, section="network")
    assert sum(p.numel() for p in network.parameters()) <= most
    half = {k: torch.zeros(v.shape, dtype=torch.float16) for k, v in network.state_dict().items()}
    assert len(save(half)) <= 2 * most


def test_models_are_shipped() -> None:
    assert {path.parent.name for path in SHIPPED} >= {"denoise", "derain"}


def contextual(*, awake: bool = True) -> UNet:
    network = UNet(widths=(6, 8, 10), depths=(1, 2, 1), global_context=5).eval()
    torch.nn.init.normal_(network.tail.weight, std=0.1)
    for modulation in network.modulations if awake else ():
        for parameter in modulation.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return network


def test_an_untrained_modulation_changes_nothing() -> None:
    network, image = contextual(awake=False), torch.rand(2, 3, 16, 24)
    told = network(image, context=torch.randn(2, 5))
    torch.testing.assert_close(network(image), told)


def test_every_level_is_told_the_context_of_its_own_picture() -> None:
    network, image = contextual(), torch.rand(2, 3, 16, 24)
    answers = torch.randn(2, 5)
    both = network(image, context=answers)
    for index in range(2):
        alone = network(image[index : index + 1], context=answers[index : index + 1])
        torch.testing.assert_close(alone, both[index : index + 1])
    assert len(network.modulations) == 5
    for modulation in network.modulations:
        before = modulation.layers[2].bias.clone()
        modulation.layers[2].bias.data.add_(0.3)
        assert not torch.allclose(network(image, context=answers), both)
        modulation.layers[2].bias.data.copy_(before)


def test_without_a_context_it_takes_the_picture_for_the_whole() -> None:
    network, image = contextual(), torch.rand(2, 3, 16, 24)
    torch.testing.assert_close(
        network(image), network(image, context=network.global_context(image))
    )
    network(image).square().mean().backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_a_window_is_told_of_the_whole_picture() -> None:
    network, whole = contextual(), torch.rand(2, 3, 40, 48)
    window = whole[..., 8:24, 16:40]
    expected = network(window, context=network.global_context(whole))
    assert not torch.allclose(network(window), expected)


def test_a_survey_for_a_network_without_one_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no global context"):
        small()(torch.rand(1, 3, 8, 8), context=torch.zeros(1, 5))
