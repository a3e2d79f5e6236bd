"""recipe.toml: everything that a training run is, checked before anything is computed.

A recipe names a network, an objective and degradations. Their own keyword arguments are the schema
(`construct` reads the signature); the sections here are the schema of all the rest. Unknown keys
are refused, with the nearest known one as a hint.
"""

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
