"""What the latents of an all-in-one network say: read by `allinone.py`.

Crops of photos, degraded as in the table's five tasks, go through the encoder; each is one point
(its latents' mean over places) for the probe and the picture, and all its places count for the
distances.
"""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore_cli.data.pairs import Degraded
from restore_cli.data.photos import Photos
from restore_cli.methods import OBJECTIVES
from restore_cli.networks import NETWORKS
from restore_cli.networks.latents import LatentNetwork, discriminant, means_by_label
from restore_cli.recipe import Recipe, construct
from restore_cli.transport.latent import latent_distance
from restore_cli.transport.moments import Moments

KINDS = ("source", "barycenter", "residual")
_STREAM = 30_000  # apart from the seeds of training, validation and `quality.py`
_SHRINKAGE = 0.1


@dataclass(frozen=True)
class Facts:
    """What the latents of one network say.

    Attributes:
        arm: the objective that it was trained with.
        seed: of the run.
        w2_source: mean distance of two sources' latents z_k: W2 of Gaussians over all places.
        w2_barycenter: the same of z_b.
        probe_source: share of photos/val crops whose degradation a linear classifier, fitted on
            photos/train crops, reads off z_k; chance is 1 / sources.
        probe_barycenter: the same, off z_b.
        probe_residual: the same, off z_k - z_b.
        named: share of these crops that the network itself names rightly, from the residual; nan
            where it was not taught to.
        constraint: largest |sum_k lambda_k f_k| on random latents; nan without potentials.
    """

    arm: str
    seed: int
    w2_source: float
    w2_barycenter: float
    probe_source: float
    probe_barycenter: float
    probe_residual: float
    named: float
    constraint: float


@dataclass(frozen=True)
class Latents:
    """What the encoder makes of some crops.

    Attributes:
        points: by kind (N, C), a crop each.
        labels: (N,), the crops' sources.
        said: (N,), what the network says they are; empty where it was not taught to say.
        moments: by kind and label, over all places.
        names: of the sources.
    """

    points: dict[str, Tensor]
    labels: Tensor
    said: Tensor
    moments: dict[str, list[Moments]]
    names: list[str]


@torch.inference_mode()
def collect(network: LatentNetwork, recipe: Recipe, folder: Path | None, count: int) -> Latents:
    """Latents of `count` degraded crops of a folder of the recipe's data."""
    data, names, means = recipe.data, list(recipe.data.shares), network.means
    photos = Photos(data.root / (folder or ""), smallest=data.crop)
    draw = Degraded(photos, data.simulated, crop=data.crop, flips="none")
    points: dict[str, list[Tensor]] = {kind: [] for kind in KINDS}
    labels: list[Tensor] = []
    said: list[int] = []
    moments: dict[str, list[Moments]] = {}
    for index in range(count):
        pair = draw(np.random.default_rng([_STREAM, 0, index]))
        assert pair.source is not None
        seen = network.decomposed(pair.image[None])
        labels.append(pair.source)
        if means is not None and means.weight.any():
            said.append(int(means(seen.residual).argmax()))
        for kind, latent in zip(KINDS, seen[1:], strict=True):
            points[kind].append(latent.mean(dim=(2, 3))[0])
            if kind not in moments:
                moments[kind] = [Moments(latent.shape[1], 1) for _ in names]
            moments[kind][int(pair.source)].update(latent)
    stacked = {kind: torch.stack(rows).double() for kind, rows in points.items()}
    return Latents(stacked, torch.stack(labels), torch.tensor(said), moments, names)


def facts(arm: str, seed: int, train: Latents, val: Latents, constraint: float) -> Facts:
    """Distances within `val`; probes fitted on `train` and judged on `val`."""
    apart = {kind: mean_distance(val.moments[kind]) for kind in ("source", "barycenter")}
    # One floor for all kinds: a tenth of how far source latents of one degradation differ.
    spread = (
        train.points["source"]
        - means_by_label(train.points["source"], train.labels, len(train.names))[train.labels]
    )
    floor = _SHRINKAGE * float(spread.square().mean())
    right = {
        kind: probe(train.points[kind], train.labels, val.points[kind], val.labels, floor=floor)
        for kind in KINDS
    }
    named = float((val.said == val.labels).double().mean()) if len(val.said) else float("nan")
    return Facts(
        arm, seed, apart["source"], apart["barycenter"],
        right["source"], right["barycenter"], right["residual"], named, constraint,
    )  # fmt: skip


def mean_distance(moments: list[Moments]) -> float:
    """Mean over all pairs of sources of W2 between their Gaussians."""
    pairs = [latent_distance(a, b) for a, b in combinations(moments, 2) if a.count and b.count]
    return sum(pairs) / len(pairs)


def probe(
    points: Tensor, labels: Tensor, held_out: Tensor, truth: Tensor, *, floor: float
) -> float:
    """Share of held-out points that a linear discriminant names rightly.

    Args:
        points: (N, C) float64.
        labels: (N,).
        held_out: (M, C).
        truth: (M,).
        floor: variance below which nothing is told apart.
    """
    weight, bias = discriminant(points, labels, int(labels.max()) + 1, floor=floor)
    return float(((held_out @ weight.mT + bias).argmax(dim=1) == truth).double().mean())


def constraint(recipe: Recipe, run: Path) -> float:
    """Largest |sum_k lambda_k f_k| on random latents, of the potentials in a run's checkpoint."""
    network = construct(recipe.network, NETWORKS, section="network")
    objective = construct(recipe.objective, OBJECTIVES, network, section="objective")
    objective.on_fit_start(recipe.data)
    if not isinstance(network, LatentNetwork) or "potentials" not in objective.modules:
        return float("nan")
    potentials = objective.modules["potentials"]
    saved = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=True)
    potentials.load_state_dict(saved["modules"]["potentials"])
    latents = torch.randn(
        256, network.latent_channels, 8, 8, generator=torch.Generator().manual_seed(0)
    )
    with torch.inference_mode():
        sums = potentials(latents).double() @ potentials.get_buffer("weights").double()
    return float(sums.abs().max())


def plot(latents: Latents, path: Path) -> None:
    """Points of each kind on their first two principal axes, coloured by degradation."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    for axes, kind in zip(figure.subplots(1, 3), KINDS, strict=True):
        centred = latents.points[kind] - latents.points[kind].mean(dim=0)
        _, _, directions = torch.linalg.svd(centred, full_matrices=False)
        flat = centred @ directions[:2].mT
        for label, name in enumerate(latents.names):
            own = flat[latents.labels == label].numpy()
            axes.plot(*own.T, ".", color=f"C{label}", markersize=4, label=name)
        axes.set_title(f"{kind} latents" if kind != "residual" else "residuals")
        axes.set_aspect("equal", adjustable="datalim")
        axes.tick_params(labelleft=False, labelbottom=False)
    figure.axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)
