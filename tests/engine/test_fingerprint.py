"""Two networks have one fingerprint only if they compute the same."""

import torch

from restore_cli.engine.fingerprint import fingerprint, machine
from restore_cli.networks.unet import UNet


def test_a_fingerprint_tells_weights_and_structures_apart() -> None:
    torch.manual_seed(0)
    first = UNet(widths=(8, 8), depths=(1, 1))
    second = UNet(widths=(8, 8), depths=(1, 1))
    deeper = UNet(widths=(8, 8), depths=(1, 2))
    assert len({fingerprint(network) for network in (first, second, deeper)}) == 3
    second.load_state_dict(first.state_dict())
    assert fingerprint(first) == fingerprint(second)


def test_a_machine_is_told_by_its_threads_and_versions() -> None:
    assert torch.__version__ in machine()
    assert f"{torch.get_num_threads()} threads" in machine()
