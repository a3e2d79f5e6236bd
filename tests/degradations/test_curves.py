"""The curve on arrays is the curve on tensors."""

import numpy as np
import torch

from restore_cli.degradations.curves import decode, encode
from restore_cli.images.color import linear_to_srgb, srgb_to_linear


def test_both_ways_agree_with_the_curve_on_tensors() -> None:
    values = np.concatenate([np.linspace(0, 1, 5001), [0.04045, 0.0031308]]).astype(np.float32)
    for ours, theirs in ((decode, srgb_to_linear), (encode, linear_to_srgb)):
        expected = theirs(torch.from_numpy(values)).numpy()
        assert np.abs(ours(values) - expected).max() < 1e-6
    np.testing.assert_allclose(encode(decode(values)), values, atol=2e-6)
