import torch
from torch import Tensor

from restore_cli.data.sample import Batch
from restore_cli.methods.supervised.sources import learn_sources
from restore_cli.networks.guided_unet import GuidedUNet

NAMES = ("dark", "bright", "striped")


def made(*, sources: tuple[str, ...] = NAMES) -> GuidedUNet:
    torch.manual_seed(0)
    return GuidedUNet(widths=(8, 8), depths=(1, 1), guide=8, sources=sources).eval()


def pictures(label: int, count: int, generator: torch.Generator) -> Tensor:
    noise = 0.2 * torch.rand(count, 3, 32, 32, generator=generator)
    if label == 2:
        stripes = (torch.arange(32) % 4 < 2).float()
        return 0.2 + 0.5 * stripes + noise
    return noise + (0.05, 0.75)[label]


def batches(count: int, *, labels: int = 3) -> list[Batch]:
    generator = torch.Generator().manual_seed(1)
    found: list[Batch] = []
    for index in range(count):
        image = pictures(index % labels, 2, generator)
        found.append(Batch.of(image, image, source=torch.full((2,), index % labels)))
    return found


def test_it_names_what_it_learnt_to_tell_apart() -> None:
    network = made()
    assert network.sources(network.global_context(torch.rand(1, 3, 32, 32))) is None
    learn_sources(network, batches(60))
    generator = torch.Generator().manual_seed(2)
    for label in range(3):
        likely = network.sources(network.global_context(pictures(label, 8, generator)))
        assert likely is not None
        torch.testing.assert_close(likely.sum(dim=1), torch.ones(8))
        assert (likely.argmax(dim=1) == label).all()


def test_it_names_none_where_a_source_never_came_and_none_without_names() -> None:
    network = made()
    learn_sources(network, batches(20, labels=2))
    assert network.sources(network.global_context(torch.rand(1, 3, 32, 32))) is None
    nameless = made(sources=())
    learn_sources(nameless, batches(20))
    assert nameless.classifier is None
    assert nameless.sources(nameless.global_context(torch.rand(1, 3, 32, 32))) is None


def test_batches_without_sources_teach_nothing() -> None:
    network = made()
    image = torch.rand(2, 3, 32, 32)
    learn_sources(network, [Batch.of(image, image)])
    assert network.sources(network.global_context(image)) is None
