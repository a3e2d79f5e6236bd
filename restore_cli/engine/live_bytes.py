"""How many bytes of tensors are alive at once while something is computed."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any, cast

from torch import Tensor
from torch.overrides import TorchFunctionMode


class LiveBytes(TorchFunctionMode):
    """Counts the bytes of all tensors that operators returned and that are still referred to.

    Attributes:
        peak: the most at one time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live = 0
        self._holders: dict[int, int] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        parts = cast("tuple[object, ...]", result if isinstance(result, tuple) else (result,))
        for part in parts:
            if isinstance(part, Tensor):
                self._hold(part)
        return cast("object", result)

    def _hold(self, tensor: Tensor) -> None:
        # Views share a storage: count it once, until its last holder goes.
        storage = tensor.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if key not in self._holders:
            self._live += size
            self.peak = max(self.peak, self._live)
        self._holders[key] = self._holders.get(key, 0) + 1
        weakref.finalize(tensor, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._holders[key] -= 1
        if not self._holders[key]:
            del self._holders[key]
            self._live -= size
