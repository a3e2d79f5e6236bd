"""`[log]`: how often a run reports, measures and saves."""

from pydantic import Field

from restore_cli.recipe.section import NonNegativeInt, PositiveInt, Section


class LogSection(Section):
    """How often a run reports, measures and saves."""

    every: PositiveInt = 50
    validate_every: PositiveInt = 1000
    checkpoint_minutes: float = Field(default=3.0, gt=0.0, allow_inf_nan=True)
    samples: NonNegativeInt = 4
