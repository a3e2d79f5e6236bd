"""The same tensors are the same bytes."""

import torch
from safetensors.torch import load

from restore_cli.tensors import to_safetensors


def test_equal_content_has_equal_bytes_and_reads_back() -> None:
    tensors = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(1, dtype=torch.float16)}
    metadata = {f"key {index}": "é" * index for index in range(20)}
    made = {to_safetensors(tensors, metadata) for _ in range(10)}
    made.add(to_safetensors(tensors, dict(reversed(metadata.items()))))
    assert len(made) == 1
    read = load(made.pop())
    assert torch.equal(read["b"], tensors["b"])
    assert torch.equal(read["a"], tensors["a"])
