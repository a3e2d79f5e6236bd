"""Two networks have one fingerprint only if they compute the same."""

import importlib.metadata
import importlib.util
import subprocess
import sys

import pytest
import torch

from restore_cli.engine.fingerprint import fingerprint, machine, version_of_torch
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


def test_the_version_of_torch_is_the_installed_one_and_costs_no_import() -> None:
    assert version_of_torch() == importlib.metadata.version("torch")
    code = (
        "import sys\n"
        "from restore_cli.engine.fingerprint import versions\n"
        "versions()\n"
        "sys.exit(bool({'torch', 'importlib.metadata'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_where_its_files_say_nothing_the_installer_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    version_of_torch.cache_clear()
    assert version_of_torch() == importlib.metadata.version("torch")
    version_of_torch.cache_clear()
