"""SIGTERM ends a command as Ctrl-C does, inside and only inside."""

import os
import signal
import threading

import pytest

from restore_cli.commands.signals import terminable


def test_sigterm_interrupts_and_the_handler_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminable():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_nothing_changes() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def embedded() -> None:
        with terminable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=embedded)
    thread.start()
    thread.join()
    assert seen == [before]
