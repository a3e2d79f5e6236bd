"""How well haze can be read off the features that ODCR's classifier sees (`methods_odcr.py`).

A logistic regression, fitted to training crops and counted on others: by single places, as the
method does it, and by means and deviations over the crop. What it cannot tell, no linear
classifier of the method can. The picture's own colours stand beside the features.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.data.loader import Stream
from restore_cli.data.source import build_source
from restore_cli.networks.cut import CutGenerator
from restore_cli.recipe import Recipe

_CROPS = 400  # of each side; a quarter of them is only counted on
_PLACES = 48  # of each crop and layer
_SEED = 4711  # crops that no training saw


def told_apart(network: CutGenerator, recipe: Recipe) -> Iterator[tuple[str, float]]:
    """What was looked at, and how often hazy and clear are told apart, in per cent."""
    stream = Stream(build_source(recipe.data), seed=_SEED)
    places: dict[str, list[Tensor]] = {}
    crops: dict[str, list[Tensor]] = {}
    rng = torch.Generator().manual_seed(_SEED)
    with torch.no_grad():
        for index in range(_CROPS):
            sample = stream[index]
            pair = torch.stack([sample.image, sample.target])
            maps = {"the picture's colours": pair}
            for layer, found in zip(network.feature_layers, network.features(pair), strict=True):
                maps[f"features of layer {layer}"] = found
            for name, found in maps.items():
                flat = found.float().flatten(2)  # (2, C, P)
                some = torch.randint(flat.shape[2], (_PLACES,), generator=rng)
                places.setdefault(name, []).append(flat[:, :, some].transpose(1, 2))
                moments = torch.cat([flat.mean(2), flat.std(2)], dim=1)
                crops.setdefault(name, []).append(moments[:, None])
    for name, found in places.items():
        yield f"{name}, one place", _accuracy(torch.stack(found))
        yield f"{name}, whole crop", _accuracy(torch.stack(crops[name]))


def _accuracy(features: Tensor) -> float:
    """Of a logistic regression on (crops, 2, places, C): hazy, clear; in per cent."""
    learnt = 3 * len(features) // 4
    known, fresh = features[:learnt], features[learnt:]
    mean = known.mean((0, 1, 2))
    spread = known.std((0, 1, 2)).clamp(min=1e-6)

    def inputs(part: Tensor) -> tuple[Tensor, Tensor]:
        x = (part - mean) / spread
        labels = torch.tensor([1.0, 0.0])[None, :, None].expand(x.shape[:3])
        return x.flatten(0, 2), labels.flatten()

    x, wanted = inputs(known)
    weight = torch.zeros(x.shape[1] + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        error = F.binary_cross_entropy_with_logits(x @ weight[:-1] + weight[-1], wanted)
        error = error + 1e-3 * weight[:-1].square().sum()
        error.backward()
        return error

    optimizer.step(loss)  # pyright: ignore[reportArgumentType]
    x, wanted = inputs(fresh)
    right = ((x @ weight[:-1] + weight[-1] > 0) == (wanted > 0.5)).float().mean()
    return round(100 * float(right), 2)
