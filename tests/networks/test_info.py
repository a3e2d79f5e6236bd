"""Facts about networks follow from those that are given."""

import subprocess
import sys

from restore_cli.networks.info import NetworkInfo


def test_windows_meet_the_blocks_of_both_grids() -> None:
    assert NetworkInfo(multiple=8, grid=12).block == 24
    assert NetworkInfo(level="sigma").takes_sigma
    assert not NetworkInfo(level="amounts").takes_sigma


def test_facts_need_no_torch() -> None:
    code = "import sys, restore_cli.networks.info; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
