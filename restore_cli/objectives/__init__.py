"""Objectives: a network and its losses as one trainable thing."""

from collections.abc import Callable

from restore_cli.objectives.baryir import Baryir
from restore_cli.objectives.base import Objective
from restore_cli.objectives.cut import Cut
from restore_cli.objectives.eguot import Eguot
from restore_cli.objectives.odcr import Odcr
from restore_cli.objectives.supervised import Supervised
from restore_cli.objectives.variational import Variational

OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "supervised": Supervised,
    "cut": Cut,
    "odcr": Odcr,
    "eguot": Eguot,
    "baryir": Baryir,
    "vae": Variational,
}
"""What `objective.name` in a recipe may be; each takes the network first, then its own options."""
