"""Batches that are finished on a device: what is random was drawn, the last arithmetic is left."""

import io
import math
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from restore_cli.data.pairs import known
from restore_cli.data.sample import Batch
from restore_cli.degradations.change import Unfinished

_ALIGNED = 64  # bytes; every format can be read where its first value lies
_Place = tuple[int, int, torch.dtype, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class BegunBatch:
    """Unfinished samples, all their tensors in one: it is sent, pinned and copied at once.

    A worker that sends tensors keeps a file open for each, and a batch has a hundred.

    Attributes:
        values: (N,) uint8, the values of all tensors.
        form: all that is none, pickled.
    """

    values: Tensor
    form: bytes

    @classmethod
    def of(cls, samples: Sequence[Unfinished]) -> Self:
        """Samples on the CPU as a batch."""
        file = io.BytesIO()
        packer = _Packer(file)
        packer.dump(list(samples))
        values = torch.empty(packer.size, dtype=torch.uint8)
        for place, tensor in packer.placed:
            values[place : place + tensor.nbytes] = tensor.reshape(-1).view(torch.uint8)
        return cls(values, file.getvalue())

    def pin_memory(self) -> Self:
        """The same in pinned memory; torch's loader asks for it by this name."""
        return type(self)(self.values.pin_memory(), self.form)

    def to(self, device: torch.device) -> Batch:
        """The finished batch, computed there; on the CPU bit for bit as without leaving off."""
        values = self.values.to(device, non_blocking=True)
        samples: list[Unfinished] = _Unpacker(io.BytesIO(self.form), values).load()
        with torch.no_grad():
            finished = Batch.stacked([known(sample.finished()) for sample in samples])
        return finished.to(device)


class _Packer(pickle.Pickler):
    """Leaves tensors out, and notes where the values of each, once, are to lie."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.size = 0
        self.placed: list[tuple[int, Tensor]] = []
        self._places: dict[int, int] = {}

    def persistent_id(self, obj: object) -> _Place | None:
        """Place, format and shape of a tensor; None has all else pickled."""
        if not isinstance(obj, Tensor):
            return None
        if id(obj) not in self._places:
            self._places[id(obj)] = self.size
            self.placed.append((self.size, obj.contiguous()))
            self.size += math.ceil(obj.nbytes / _ALIGNED) * _ALIGNED
        return self._places[id(obj)], obj.nbytes, obj.dtype, tuple(obj.shape)


class _Unpacker(pickle.Unpickler):
    """Puts tensors back, as parts of the values."""

    def __init__(self, file: io.BytesIO, values: Tensor) -> None:
        super().__init__(file)
        self._values = values

    def persistent_load(self, pid: _Place) -> Tensor:
        """The tensor of a place."""
        place, size, dtype, shape = pid
        return self._values[place : place + size].view(dtype).view(shape)
