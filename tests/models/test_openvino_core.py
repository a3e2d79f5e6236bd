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


def test_loading_it_tells_nobody_and_leaves_its_converter_out() -> None:
    """Each import told its makers, from a process that it started."""
    code = (
        "import os, sys\n"
        "os.environ.pop('CI', None)\n"
        "os.fork = lambda: sys.exit('it starts a process')\n"
        "from restore_cli.models.openvino_core import converter, core, library\n"
        "assert core() is core() and library().__version__\n"
        "told = {'openvino.tools.ovc', 'openvino_telemetry', 'multiprocessing'}\n"
        "assert told.isdisjoint(sys.modules)\n"
        "with converter() as convert:\n"
        "    assert callable(convert) and os.environ['CI'] == 'true'\n"
        "assert 'CI' not in os.environ\n"
        "from openvino.tools.ovc import convert_model\n"
        "assert convert_model is convert\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_who_has_imported_it_keeps_all_of_it() -> None:
    code = (
        "import os\n"
        "os.environ['CI'] = 'true'\n"
        "import openvino, sys\n"
        "from restore_cli.models.openvino_core import library\n"
        "assert library() is openvino and callable(openvino.convert_model)\n"
        "assert sys.modules['openvino.tools.ovc'] is not None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
