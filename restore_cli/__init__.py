"""restore: photographs restored from the command line.

Importing this package costs no torch; the public names below are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restore_cli.engine.restorer import Restorer
    from restore_cli.errors import RestoreError
    from restore_cli.images.picture import Picture
    from restore_cli.models.zoo import load

__version__ = "0.1.0"
__all__ = ["Picture", "RestoreError", "Restorer", "__version__", "load"]

_HOMES = {
    "Picture": "restore_cli.images.picture",
    "RestoreError": "restore_cli.errors",
    "Restorer": "restore_cli.engine.restorer",
    "load": "restore_cli.models.zoo",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
