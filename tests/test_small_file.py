"""Files that are read whole have an end."""

from pathlib import Path

import pytest

from restore_cli.errors import RestoreError
from restore_cli.small_file import read_small


def test_what_is_too_large_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_bytes(bytes(2**20))
    assert len(read_small(path, most=2**20)) == 2**20
    path.write_bytes(bytes(2**20 + 1))
    with pytest.raises(RestoreError, match=r"large.toml is larger than 1 MiB"):
        read_small(path, most=2**20)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_a_device_without_an_end_is_refused() -> None:
    with pytest.raises(RestoreError, match="larger than"):
        read_small(Path("/dev/zero"), most=2**20)
