"""Objectives: a network and its losses as one trainable thing."""

from collections.abc import Callable

from restore_cli.methods.baryir.objective import Baryir
from restore_cli.methods.base import Objective
from restore_cli.methods.cut.objective import Cut
from restore_cli.methods.eguot.objective import Eguot
from restore_cli.methods.odcr.objective import Odcr
from restore_cli.methods.supervised.objective import Supervised
from restore_cli.methods.vae.objective import Variational

OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "supervised": Supervised,
    "cut": Cut,
    "odcr": Odcr,
    "eguot": Eguot,
    "baryir": Baryir,
    "vae": Variational,
}
"""What `objective.name` in a recipe may be; each takes the network first, then its own options."""
