"""How torch and its back ends say that memory ran out."""

_SIGNS = (
    "out of memory",
    "not enough memory",
    "defaultcpuallocator",
    "alloc_failed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whichever device."""
    # By name: this is asked without torch, too.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)
