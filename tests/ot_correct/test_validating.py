"""Cross-validation of a transport: what it says of alike and of unlike pictures."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.ot_correct.validating import Kept, cross_validate, distance_after
from restore_cli.transport.autoencoder import Identity
from restore_cli.transport.latent import LatentTransport, Side
from restore_cli.transport.moments import Moments

EMPTY: dict[Side, Moments] = {"restored": Moments(3, 3), "natural": Moments(3, 3)}


def _scenes(count: int, seed: int, *, apart: float) -> list[Tensor]:
    """Noise around colours of their own, as far apart as told."""
    generator = torch.Generator().manual_seed(seed)
    return [
        0.5
        + apart * torch.randn(1, 3, 1, 1, generator=generator)
        + 0.1 * torch.randn(1, 3, 12, 12, generator=generator)
        for _ in range(count)
    ]


def _kept(restored: Sequence[Tensor], natural: Sequence[Tensor]) -> Kept:
    return {"restored": restored, "natural": natural}


def test_what_all_pictures_lack_is_found_to_help_unshrunk() -> None:
    natural = _scenes(8, 0, apart=0.0)
    restored = [0.5 + 0.3 * (x - 0.5) for x in natural]
    found = cross_validate(LatentTransport(Identity()), EMPTY, _kept(restored, natural))
    assert found.shrinkage == 0
    assert found.helps(0.0)
    assert found.best < 0.4 * found.before
    assert found.after[1.0] == found.before
    assert found.needed is None


def test_pictures_of_other_things_do_not_help_and_the_need_is_told() -> None:
    kept = _kept(_scenes(6, 0, apart=0.2), _scenes(6, 1, apart=0.2))
    found = cross_validate(LatentTransport(Identity()), EMPTY, kept)
    # Both are of one distribution: nothing is to be corrected, and nothing is.
    assert found.shrinkage >= 0.5
    assert found.needed is None


def test_the_need_is_where_the_trend_falls_below_the_distance_before() -> None:
    # A small shift of all pictures among larger differences: six pictures hide it, many would not.
    natural = _scenes(6, 1, apart=0.05)
    kept = _kept([x + 0.06 for x in _scenes(6, 0, apart=0.05)], natural)
    like = LatentTransport(Identity(), patch=1)
    found = cross_validate(like, _empty(1), kept)
    many = _kept([x + 0.06 for x in _scenes(60, 2, apart=0.05)], _scenes(60, 3, apart=0.05))
    plenty = cross_validate(LatentTransport(Identity(), patch=1), _empty(1), many)
    assert plenty.best / plenty.before < found.best / found.before


def _empty(patch: int) -> dict[Side, Moments]:
    return {"restored": Moments(3, patch), "natural": Moments(3, patch)}


def test_what_was_seen_before_takes_part_in_every_fit() -> None:
    natural = _scenes(3, 0, apart=0.2)
    kept = _kept([x - 0.2 for x in natural], natural)
    base = _empty(3)
    for x in _scenes(40, 1, apart=0.2):
        base["natural"].update(x)
        base["restored"].update(x - 0.2)
    alone = cross_validate(LatentTransport(Identity()), EMPTY, kept, shrinkages=(0.0,))
    more = cross_validate(LatentTransport(Identity()), base, kept, shrinkages=(0.0,))
    assert more.after[0.0] < alone.after[0.0]


@pytest.mark.parametrize(("restored", "natural"), [(2, 5), (5, 1)])
def test_too_few_pictures_are_refused(restored: int, natural: int) -> None:
    kept = _kept(_scenes(restored, 0, apart=0.1), _scenes(natural, 1, apart=0.1))
    with pytest.raises(RestoreError, match="too few to fit to"):
        cross_validate(LatentTransport(Identity()), EMPTY, kept)


def test_distance_after_is_that_of_the_transported_latents() -> None:
    natural = _scenes(4, 0, apart=0.0)
    transport = LatentTransport(Identity())
    for x in natural:
        transport.take(x - 0.2, "restored")
        transport.take(x, "natural")
    restored = [x - 0.2 for x in natural]
    assert distance_after(transport, restored) < 0.05 * transport.distance()
