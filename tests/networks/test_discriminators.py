import pytest
import torch

from restore_cli.networks.discriminators import PatchDiscriminator


def test_names_and_shapes_are_the_published_ones() -> None:
    state = PatchDiscriminator().state_dict()
    convolutions = {
        "model.0": (64, 3), "model.3": (128, 64), "model.7": (256, 128),
        "model.11": (512, 256), "model.14": (1, 512),
    }  # fmt: skip
    expected = {f"{name}.weight": (*shape, 4, 4) for name, shape in convolutions.items()}
    expected |= {f"{name}.bias": shape[:1] for name, shape in convolutions.items()}
    expected |= {f"model.{i}.filt": (64 * 2**k, 1, 3, 3) for k, i in enumerate((2, 6, 10))}
    assert {name: tuple(value.shape) for name, value in state.items()} == expected
    assert sum(p.numel() for p in PatchDiscriminator().parameters()) == 2_764_737


@pytest.mark.parametrize(("antialias", "side"), [(False, 70), (True, 84)])
def test_a_score_sees_its_patch_and_nothing_else(antialias: bool, side: int) -> None:
    # Without normalisation, which looks at the whole picture.
    discriminator = PatchDiscriminator(width=4, norm=False, antialias=antialias).double()
    for parameter in discriminator.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    image = torch.rand(1, 3, 160, 160, dtype=torch.float64, requires_grad=True)
    scores = discriminator(image)
    middle = scores.shape[-1] // 2
    scores[0, 0, middle, middle].backward()
    assert image.grad is not None
    seen = image.grad[0].abs().sum(dim=0).nonzero()
    reach = seen.max(dim=0).values - seen.min(dim=0).values + 1
    assert reach.tolist() == [side, side]


@pytest.mark.parametrize("size", [(32, 32), (70, 95)])
def test_pictures_of_any_size_get_scores(size: tuple[int, int]) -> None:
    scores = PatchDiscriminator(width=4)(torch.rand(2, 3, *size))
    assert scores.shape[:2] == (2, 1)
    assert min(scores.shape[2:]) >= 1
    assert bool(scores.isfinite().all())
