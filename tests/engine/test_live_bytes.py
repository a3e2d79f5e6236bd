"""Bytes are counted as long as somebody holds them, and views once."""

import torch

from restore_cli.engine.live_bytes import LiveBytes


def test_the_peak_is_what_was_held_at_once() -> None:
    with LiveBytes() as counter:
        held = torch.zeros(1000) + 1
        view = held[:500]
        more = view * 2
        del more
        held.sum()
    assert 4 * 1500 <= counter.peak <= 4 * 2600
