import signal
import threading
import time
from types import SimpleNamespace

import pytest

from restore_cli.training.interrupt import interrupts_noted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_nothing_is_cut_off(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interrupts_noted() as request:
        assert not request.stop
        signal.raise_signal(number)
        assert request.stop
    assert signal.getsignal(number) is before


def test_torchruns_echo_counts_as_the_same_wish_but_asking_again_ends_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(now=50.0)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    with interrupts_noted() as request:
        signal.raise_signal(signal.SIGINT)
        clock.now += 0.2
        signal.raise_signal(signal.SIGTERM)
        assert request.stop
        clock.now += 1.0
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="broken"), interrupts_noted():
        raise ValueError("broken")
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_may_train_too() -> None:
    found: list[bool] = []

    def body() -> None:
        with interrupts_noted() as request:
            found.append(request.stop)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert found == [False]
