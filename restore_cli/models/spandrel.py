"""Networks of other projects, whose code and descriptors come from spandrel (the extra `[zoo]`)."""

import importlib
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from restore_cli.errors import RestoreError
from restore_cli.networks.admission import allowance, bounded
from restore_cli.networks.base import Network, NetworkInfo
from restore_cli.offline import offline

EXTRA_HINT = (
    "put the recipe.toml that trained it beside it; "
    '`pip install "restore-cli[zoo]"` knows more networks'
)
_PURPOSES = ("Restoration", "SR")
# Networks that pad pictures themselves tell no multiple, but work on blocks from the first pixel.
# FBCNN halves the picture three times; SCUNet does, and attends within 8 px of the smallest.
_GRIDS: Mapping[str, int] = {"FBCNN": 8, "SCUNet": 64}
_BLOCKS = ("window_size", "split_size", "stripe_size", "pad_size")  # of others, where attention is
_MOST_GRID = 128  # px; blocks that meet more seldom are not worth their padding


class SpandrelNetwork(Network):
    """A network that spandrel has built, behind the contract that all networks here keep.

    One that works on grey pictures restores each of the three channels by itself.

    Args:
        descriptor: spandrel's `ImageModelDescriptor`, with its weights.

    Attributes:
        architecture: its name there.

    Raises:
        RestoreError: it does not restore or enlarge colour or grey pictures.
    """

    def __init__(self, descriptor: Any) -> None:  # noqa: ANN401 - an extra, without its types here
        super().__init__()
        self.architecture = str(descriptor.architecture.name)
        channels = int(descriptor.input_channels), int(descriptor.output_channels)
        if descriptor.purpose not in _PURPOSES:
            raise RestoreError(
                f"{self.architecture} is for {descriptor.purpose}, not for whole photographs",
                hint="give a model that restores or enlarges pictures",
            )
        if channels not in ((3, 3), (1, 1)):
            raise RestoreError(
                f"{self.architecture} takes {channels[0]} channels and gives {channels[1]}",
                hint="give a model of colour or grey pictures",
            )
        self.module = descriptor.model
        self._descriptor = descriptor
        self._is_grey = channels == (1, 1)
        size = descriptor.size_requirements
        self.info = NetworkInfo(
            multiple=int(size.multiple_of),
            grid=_grid(str(descriptor.architecture.id), descriptor.model),
            smallest=max(1, int(size.minimum)),
            scale=int(descriptor.scale),
            whole=descriptor.tiling.name != "SUPPORTED",
            formats=_formats(descriptor),
            foreign=True,
        )

    def forward(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Tensor:
        """See `Network`; the result is clamped to [0, 1]."""
        self._check_told(level, context)
        batch, _, height, width = image.shape
        planes = image.reshape(-1, 1, height, width) if self._is_grey else image
        # A descriptor takes one picture.
        results = [self._descriptor(one.contiguous()) for one in planes.split(1)]
        scale = self.info.scale
        return torch.cat(results).reshape(batch, 3, scale * height, scale * width)


def adopt(state: dict[str, Tensor]) -> SpandrelNetwork:
    """Build the network that a checkpoint is of, with its weights, by spandrel.

    Args:
        state: its tensors; they were read without running code, and no file is read here.

    Raises:
        RestoreError: spandrel is not installed or cannot be imported, knows no such network, or
            the network is for something else.
    """
    library = _library()
    tensors = {name: _plain(value) for name, value in state.items()}
    try:
        with bounded(allowance(state.values())), offline("what the checkpoint refers to"):
            descriptor = library.ModelLoader().load_from_state_dict(
                library.canonicalize_state_dict(tensors)
            )
    except library.UnsupportedModelError as error:
        raise RestoreError(
            "its tensor names are of no network that is known here or to spandrel",
            hint="if `restore train` made it, put the recipe.toml that trained it beside it",
        ) from error
    except RestoreError:
        raise
    except Exception as error:  # dozens of networks, each with errors of its own
        raise RestoreError(
            f"its tensors are named like a known network, but make none: {_first_line(error)}",
            hint="give a checkpoint as its author published it",
        ) from error
    return SpandrelNetwork(descriptor)


def _library() -> Any:  # noqa: ANN401
    try:
        return importlib.import_module("spandrel")
    except ModuleNotFoundError as error:
        if error.name != "spandrel":
            raise _unusable(error) from error
        raise RestoreError(
            "it has no recipe, and its tensor names are not of a network known here",
            hint=EXTRA_HINT,
        ) from error
    except Exception as error:  # torchvision raises RuntimeError beside a torch that does not match
        raise _unusable(error) from error


def _unusable(error: Exception) -> RestoreError:
    return RestoreError(
        f"spandrel is installed but cannot be imported: {_first_line(error)}",
        hint="it needs a torchvision that matches torch: docs/models.md says which",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _plain(value: Tensor) -> Tensor:
    """Half formats as float32, in which the network is built."""
    return value.float() if value.is_floating_point() else value


def _grid(architecture: str, module: nn.Module) -> int:
    """The blocks that a network works on, px; 1 where nothing is known of any."""
    if architecture in _GRIDS:
        return _GRIDS[architecture]
    grid = math.lcm(*(side for part in module.modules() for side in _sides(part)))
    return grid if grid <= _MOST_GRID else 1


def _sides(part: nn.Module) -> Iterator[int]:
    for name in _BLOCKS:
        told: Any = getattr(part, name, None)
        sides: list[Any] = [*told] if isinstance(told, list | tuple) else [told]
        yield from (side for side in sides if isinstance(side, int) and side > 0)


def _formats(descriptor: Any) -> tuple[Literal["fp32", "bf16", "fp16"], ...]:  # noqa: ANN401
    formats: list[Literal["fp32", "bf16", "fp16"]] = ["fp32"]
    if descriptor.supports_bfloat16:
        formats.append("bf16")
    if descriptor.supports_half:
        formats.append("fp16")
    return tuple(formats)
