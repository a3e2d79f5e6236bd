"""A shipped model that can be recognised by its output."""

from pathlib import Path

from torch import Tensor

from restore_cli.models import zoo
from restore_cli.networks.base import Network, NetworkInfo


class Halve(Network):
    """A network that can be recognised by its output."""

    info = NetworkInfo(multiple=4)

    def __init__(self, factor: float = 0.5) -> None:
        super().__init__()
        self.factor = factor

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        return image * self.factor


ENTRY = zoo.Entry(
    name="derain",
    task="derain",
    folder=Path("models/derain"),
    parameters=123_456,
    size_bytes=246_912,
    licence="Apache-2.0",
    sha256="ab" * 32,
    description="Takes rain away.",
)
