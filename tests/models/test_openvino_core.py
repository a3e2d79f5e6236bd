import subprocess
import sys

import pytest

pytest.importorskip("openvino", reason="needs the extra [fast]")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_is_handled_after_the_models_went_in_another_thread() -> None:
    """Processes that had computed with OpenVINO died of Ctrl-C, or when a child of theirs ended."""
    code = (
        "import gc, signal, threading\n"
        "signal.signal(signal.SIGINT, lambda *_: print('handled'))\n"
        "from restore_cli.models.openvino_core import core\n"
        "core().get_property('CPU', 'FULL_DEVICE_NAME')\n"
        "box = [core()]\n"
        "thread = threading.Thread(target=lambda: (box.clear(), gc.collect()))\n"
        "thread.start()\n"
        "thread.join()\n"
        "signal.raise_signal(signal.SIGINT)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "handled\n"
