import pytest
import torch
from torch import Tensor

from restore_cli.networks import NETWORKS
from restore_cli.networks.base import EstimatingNetwork, NetworkInfo, completed, known_or

NAN = float("nan")


def test_a_network_says_what_it_is_and_cannot_be_told_otherwise() -> None:
    info = NetworkInfo(multiple=8, level="sigma")
    assert (info.takes_sigma, info.context, info.input) == (True, False, "srgb")
    assert not NetworkInfo(level="blur").takes_sigma
    with pytest.raises(AttributeError):
        info.multiple = 4  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_keeps_the_contract(name: str) -> None:
    torch.manual_seed(0)
    small = {
        "nafnet": {"width": 4, "encoder_blocks": (1,), "middle_blocks": 1, "decoder_blocks": (1,)},
        "cut": {"width": 4, "blocks": 1},
        "restormer": {"width": 8, "blocks": (1, 1, 1, 1)},
        "baryir-restormer": {"width": 8, "blocks": (1, 1, 1, 1), "heads": (1, 1, 1, 1)},
        "vae": {"channels": 2, "widths": (4, 4), "blocks": (0, 1)},
    }
    options = small.get(name, {"widths": (4, 8), "depths": (1, 1)})
    if name == "cut":
        options["feature_layers"] = (0, 4)
    network = NETWORKS[name](**options).eval()
    side = 2 * network.info.multiple
    image = torch.rand(2, 3, side, side)
    with torch.no_grad():
        output = network(image)
        assert isinstance(output, Tensor)
        assert output.shape == image.shape
        context = network.global_context(image)
        assert (context is not None) == network.info.context
        torch.testing.assert_close(network(image, context=context), output)
        if network.info.level is None:
            with pytest.raises(ValueError, match="takes no level"):
                network(image, torch.zeros(2))
        else:
            assert isinstance(network, EstimatingNetwork)
            torch.testing.assert_close(network.with_estimate(image).image, output)
        if not network.info.context:
            with pytest.raises(ValueError, match="takes no global context"):
                network(image, context=torch.zeros(2, 3))


def test_unknown_levels_are_estimated_and_known_ones_kept() -> None:
    told, estimated = torch.tensor([0.5, NAN]), torch.tensor([0.1, 0.2])
    torch.testing.assert_close(completed(told, estimated), torch.tensor([0.5, 0.2]))
    assert completed(None, estimated) is estimated


def test_nothing_is_estimated_where_all_is_told() -> None:
    def estimate() -> Tensor:
        raise AssertionError

    told = torch.tensor([0.5, 0.0])
    assert known_or(told, estimate) is told
    torch.testing.assert_close(known_or(torch.tensor([NAN]), lambda: told[:1]), told[:1])
    assert known_or(None, lambda: told) is told
