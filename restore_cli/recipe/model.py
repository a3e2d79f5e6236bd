"""`[model]`: what the exported model folder says of itself."""

from pydantic import Field

from restore_cli.recipe.section import Section

NAME = "[a-z0-9][a-z0-9-]*"
"""What models and tasks may be called."""


class ModelSection(Section):
    """What the exported model folder says of itself; `data` and `limits` are prose for its card."""

    name: str = Field(pattern=f"^{NAME}$", max_length=100)
    task: str = Field(pattern=f"^{NAME}$", max_length=100)
    description: str = ""
    licence: str = "Apache-2.0"
    data: str = ""
    limits: str = ""
