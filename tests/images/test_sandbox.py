"""Pictures read in a sandbox are those read here; a decoder that dies costs one of them."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from restore_cli.errors import RestoreError
from restore_cli.images import sandbox as module
from restore_cli.images.picture import Picture
from restore_cli.images.sandbox import Sandbox, sandbox_for

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not hasattr(socket, "send_fds"), reason="no such sockets here"
)
RGB = np.random.default_rng(3).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = Sandbox()
    yield made
    made.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a photo\n.jpg"
    Image.fromarray(RGB).save(path, "JPEG", quality=80, dpi=(72, 72))
    return path


def test_pictures_are_as_they_are_without_it(box: Sandbox, tmp_path: Path, photo: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([RGB, RGB // 2]), photometric="rgb")
    Image.fromarray(RGB).convert("RGBA").save(tmp_path / "a.webp", lossless=True)
    Image.fromarray(RGB).save(tmp_path / "a.avif")
    others = {"a.tif": 1, "a.webp": 0, "a.avif": 0}
    for path, page in ((photo, 0), *((tmp_path / one, page) for one, page in others.items())):
        here, there = Picture.read(path, page), box.read(path, page)
        np.testing.assert_array_equal(here.pixels, there.pixels)
        assert here.metadata == there.metadata
        assert (here.format, here.coding, here.pages) == (there.format, there.coding, there.pages)


def test_errors_are_those_of_reading(box: Sandbox, tmp_path: Path, photo: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(photo.read_bytes()[:500])
    for path in (tmp_path / "cut.jpg", tmp_path / "gone.png", tmp_path):
        with pytest.raises(RestoreError) as here:
            Picture.read(path)
        with pytest.raises(RestoreError) as there:
            box.read(path)
        assert (here.value.message, here.value.hint) == (there.value.message, there.value.hint)
        assert here.value.exit_code == there.value.exit_code


def test_a_decoder_that_dies_costs_one_picture(box: Sandbox, photo: Path) -> None:
    box.read(photo)
    assert box._process is not None
    os.kill(box._process.pid, signal.SIGSTOP)  # it has not answered yet when it is killed
    threading.Timer(0.3, os.kill, (box._process.pid, signal.SIGKILL)).start()
    with pytest.raises(RestoreError, match=r"its decoder crashed \(signal 9\)"):
        box.read(photo)
    assert box.read(photo).width == 60


def test_one_that_hangs_is_ended(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 5)
    own = Sandbox()
    own.read(photo)
    assert own._process is not None
    process = own._process
    os.kill(process.pid, signal.SIGSTOP)
    begun = time.perf_counter()
    with pytest.raises(RestoreError, match="took longer than 5 s"):
        own.read(photo)
    assert time.perf_counter() - begun < 10
    assert process.poll() is not None
    assert own.read(photo).width == 60
    own.close()


def test_an_answer_that_is_none_is_refused(box: Sandbox, photo: Path) -> None:
    for answer in (b"\0" * 8, b"\xff" * 8, b"\0" * 7 + b"\2{}", b"\0" * 7 + b"\2[]"):
        ours, theirs = socket.socketpair()
        box.close()
        box._line = ours
        theirs.sendall(answer)
        theirs.close()
        with pytest.raises(RestoreError, match="ended without an answer"):
            box.read(photo)
    assert box.read(photo).width == 60


def test_it_ends_with_who_asks(photo: Path) -> None:
    own = Sandbox()
    own.read(photo)
    assert own._process is not None
    assert own._line is not None
    own._line.close()
    assert own._process.wait(timeout=10) == 0


def test_when_it_is_used() -> None:
    assert sandbox_for("off") is None
    assert sandbox_for("auto") is None
    assert isinstance(sandbox_for("on"), Sandbox)
