"""Recipes name architectures; asking for them imports them."""

import pytest

import restore_cli.networks
from restore_cli.networks.architectures import NETWORKS


def test_the_room_itself_offers_them_and_nothing_else() -> None:
    assert restore_cli.networks.NETWORKS is NETWORKS
    with pytest.raises(AttributeError, match="no attribute 'ABSENT'"):
        _ = restore_cli.networks.ABSENT  # type: ignore[attr-defined]
