"""Unbalanced against balanced transport in the plane, with outliers planted in the target.

    python benchmarks/eguot_toy.py --write

A Gaussian cloud is to become a ring of eight clusters; five points in a hundred of the target lie
far away in a corner. The same networks, data, steps and seeds with softplus conjugates (unbalanced)
and with the identity (balanced).
"""

import argparse
import statistics
from dataclasses import dataclass

import numpy as np
import torch
from rows import RESULTS, write_rows
from torch import Tensor, nn

from restore_cli.losses.adversarial import r1_penalty
from restore_cli.methods.eguot.semidual import CONJUGATES, map_loss, potential_loss

SEEDS = (1, 2, 3)
OUTLIERS = 0.05
CORNER = (12.0, 12.0)
COST = 0.05  # times the squared distance
STEPS = 4000


@dataclass(frozen=True)
class Row:
    """One trained map.

    Attributes:
        conjugate: of both sides.
        seed: of data and networks.
        distance: 2-Wasserstein distance of the mapped cloud to the inliers, in the plane's units.
        on_outliers: share of mapped points that lie nearer to the corner than to the ring.
    """

    conjugate: str
    seed: int
    distance: float
    on_outliers: float


def inliers(count: int, generator: torch.Generator) -> Tensor:
    """Points of eight clusters on a circle of radius 4, (N, 2)."""
    angle = torch.randint(8, (count,), generator=generator) * (torch.pi / 4)
    centre = 4 * torch.stack([angle.cos(), angle.sin()], dim=1)
    return centre + 0.2 * torch.randn(count, 2, generator=generator)


def target(count: int, generator: torch.Generator) -> Tensor:
    """The ring with the outliers among it, (N, 2)."""
    points = inliers(count, generator)
    corner = torch.tensor(CORNER) + 0.3 * torch.randn(count, 2, generator=generator)
    return torch.where(torch.rand(count, 1, generator=generator) < OUTLIERS, corner, points)


def network(outputs: int, width: int = 128) -> nn.Sequential:
    """A small perceptron over the plane."""
    return nn.Sequential(
        nn.Linear(2, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
        nn.Linear(width, width), nn.SiLU(), nn.Linear(width, outputs),
    )  # fmt: skip


def trained(conjugate: str, seed: int, steps: int) -> nn.Module:
    """The map after `steps` rounds of one potential's and one map's step, batches of 256."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    move, potential, psi = network(2), network(1), CONJUGATES[conjugate]
    optimizers = [
        torch.optim.Adam(p.parameters(), lr=2e-4, betas=(0.5, 0.9)) for p in (move, potential)
    ]
    averaged = torch.optim.swa_utils.AveragedModel(
        move, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)
    )

    def step(which: int, loss: Tensor) -> None:
        optimizers[which].zero_grad()
        loss.backward()
        optimizers[which].step()

    for _ in range(steps):
        source = torch.randn(256, 2, generator=generator)
        real = target(256, generator).requires_grad_()
        with torch.no_grad():
            made = source + move(source)
        scores = potential(real)
        cost = COST * (made - source).square().sum(dim=1)
        loss = potential_loss(potential(made)[:, 0], scores[:, 0], cost, source=psi, target=psi)
        step(1, loss + 0.01 * r1_penalty(scores, real))
        made = source + move(source)
        cost = COST * (made - source).square().sum(dim=1)
        step(0, map_loss(potential(made)[:, 0], cost))
        averaged.update_parameters(move)
    return averaged


def wasserstein(one: Tensor, other: Tensor) -> float:
    """Exact 2-Wasserstein distance of two clouds of as many points, by linear assignment."""
    from scipy.optimize import linear_sum_assignment

    squared = torch.cdist(one, other).square().numpy()
    rows, columns = linear_sum_assignment(squared)
    return float(np.sqrt(squared[rows, columns].mean()))


def measure(conjugate: str, seed: int, steps: int) -> tuple[Row, Tensor]:
    """One row, and the mapped cloud."""
    move = trained(conjugate, seed, steps)
    generator = torch.Generator().manual_seed(1000 + seed)
    source = torch.randn(2000, 2, generator=generator)
    with torch.inference_mode():
        made = source + move(source)
    apart = (made - torch.tensor(CORNER)).norm(dim=1) < (made.norm(dim=1) - 4).abs()
    share = float(apart.float().mean())
    distance = wasserstein(made, inliers(2000, generator))
    return Row(conjugate, seed, round(distance, 4), round(share, 4)), made


def plot(clouds: dict[str, Tensor]) -> None:
    """Mapped clouds of the first seed over the target."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    real = target(1000, torch.Generator().manual_seed(0)).numpy()
    for axes, (name, cloud) in zip(figure.subplots(1, 2), clouds.items(), strict=True):
        axes.plot(*real.T, ".", color="0.75", markersize=3, label="target")
        axes.plot(*cloud.numpy().T, ".", color="C0", markersize=2, label="mapped")
        axes.set_title(f"{name} conjugates")
        axes.set_aspect("equal")
        axes.legend(loc="lower right")
    figure.savefig(RESULTS / "eguot_toy.png", dpi=110)


def main() -> None:
    """Train, print, and with --write keep CSV and plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--write", action="store_true", help="keep results/eguot_toy.csv and .png")
    arguments = parser.parse_args()
    rows: list[Row] = []
    clouds: dict[str, Tensor] = {}
    for seed in SEEDS:
        for conjugate in ("softplus", "identity"):
            row, cloud = measure(conjugate, seed, arguments.steps)
            rows.append(row)
            clouds.setdefault(conjugate, cloud)
            print(row, flush=True)
    for what in ("distance", "on_outliers"):
        for name in ("softplus", "identity"):
            values = [getattr(row, what) for row in rows if row.conjugate == name]
            print(f"{what}, {name}: {statistics.fmean(values):.3f}")
    if arguments.write:
        write_rows("eguot_toy.csv", rows)
        plot(clouds)


if __name__ == "__main__":
    main()
