import numpy as np
import torch

from restore_cli.degradations.planes import clip_, colour, drawn, planes, tensor


def test_on_the_cpu_planes_are_arrays_of_the_same_memory() -> None:
    values = torch.rand(3, 4, 5)
    seen = planes(values)
    assert isinstance(seen, np.ndarray)
    seen[0, 0, 0] = 7.0
    assert values[0, 0, 0] == 7.0
    assert tensor(seen).data_ptr() == values.data_ptr()


def test_elsewhere_planes_are_the_tensors() -> None:
    values = torch.empty(3, 4, 5, device="meta")
    assert planes(values) is values
    assert tensor(values) is values


def test_both_are_clipped_in_place() -> None:
    for values in (torch.tensor([-1.0, 0.5, 2.0]), np.array([-1.0, 0.5, 2.0], np.float32)):
        assert clip_(values) is values
        assert values.tolist() == [0.0, 0.5, 1.0]
        assert clip_(values, 0.2, 0.4) is values
        np.testing.assert_allclose(values, [0.2, 0.4, 0.4])


def test_what_was_drawn_is_float32_and_a_colour_lies_beside_planes() -> None:
    kept = drawn(np.arange(3.0)[::-1])
    assert kept.dtype == torch.float32
    assert kept.tolist() == [2.0, 1.0, 0.0]
    assert colour(kept).shape == (3, 1, 1)
