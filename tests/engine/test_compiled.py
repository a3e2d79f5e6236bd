"""Compiled models are told and answer in arrays, and come back whole from the cache."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from restore_cli.engine.compiled import Compiled, Parts, Verdict, is_installed, packed, unpacked
from restore_cli.engine.front import apart
from restore_cli.models.graph import ContextGraph, Graph, unknown_level
from restore_cli.models.portable import openvino_model
from restore_cli.networks.base import Network
from restore_cli.networks.unet import UNet

pytest.importorskip("openvino", reason="needs the extra [fast]")


def _network(**options: Any) -> Network:  # noqa: ANN401
    torch.manual_seed(0)
    network = UNet(widths=(8, 8), depths=(1, 1), **options).eval()
    torch.nn.init.normal_(network.tail.weight, std=0.05)
    return network


def _parts(network: Network) -> Parts:
    ends = apart(openvino_model(Graph(network, context=True)))
    context = openvino_model(ContextGraph(network)) if network.info.context else None
    return Parts(*ends, context)


def test_what_was_packed_computes_the_same() -> None:
    network = _network(global_context=3)
    kept, verdict = unpacked(packed(_parts(network), Verdict(half=True)))
    assert verdict == Verdict(half=True)
    compiled = Compiled(kept, lambda: 1)
    assert (compiled.inputs, compiled.tells) == (["image", "context"], False)
    picture = torch.rand(2, 3, 64, 96)
    with torch.inference_mode():
        context = network.global_context(picture)
        assert context is not None
        mean = context.mean(dim=0, keepdim=True)
        expected = network(picture, context=mean.expand(2, -1))
    found = compiled.context(picture.numpy())
    np.testing.assert_allclose(found, mean.numpy(), atol=1e-5)
    each = compiled.contexts(picture.numpy())
    np.testing.assert_allclose(each, context.numpy(), atol=1e-5)
    with torch.inference_mode():
        own = network(picture, context=context).numpy()
    np.testing.assert_allclose(compiled(picture.numpy(), None, each, "fp32")[0], own, atol=1e-4)
    made, told = compiled(picture.numpy(), None, found, "fp32")
    np.testing.assert_allclose(made, expected.numpy(), atol=1e-4)
    assert told is None


def test_an_unknown_level_is_filled_in() -> None:
    network = _network(noise_map=True)
    compiled = Compiled(_parts(network), lambda: 1)
    picture = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        for level in (None, torch.tensor([0.2])):
            given = unknown_level(network.info, 1) if level is None else level
            assert given is not None
            assert level is not None or math.isnan(float(given[0]))
            told = None if level is None else level.numpy()
            made, _ = compiled(picture.numpy(), told, None, "fp32")
            np.testing.assert_allclose(made, network(picture, given).numpy(), atol=1e-4)


def test_it_is_known_to_be_there_without_an_import() -> None:
    assert is_installed()
