import torch

from restore_cli.training import foreach


def test_each_does_for_all_what_the_operator_does_for_one() -> None:
    generator = torch.Generator().manual_seed(0)
    first = [torch.randn(shape, generator=generator) for shape in ((2, 3), (4,), ())]
    second = [torch.randn_like(value) for value in first]
    pairs = list(zip(first, second, strict=True))
    found = foreach.added(first, second, alpha=0.5)
    torch.testing.assert_close(found, [a + 0.5 * b for a, b in pairs])
    torch.testing.assert_close(foreach.differences(first, second), [a - b for a, b in pairs])
    sums = [value.clone() for value in first]
    foreach.add_(sums, second)
    torch.testing.assert_close(sums, [a + b for a, b in pairs])
    foreach.multiply_(sums, torch.tensor(2.0))
    foreach.multiply_(sums, 0.25)
    torch.testing.assert_close(sums, [0.5 * (a + b) for a, b in pairs])
