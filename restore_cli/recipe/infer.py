"""`[infer]`: what the `Restorer` needs to know of the trained network."""

from restore_cli.recipe.section import PositiveInt, Section
from restore_cli.recipe.usual import OVERLAP


class InferSection(Section):
    """What the `Restorer` needs to know of the trained network."""

    overlap: PositiveInt = OVERLAP
