"""Names of what is shipped, without torch."""

import subprocess
import sys

from restore_cli.models import shipped, zoo


def test_the_zoo_and_the_names_agree() -> None:
    assert [entry.name for entry in zoo.entries()] == [path.name for path in shipped.folders()]
    assert {entry.task for entry in zoo.entries() if entry.name in zoo.TASKS} <= set(shipped.TASKS)


def test_names_cost_no_torch() -> None:
    code = (
        "import sys, restore_cli.models.shipped as s; s.folders(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
