"""A graph takes a fixed number of tensors, and an unknown level as NaN."""

import pytest
import torch

from restore_cli.models.graph import ContextGraph, Graph, SaidGraph, unknown_level
from restore_cli.networks.base import NetworkInfo
from restore_cli.networks.deblur import Deblur
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.unet import UNet


@pytest.mark.parametrize("context", [False, True])
def test_a_traced_graph_is_the_network_at_any_size(context: bool) -> None:
    torch.manual_seed(0)
    network = UNet(widths=(4, 8), depths=(1, 1), noise_map=True, global_context=3).eval()
    torch.nn.init.normal_(network.tail.weight, std=0.1)
    graph = Graph(network, context=context)
    assert graph.inputs == ["image", "level", "context"][: 2 + context]
    traced = graph.traced()
    image = torch.rand(2, 3, 20, 36)
    told = network.global_context(image)
    for level in (torch.tensor([torch.nan, 0.2]), torch.full((2,), torch.nan)):
        with torch.inference_mode():
            (found,) = traced(image, level, *((told,) if context else ()))
            expected = network(image, level, context=told)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_an_unknown_level_has_the_shape_of_what_the_network_takes() -> None:
    assert unknown_level(NetworkInfo(), 2) is None
    for level, shape in (("sigma", (2,)), ("blur", (2, 4))):
        told = unknown_level(NetworkInfo(level=level), 2)  # type: ignore[arg-type]
        assert told is not None
        assert told.shape == shape
        assert bool(told.isnan().all())


def test_deblur_is_traced_without_transforms_of_its_own_size() -> None:
    torch.manual_seed(0)
    network = Deblur(widths=(4, 8), depths=(1, 1)).eval()
    torch.nn.init.normal_(network.body.tail.weight, std=0.1)
    image = torch.rand(1, 3, 64, 90)
    with torch.inference_mode():
        (found,) = Graph(network, context=False).traced()(image, torch.full((1, 4), 2.0))
        expected = network(image, torch.full((1, 4), 2.0))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_contexts_are_those_of_each_patch() -> None:
    torch.manual_seed(0)
    network = UNet(widths=(8, 8), depths=(1, 1), global_context=3).eval()
    graph = ContextGraph(network)
    assert graph.inputs == ["patches"]
    patches = torch.rand(5, 3, 90, 160)
    with torch.no_grad():
        expected = network.global_context(patches)
        assert expected is not None
        torch.testing.assert_close(graph.traced()(patches), expected)


@pytest.mark.parametrize("sources", [(), ("rain", "haze")])
def test_what_is_read_from_a_context_is_traced(sources: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    network = GuidedUNet(
        widths=(8, 8), depths=(1, 1), quantity="stops", sources=sources, relight=True, bins=6,
        exposure=0.46,
    ).eval()  # fmt: skip
    if network.classifier is not None:
        torch.nn.init.normal_(network.classifier.weight)
    traced = SaidGraph(network).traced()
    with torch.inference_mode():
        context = network.global_context(0.1 * torch.rand(1, 3, 96, 80))
        amounts, *told = traced(context)
        torch.testing.assert_close(amounts, network.amounts(context))
        assert len(told) == (1 if sources else 0)
        for found in told:
            torch.testing.assert_close(found, network.sources(context))
