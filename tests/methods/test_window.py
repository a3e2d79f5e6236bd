import pytest
import torch

from restore_cli.data.sample import Batch
from restore_cli.methods.window import check_window, windowed
from restore_cli.networks.unet import UNet


def batch() -> Batch:
    places = torch.arange(2 * 12 * 10.0).view(2, 1, 12, 10)
    return Batch.of(
        places.expand(2, 3, 12, 10),
        1 + places.expand(2, 3, 12, 10),
        noise=places,
        sigma=torch.tensor([0.1, 0.2]),
        source=torch.tensor([4, 2]),
    )


def test_all_maps_are_cut_at_one_place_and_numbers_stay() -> None:
    corners: set[float] = set()
    given = batch()
    for seed in range(20):
        torch.manual_seed(seed)
        cut, whole = windowed(given, 6)
        assert torch.equal(cut.image + 1, cut.target)
        assert torch.equal(cut.image[:, :1], cut.noise)
        assert cut.image.shape == (2, 3, 6, 6)
        assert cut.sigma is given.sigma
        assert cut.source is given.source
        assert whole is given.image
        corners.add(float(cut.noise[0, 0, 0, 0]))
    assert len(corners) > 10


def test_no_window_leaves_all_as_it_is_and_a_large_one_takes_all() -> None:
    given = batch()
    same, whole = windowed(given, 0)
    assert same is given
    assert whole is given.image
    assert torch.equal(windowed(given, 64)[0].image, given.image)


def test_a_window_needs_a_global_context_and_fits_the_network() -> None:
    plain, told = (UNet(widths=(4, 6), depths=(1, 1), global_context=length) for length in (0, 5))
    check_window(plain, 0)
    check_window(told, 4)
    with pytest.raises(ValueError, match="needs a network with a global context"):
        check_window(plain, 4)
    for side in (5, -2):
        with pytest.raises(ValueError, match="multiple"):
            check_window(told, side)
