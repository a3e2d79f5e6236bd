"""Out of memory is told from other errors."""

import pytest
import torch

from restore_cli.engine.out_of_memory import is_out_of_memory, lacks_memory


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("size mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_told_from_other_errors(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_a_real_allocation_failure_is_recognised() -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)


def test_a_library_that_finds_no_room_lacks_memory_too() -> None:
    inner = ImportError("libopenblas.so: failed to map segment from shared object")
    outer = ImportError("numpy cannot be imported")
    outer.__cause__ = inner
    assert lacks_memory(outer)
    assert lacks_memory(MemoryError())
    assert not lacks_memory(ImportError("no module named numpy"))
    assert not lacks_memory(None)
