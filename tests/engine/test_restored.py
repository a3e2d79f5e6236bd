"""What is told of a picture, whatever holds its pixels."""

from dataclasses import replace

import numpy as np
import torch

from restore_cli.engine.restored import Restored


def test_a_result_says_how_and_its_picture_may_be_replaced() -> None:
    told = Restored(torch.zeros(3, 1, 1), 64, "cpu", "bf16", ("a note",), {"scale": 2}, "openvino")
    other = replace(told, image=np.ones((3, 1, 1), np.float32))
    assert other.image.sum() == 3
    assert (other.tile, other.device, other.precision) == (64, "cpu", "bf16")
    assert (other.notes, other.details, other.backend) == (("a note",), {"scale": 2}, "openvino")
    assert Restored(told.image, None, "cpu", "fp32").details == {}
