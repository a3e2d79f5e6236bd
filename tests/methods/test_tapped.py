import pytest

from restore_cli.losses.adversarial import ADVERSARIAL
from restore_cli.methods.tapped import adversarial_loss, tap_channels
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.unet import UNet


def test_a_networks_taps_are_read_and_a_network_without_is_refused() -> None:
    assert tap_channels(CutGenerator(width=4, blocks=1, taps=(0, 12))) == (3, 16)
    with pytest.raises(ValueError, match="network with tapped layers"):
        tap_channels(UNet(widths=(4, 8), depths=(1, 1)))


def test_an_adversarial_loss_is_found_by_name() -> None:
    assert adversarial_loss("hinge") is ADVERSARIAL["hinge"]
    with pytest.raises(ValueError, match="'wgan'; known: hinge, least-squares"):
        adversarial_loss("wgan")
