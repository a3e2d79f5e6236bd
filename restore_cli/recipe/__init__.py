"""recipe.toml: everything that a training run is, checked before anything is computed.

A recipe names a network, an objective and degradations. Their own keyword arguments are the schema
(`construct` reads the signature); the sections here are the schema of all the rest. Unknown keys
are refused, with the nearest known one as a hint.

Importing this package builds no schema, which takes longer than many a command; the public names
below are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restore_cli.recipe.choice import Choice, NetworkChoice, construct
    from restore_cli.recipe.data import (
        CleanData,
        Data,
        DataSection,
        Flips,
        MixedData,
        Mixture,
        PairedData,
        PairFolders,
        RawData,
        UnpairedData,
    )
    from restore_cli.recipe.document import Recipe
    from restore_cli.recipe.infer import InferSection
    from restore_cli.recipe.optim import OptimSection

__all__ = [
    "Choice",
    "CleanData",
    "Data",
    "DataSection",
    "Flips",
    "InferSection",
    "MixedData",
    "Mixture",
    "NetworkChoice",
    "OptimSection",
    "PairFolders",
    "PairedData",
    "RawData",
    "Recipe",
    "UnpairedData",
    "construct",
]

_HOMES = {
    "Choice": "choice",
    "NetworkChoice": "choice",
    "construct": "choice",
    "Recipe": "document",
    "InferSection": "infer",
    "OptimSection": "optim",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for (PEP 562); most are of `data`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'data')}"), name)
