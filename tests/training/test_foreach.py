import torch

from restore_cli.training import foreach


def test_each_does_for_all_what_the_operator_does_for_one() -> None:
    generator = torch.Generator().manual_seed(0)
    first = [torch.randn(shape, generator=generator) for shape in ((2, 3), (4,), ())]
    second = [torch.randn_like(value) for value in first]
    pairs = list(zip(first, second, strict=True))
    found = foreach.added(first, second, alpha=0.5)
    torch.testing.assert_close(found, [a + 0.5 * b for a, b in pairs])
    norms = [value.norm() for value in first]
    torch.testing.assert_close(foreach.norms(first), norms)
    sums = [value.clone() for value in first]
    foreach.decay_and_add_(sums, 0.25, second)
    torch.testing.assert_close(sums, [0.25 * a + b for a, b in pairs])
    foreach.multiply_(sums, torch.tensor(2.0))
    torch.testing.assert_close(sums, [0.5 * a + 2 * b for a, b in pairs])
    ways = [value.clone() for value in first]
    foreach.lerp_(ways, second, torch.tensor(0.25))
    torch.testing.assert_close(ways, [0.75 * a + 0.25 * b for a, b in pairs])
    foreach.lerp_(ways, second, torch.tensor(0.0))
    torch.testing.assert_close(ways, [0.75 * a + 0.25 * b for a, b in pairs])
