"""What outputs take over from the file system."""

import os
import sys
from pathlib import Path

import pytest

from restore_cli.batch.attributes import Attributes


def test_a_new_output_takes_its_inputs_mode_and_a_replaced_one_keeps_its_own(
    tmp_path: Path,
) -> None:
    source, output = tmp_path / "a.jpg", tmp_path / "b.jpg"
    source.touch()
    source.chmod(0o640)
    assert Attributes.for_output(source, output, preserve_times=False).mode == 0o640
    output.touch()
    output.chmod(0o604)
    attributes = Attributes.for_output(source, output, preserve_times=False)
    output.chmod(0o600)
    attributes.apply(output)
    assert output.stat().st_mode & 0o777 == 0o604


@pytest.mark.parametrize("preserve", [True, False])
def test_times_are_given_where_asked_for(tmp_path: Path, preserve: bool) -> None:
    source, output = tmp_path / "a.jpg", tmp_path / "b.jpg"
    source.touch()
    os.utime(source, ns=(10**18, 10**18 + 5000))
    attributes = Attributes.for_output(source, output, preserve_times=preserve)
    output.touch()
    attributes.apply(output)
    assert (output.stat().st_mtime_ns == 10**18 + 5000) == preserve


@pytest.mark.skipif(sys.platform != "linux", reason="extended attributes are Linux's here")
def test_user_attributes_go_along(tmp_path: Path) -> None:
    source, output = tmp_path / "a.jpg", tmp_path / "b.jpg"
    source.touch()
    try:
        os.setxattr(source, "user.rating", b"5")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    attributes = Attributes.for_output(source, output, preserve_times=False)
    output.touch()
    attributes.apply(output)
    assert os.getxattr(output, "user.rating") == b"5"
