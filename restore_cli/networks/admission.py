"""How large a network that is being built may become: files may claim anything."""

import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules import module as hooks

from restore_cli.errors import RestoreError

MOST_PARAMETERS = 2**30
"""4 GiB in float32; the largest network here has a thirtieth of it."""
MOST_TENSORS = 50_000


def allowance(tensors: Iterable[Tensor]) -> int:
    """How many parameters a network may have that a file's tensors are meant for.

    Somewhat more than they are: what does not fit is then told tensor by tensor.
    """
    return min(MOST_PARAMETERS, 2**20 + 4 * sum(tensor.numel() for tensor in tensors))


@contextmanager
def bounded(parameters: int = MOST_PARAMETERS) -> Generator[None]:
    """Stop a network that grows too large while it is being built, before its memory is touched.

    Args:
        parameters: how many numbers its weights may hold together.

    Raises:
        RestoreError: it has more, or more than 50,000 tensors.
    """
    counted, tensors, thread = 0, 0, threading.get_ident()

    def count(module: nn.Module, name: str, value: Tensor | None) -> None:
        nonlocal counted, tensors
        if value is None or threading.get_ident() != thread:
            return
        counted += value.numel()
        tensors += 1
        if counted > parameters or tensors > MOST_TENSORS:
            raise RestoreError(
                f"the network is too large: more than {min(parameters, counted):,} parameters in "
                f"{tensors:,} tensors",
                hint="fewer or narrower layers: smaller widths, depths or blocks",
            )

    handle = hooks.register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()
