"""`[model]`: what the exported model folder says of itself."""

from pydantic import Field

from restore_cli.recipe.section import Section
from restore_cli.recipe.usual import LICENCE, NAME


class ModelSection(Section):
    """What the exported model folder says of itself; `data` and `limits` are prose for its card."""

    name: str = Field(pattern=f"^{NAME}$", max_length=100)
    task: str = Field(pattern=f"^{NAME}$", max_length=100)
    description: str = ""
    licence: str = LICENCE
    data: str = ""
    limits: str = ""
