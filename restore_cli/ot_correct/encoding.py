"""A network as an autoencoder for pictures of any size: padding, tiles, device, memory."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

from restore_cli.engine import memory
from restore_cli.engine.out_of_memory import is_out_of_memory
from restore_cli.engine.tiling import Span, lay, mirror, spans, taken
from restore_cli.errors import RestoreError

TILE, OVERLAP = 512, 128
"""px; wider windows are no faster, and what lies further away hardly matters to a latent."""


class _Way(NamedTuple):
    """One way through an autoencoder.

    Attributes:
        compute: maps a window.
        channels: of the result.
        into: values of the source for each latent, along each side.
        out: the same of the result.
    """

    compute: Callable[[Tensor], Tensor]
    channels: int
    into: int
    out: int


class Coder(Protocol):
    """An encoder and a decoder on their device, in multiples of their factor."""

    def encode(self, image: Tensor) -> Tensor:
        """Map (1, 3, H, W) in [0, 1] to (1, C, H / factor, W / factor)."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents back, nominally to [0, 1]."""
        ...

    def spread(self, image: Tensor) -> Tensor | None:
        """The posterior's standard deviation, of the latents' shape; None where it has none."""
        ...


class TiledAutoencoder:
    """Encodes and decodes in overlapping windows that fade into each other.

    Pictures and latents stay in host memory; only windows travel to the device. A picture that is
    no multiple of the factor is continued by reflection, and cut again when decoded. Out of
    memory means smaller windows, and at last the CPU.

    Args:
        coder: a module; put in eval mode and moved to the device.
        name: see `transport.autoencoder.Autoencoder`.
        sha256: likewise.
        channels: likewise.
        factor: likewise.
        device: where it computes.
        tile: px of a window, at most.
        overlap: px that neighbouring windows share.
    """

    def __init__(
        self,
        coder: Coder,
        *,
        name: str,
        sha256: str,
        channels: int,
        factor: int,
        device: torch.device,
        tile: int = TILE,
        overlap: int = OVERLAP,
    ) -> None:
        self.name, self.sha256 = name, sha256
        self.channels, self.factor = channels, factor
        self._coder, self._device = coder, device
        self._tile, self._overlap = max(1, tile // factor), overlap // factor
        self._module = cast("nn.Module", coder).eval().requires_grad_(requires_grad=False)
        self._module.to(device)

    def encode(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) in [0, 1] to float32 (B, C, ceil(H / factor), ceil(W / factor))."""
        return self._tiled(images, self._coder.encode, self.channels)

    def _tiled(self, images: Tensor, compute: Callable[[Tensor], Tensor], channels: int) -> Tensor:
        rows = mirror(images.shape[2], self.factor)
        columns = mirror(images.shape[3], self.factor)
        padded = torch.from_numpy(taken(taken(images.numpy(), rows, 2), columns, 3))
        size = (len(rows) // self.factor, len(columns) // self.factor)
        return self._persist(padded, _Way(compute, channels, self.factor, 1), size)

    def sample(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """See `transport.autoencoder.Autoencoder`."""
        mean = self.encode(images)
        spread = self._tiled(images, self._spread, self.channels)
        return mean + spread * torch.randn(mean.shape, generator=generator)

    def _spread(self, image: Tensor) -> Tensor:
        spread = self._coder.spread(image)
        if spread is None:
            raise RestoreError(
                f"the autoencoder {self.name!r} has no posterior to draw from",
                hint="leave --sample away, or name a variational autoencoder with --vae",
            )
        return spread

    def decode(self, latents: Tensor, size: tuple[int, int]) -> Tensor:
        """Map latents to float32 (B, 3, H, W) of `size`, not clamped."""
        grid = (latents.shape[2], latents.shape[3])
        whole = self._persist(latents, _Way(self._coder.decode, 3, 1, self.factor), grid)
        return whole[..., : size[0], : size[1]].contiguous()

    def _persist(self, source: Tensor, way: _Way, grid: tuple[int, int]) -> Tensor:
        """Compute in windows of the latent grid, smaller ones where memory is short.

        Args:
            source: (B, ?, h * way.into, w * way.into).
            way: what is computed.
            grid: height and width in latents.
        """
        while True:
            try:
                return self._windows(source, way, grid)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Only here, behind the `except`, are the tensors of the failed attempt gone.
            memory.release(self._device)
            # Latents under twice the overlap would be mostly context that is thrown away.
            if self._tile > 2 * max(1, self._overlap):
                self._tile //= 2
            elif self._device.type != "cpu":
                self._device = torch.device("cpu")
                self._module.to(self._device)
            else:
                raise RestoreError(
                    f"not enough memory for the autoencoder {self.name}, even in tiles of "
                    f"{self._tile * self.factor} px",
                    hint="close other programs, or use a machine with more memory",
                )

    def _windows(self, source: Tensor, way: _Way, grid: tuple[int, int]) -> Tensor:
        overlap = min(self._overlap, self._tile // 2)
        rows, columns = (spans(length, self._tile, overlap, 1) for length in grid)
        result = torch.empty(len(source), way.channels, grid[0] * way.out, grid[1] * way.out)
        with torch.inference_mode():
            for picture, target in zip(source, result, strict=True):
                for row in rows:
                    band = torch.empty(
                        way.channels, (row.stop - row.start) * way.out, grid[1] * way.out
                    )
                    for column in columns:
                        window = picture[
                            None,
                            :,
                            row.start * way.into : row.stop * way.into,
                            column.start * way.into : column.stop * way.into,
                        ]
                        made = way.compute(window.to(self._device).contiguous())[0].float().cpu()
                        lay(band.numpy(), made.numpy(), _scaled(column, way.out), dim=2)
                    lay(target.numpy(), band.numpy(), _scaled(row, way.out), dim=1)
        return result


def _scaled(span: Span, factor: int) -> Span:
    """A window of the latent grid, in px."""
    return Span(
        span.start * factor,
        span.stop * factor,
        span.fade_start * factor,
        span.fade_stop * factor,
        span.keep_stop * factor,
    )
