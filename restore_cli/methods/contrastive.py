"""What the contrastive objectives ask of a recipe's network and losses."""

from restore_cli.losses.adversarial import ADVERSARIAL, Adversarial
from restore_cli.networks.base import FeatureNetwork, Network


def feature_network(network: Network) -> FeatureNetwork:
    """The network, if its inner features can be read.

    Raises:
        ValueError: they cannot.
    """
    if not isinstance(network, FeatureNetwork):
        raise ValueError("needs a network whose features can be read (network.name = 'cut')")
    return network


def adversarial_loss(name: str) -> Adversarial:
    """The pair of losses of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in ADVERSARIAL:
        known = ", ".join(sorted(ADVERSARIAL))
        raise ValueError(f"unknown adversarial loss {name!r}; known: {known}")
    return ADVERSARIAL[name]
