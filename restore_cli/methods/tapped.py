"""What the contrastive objectives ask of a recipe's network and losses."""

from torch import nn

from restore_cli.losses.adversarial import ADVERSARIAL, Adversarial


def tap_channels(network: nn.Module) -> tuple[int, ...]:
    """Channels of the layers whose features a network returns with `only_taps`.

    Raises:
        ValueError: the network has none.
    """
    channels = getattr(network, "tap_channels", None)
    if channels is None:
        raise ValueError("needs a network with tapped layers (network.name = 'cut')")
    return tuple(channels)


def adversarial_loss(name: str) -> Adversarial:
    """The pair of losses of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in ADVERSARIAL:
        known = ", ".join(sorted(ADVERSARIAL))
        raise ValueError(f"unknown adversarial loss {name!r}; known: {known}")
    return ADVERSARIAL[name]
