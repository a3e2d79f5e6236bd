"""Networks: nn.Modules that know no files and no losses."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restore_cli.networks.architectures import NETWORKS

__all__ = ["NETWORKS"]


def __getattr__(name: str) -> object:
    """Import the architectures, and torch with them, when they are asked for (PEP 562)."""
    if name != "NETWORKS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from restore_cli.networks import architectures

    return architectures.NETWORKS
