"""Outputs in a camera's colours become sRGB, others stay."""

from dataclasses import replace

import torch

from restore_cli.data.sample import Batch
from restore_cli.methods.developed import developed
from restore_cli.raw.neutral import camera_to_srgb


def test_only_what_has_a_matrix_is_converted() -> None:
    output = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    plain = Batch.of(output, output)
    assert torch.equal(developed(output, plain), output.float())
    matrix = torch.tensor([[1.6, -0.5, -0.1], [-0.2, 1.5, -0.3], [0.0, -0.4, 1.4]])
    matrices = torch.stack([torch.eye(3), matrix])
    made = developed(output, replace(plain, matrix=matrices))
    torch.testing.assert_close(made[0], output[0].float(), atol=1e-5, rtol=0)
    torch.testing.assert_close(made, camera_to_srgb(output.float(), matrices))
    assert (made[1] - output[1]).abs().max() > 0.05
