"""Pixels as latents."""

import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.transport.autoencoder import Identity


def test_identity_gives_back_what_it_was_given() -> None:
    image = torch.rand(2, 3, 5, 7)
    its = Identity()
    latents = its.encode(image)
    assert latents.shape[1] == its.channels
    assert torch.equal(its.decode(latents, (5, 7)), image)
    assert its.decode(latents, (4, 3)).shape == (2, 3, 4, 3)
    assert its.factor == 1


def test_pixels_are_certain() -> None:
    with pytest.raises(RestoreError, match="no posterior"):
        Identity().sample(torch.rand(1, 3, 4, 4), torch.Generator())
