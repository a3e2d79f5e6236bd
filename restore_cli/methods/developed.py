"""What a network makes of mosaics, in the colours of finished pictures."""

from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.raw.neutral import camera_to_srgb


def developed(output: Tensor, batch: Batch) -> Tensor:
    """A network's output as sRGB, float32.

    What reads a mosaic answers in its camera's colours, as `restore isp` expects, so that one
    network serves all cameras; the matrix is known and need not be learned.

    Args:
        output: (B, 3, H, W).
        batch: its `matrix`, where it has one; without, the output is sRGB already.

    Returns:
        (B, 3, H, W), not clipped.
    """
    output = output.float()
    return output if batch.matrix is None else camera_to_srgb(output, batch.matrix)
