"""How torch and its back ends say that memory ran out."""

_SIGNS = (
    "out of memory",
    "not enough memory",
    "defaultcpuallocator",
    "alloc_failed",
)
_OF_THE_SYSTEM = (
    "failed to map segment",
    "cannot allocate memory",
    "not enough memory",
    "out of memory",
    "std::bad_alloc",
    "can't start new thread",
)
"""How the loader, torch and C++ say so, in lower case."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whichever device."""
    # By name: this is asked without torch, too.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)


def lacks_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, also where a library could not be loaded for that reason."""
    while error is not None:
        text = str(error).lower()
        if is_out_of_memory(error) or any(sign in text for sign in _OF_THE_SYSTEM):
            return True
        error = error.__cause__ or error.__context__
    return False
