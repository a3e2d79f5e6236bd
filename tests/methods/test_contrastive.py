import pytest

from restore_cli.losses.adversarial import ADVERSARIAL
from restore_cli.methods.contrastive import adversarial_loss, feature_network
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.unet import UNet


def test_a_network_with_features_is_passed_on_and_another_is_refused() -> None:
    network = CutGenerator(width=4, blocks=1, feature_layers=(0, 12))
    assert feature_network(network).feature_channels == (3, 16)
    with pytest.raises(ValueError, match="network whose features can be read"):
        feature_network(UNet(widths=(4, 8), depths=(1, 1)))


def test_an_adversarial_loss_is_found_by_name() -> None:
    assert adversarial_loss("hinge") is ADVERSARIAL["hinge"]
    with pytest.raises(ValueError, match="'wgan'; known: hinge, least-squares"):
        adversarial_loss("wgan")
