"""A network as other runtimes want it: a graph of operations with a fixed number of inputs."""

import math
import warnings
from abc import ABC, abstractmethod
from typing import Any, cast

import torch
from torch import Tensor, nn

from restore_cli.networks.amounts import QUANTITIES
from restore_cli.networks.base import Network, NetworkInfo
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.latents import LatentNetwork, degradation_classifier

_LEVELS: dict[str, tuple[int, ...]] = {"sigma": (), "blur": (4,), "amounts": (len(QUANTITIES),)}
_SIDE = 128  # px at least of the picture on which a network is traced


def unknown_level(info: NetworkInfo, count: int) -> Tensor | None:
    """The level that says nothing, for `count` pictures; None where a network takes none."""
    if info.level is None:
        return None
    return torch.full((count, *_LEVELS[info.level]), math.nan)


class Traced(nn.Module, ABC):
    """What other runtimes are given: a module of tensors that can be recorded.

    Attributes:
        inputs: names in order.
    """

    inputs: list[str]

    @abstractmethod
    def example(self) -> tuple[Tensor, ...]:
        """Inputs of the right shapes, the first of them (B, 3, H, W)."""

    def traced(self) -> Any:  # noqa: ANN401 - a type of torch's that its stubs do not name
        """The graph that torch records on `example`; heights, widths and batches stay free."""
        # Tensors of inference mode cannot be traced.
        with torch.inference_mode(mode=False), torch.no_grad(), warnings.catch_warnings():
            # Sizes that Python sees become constants: those that do are the same for every size.
            warnings.simplefilter("ignore")
            return torch.jit.trace(self, self.example(), check_trace=False)


class ContextGraph(Traced):
    """What a network says of whole pictures or of patches of them (N, 3, h, w): (N, F).

    Args:
        network: in eval mode, on the CPU, told a global context.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.inputs = ["patches"]

    def forward(self, patches: Tensor) -> Tensor:
        """See `Network.global_context`."""
        return cast("Tensor", self.network.global_context(patches))

    def example(self) -> tuple[Tensor, ...]:
        """Two patches that are not square."""
        return (torch.rand(2, 3, _SIDE, _SIDE + 16),)


class SaidGraph(Traced):
    """What a guided network reads from the global context (1, F) of a picture.

    The amounts (1, N), and how likely each kind is, (1, K), of networks that tell them.

    Args:
        network: in eval mode, on the CPU.
    """

    def __init__(self, network: GuidedUNet) -> None:
        super().__init__()
        self.network = network
        self.inputs = ["context"]

    def forward(self, context: Tensor) -> tuple[Tensor, ...]:
        """See `GuidedUNet.amounts` and `GuidedUNet.sources`."""
        sources = self.network.sources(context)
        amounts = self.network.amounts(context)
        return (amounts,) if sources is None else (amounts, sources)

    def example(self) -> tuple[Tensor, ...]:
        """The context of a grey picture."""
        return (self.network.global_context(torch.full((1, 3, _SIDE, _SIDE), 0.5)),)


class Graph(Traced):
    """A network whose inputs are all tensors that must be given: an unknown level is NaN.

    Args:
        network: in eval mode, on the CPU.
        context: whether the global context is an input (windows of a picture); else the network
            takes the image for the whole picture.

    Attributes:
        inputs: names in order: "image" (B, 3, H, W), "level" (B,) or (B, N), "context" (B, F).
        outputs: "image", and "degradations" (B, K) where training taught a network any.
    """

    def __init__(self, network: Network, *, context: bool) -> None:
        super().__init__()
        self.network = network
        info = network.info
        self.inputs = ["image"]
        if info.level is not None:
            self.inputs.append("level")
        if context and info.context:
            self.inputs.append("context")
        classifier = degradation_classifier(network)
        self._tells = classifier is not None and classifier.is_fitted
        self.outputs = ["image", "degradations"] if self._tells else ["image"]

    def forward(self, image: Tensor, *told: Tensor) -> tuple[Tensor, ...]:
        """Restore; the other arguments are in the order of `inputs`."""
        given = dict(zip(self.inputs[1:], told, strict=True))
        level, context = given.get("level"), given.get("context")
        if not self._tells:
            return (self.network(image, level, context=context),)
        network = cast("LatentNetwork", self.network)
        seen = network.decomposed(image, level, context=context)
        assert network.means is not None
        return seen.image, cast("Tensor", network.means(seen.residual))

    def example(self) -> tuple[Tensor, ...]:
        """Inputs of the right shapes, of one picture that is not square."""
        multiple = self.network.info.multiple
        side = math.ceil(_SIDE / multiple) * multiple
        image = torch.rand(1, 3, side, side + multiple)
        told: list[Tensor] = [image]
        if "level" in self.inputs:
            told.append(cast("Tensor", unknown_level(self.network.info, 1)))
        if "context" in self.inputs:
            told.append(cast("Tensor", self.network.global_context(image)))
        return tuple(told)
