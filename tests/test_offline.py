"""What loads files reaches no network, whatever the library does with the refusal."""

import contextlib
import socket
import threading
import urllib.request

import pytest

from restore_cli.errors import RestoreError
from restore_cli.offline import offline


def test_what_would_be_downloaded_is_refused_by_name() -> None:
    told = r"x would be downloaded.*example\.invalid"
    with pytest.raises(RestoreError, match=told), offline("x"):
        urllib.request.urlopen("http://example.invalid/weights.bin", timeout=5)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_addresses_are_refused_as_names_are(family: socket.AddressFamily) -> None:
    made = socket.socket(family, socket.SOCK_DGRAM)
    with made, pytest.raises(RestoreError), offline("it"):
        made.connect(("127.0.0.1" if family == socket.AF_INET else "::1", 9))


def test_who_does_without_is_left_alone() -> None:
    with offline("it"), contextlib.suppress(OSError):
        socket.getaddrinfo("example.invalid", 80)
    with pytest.raises(ValueError, match="own"), offline("it"):
        raise ValueError("its own")


def test_other_threads_and_what_comes_after_are_free() -> None:
    seen: list[object] = []
    with offline("it"):
        thread = threading.Thread(target=lambda: seen.append(socket.getaddrinfo("127.0.0.1", 80)))
        thread.start()
        thread.join()
    assert seen
    assert socket.getaddrinfo("127.0.0.1", 80)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no such sockets")
def test_processes_of_this_machine_may_be_spoken_to(tmp_path: object) -> None:
    path = f"{tmp_path}/s"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        with offline("it"):
            client.connect(path)
