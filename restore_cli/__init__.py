"""restore: photographs restored, from the command line and from Python.

Importing this package costs no torch; the public names below are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restore_cli.api.correcting import Correction
    from restore_cli.api.developing import develop
    from restore_cli.api.kinds import read_picture
    from restore_cli.api.measuring import Evaluation, Score, evaluate
    from restore_cli.api.restoring import Model, load_model, restore
    from restore_cli.engine.restorer import Restorer
    from restore_cli.errors import RestoreError
    from restore_cli.images.picture import Picture

__version__ = "0.1.0"
__all__ = [
    "Correction",
    "Evaluation",
    "Model",
    "Picture",
    "RestoreError",
    "Restorer",
    "Score",
    "__version__",
    "develop",
    "evaluate",
    "load_model",
    "read_picture",
    "restore",
]

_HOMES = {
    "Correction": "restore_cli.api.correcting",
    "Evaluation": "restore_cli.api.measuring",
    "Model": "restore_cli.api.restoring",
    "Picture": "restore_cli.images.picture",
    "RestoreError": "restore_cli.errors",
    "Restorer": "restore_cli.engine.restorer",
    "Score": "restore_cli.api.measuring",
    "develop": "restore_cli.api.developing",
    "evaluate": "restore_cli.api.measuring",
    "load_model": "restore_cli.api.restoring",
    "read_picture": "restore_cli.api.kinds",
    "restore": "restore_cli.api.restoring",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *__all__})
