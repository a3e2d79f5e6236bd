"""The one number of a blur, against the moments of kernels."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from restore_cli.degradations.blur import directional_widths, disc_kernel, kernel_moments
from restore_cli.networks.widths import UNIT, level_in, widths_in


@pytest.mark.parametrize("weight", [0.2, 1.0, 7.0])
def test_a_disc_is_as_wide_as_its_radius_says(weight: float) -> None:
    moments = kernel_moments(disc_kernel(6.0, 0.3))
    widths = directional_widths(moments)
    context = weight * torch.cat([widths / UNIT, torch.ones(1)])[None]
    torch.testing.assert_close(widths_in(context)[0], widths)
    assert float(level_in(context)) == pytest.approx(math.sqrt(moments[0] + moments[2]), rel=1e-5)
    assert float(level_in(context)) == pytest.approx(6.0 / math.sqrt(2), rel=0.03)


def test_a_line_is_as_wide_whichever_way_it_goes() -> None:
    found: list[float] = []
    line = np.eye(9, dtype=np.float32) / 9
    for kernel in (line, line[::-1]):
        widths = directional_widths(kernel_moments(kernel)).numpy()
        found.append(float(level_in(np.append(widths / UNIT, 1.0)[None].astype(np.float32))[0]))
    assert found == pytest.approx([math.sqrt(2 * 60 / 9)] * 2, rel=1e-5)


def test_it_needs_no_torch() -> None:
    code = "import restore_cli.networks.widths, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
