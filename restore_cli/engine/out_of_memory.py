"""How torch and its back ends say that memory ran out."""

import torch

_SIGNS = (
    "out of memory",
    "not enough memory",
    "defaultcpuallocator",
    "alloc_failed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whichever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)
