"""Experts-guided unbalanced optimal transport: learn a rendering with pairs, without, or both."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.data.sample import Batch
from restore_cli.losses.adversarial import ADVERSARIAL, r1_penalty
from restore_cli.methods.alignment import Alignment, Rho
from restore_cli.methods.base import Objective, Step, within
from restore_cli.methods.developed import developed
from restore_cli.methods.eguot.anchor import ColourAnchor
from restore_cli.methods.eguot.ensemble import DiscriminatorEnsemble, Potential, TwoPotentials
from restore_cli.methods.eguot.semidual import CONJUGATES, Conjugate, map_loss, potential_loss
from restore_cli.methods.frozen import frozen
from restore_cli.networks.base import Network


class Eguot(Objective):
    """EGUOT (Perevozchikov et al., arXiv 2512.05635) over the semi-dual of UOTM (Choi et al. 2023).

    The network is the transport map T. A potential v and T play a game whose value is unbalanced
    transport from inputs to the target's domain; an ensemble of discriminators (experts)
    keeps T from failing in colour, structure or frequency. What a sample may cost to move is its
    own: the distance to its target where it has one, otherwise to a fixed rendering of it at
    reduced size, which ties the
    content and leaves the style free.

        min_v  E Psi1*(v(T(x)) - c(x, T(x))) + E Psi2*(-v(y)) + R1
        min_T  E [c(x, T(x)) - v(T(x))] + sum_k w_k L_k(T(x))

    A network that reads mosaics answers in its camera's colours, and T(x) is that answer in sRGB
    (`developed`); the rendering of a mosaic is bilinear, with the same matrix and curve.

    Args:
        network: the map, to (B, 3, H, W) in [0, 1].
        source: Psi1*, a name in `CONJUGATES`; "identity" for both is balanced transport.
        target: Psi2*, a name in `CONJUGATES`.
        cost: weight of the distance to the rendering, for samples without a target.
        reduce: px that are averaged for that distance.
        paired_cost: weight of the L1 distance to the target, for samples with one.
        pal: weight of photometric alignment within it.
        pal_eps: its ridge, see `methods.alignment`, as of the next two.
        pal_rho: its distance.
        pal_mask: the values that count.
        transport: weight of -v in the map's step; 0 leaves the experts alone with the cost.
        colour: weight of the colour expert; 0 leaves it out.
        structure: weight of the structure expert; 0 leaves it out.
        frequency: weight of the frequency expert; 0 leaves it out.
        overview: weight of an expert for the whole picture, made small (ours): patches cannot
            settle one global map. Above 0 the potential sees that too. 0 leaves both out; crops
            should be large where it is used.
        coloured: batches from which the rendering's colours are fitted to those of the target's
            domain, in closed form (ours, see `ColourAnchor`); 0 ties to the rendering as it is.
        r1: weight of the gradient penalty of potential and experts.
        potential_steps: the potential's steps for each of the map's.
        width: channels of the potential's first layer; the experts have half.

    Raises:
        ValueError: an unknown conjugate, a negative weight, or nothing to learn from.
    """

    single_step = False
    needs_pairs = False

    def __init__(
        self,
        network: Network,
        *,
        source: str = "softplus",
        target: str = "softplus",
        cost: float = 10.0,
        reduce: int = 8,
        paired_cost: float = 10.0,
        pal: float = 0.0,
        pal_eps: float = 1e-4,
        pal_rho: Rho = "loss",
        pal_mask: tuple[float, float] | None = None,
        transport: float = 1.0,
        colour: float = 0.1,
        structure: float = 0.1,
        frequency: float = 0.1,
        overview: float = 0.0,
        coloured: int = 0,
        r1: float = 0.1,
        potential_steps: int = 1,
        width: int = 32,
    ) -> None:
        weights = {"colour": colour, "structure": structure, "frequency": frequency}
        weights["overview"] = overview
        if min(cost, paired_cost, transport, r1, *weights.values()) < 0:
            raise ValueError("weights of losses must be 0 or more")
        if coloured < 0:
            raise ValueError("coloured must be 0 or more batches")
        if reduce < 1 or potential_steps < 1:
            raise ValueError("reduce and potential_steps must be 1 or more")
        self._experts = {name: weight for name, weight in weights.items() if weight}
        if not transport and not self._experts and not cost and not paired_cost:
            raise ValueError("all weights are 0: nothing to learn from")
        self._psi = (_conjugate(source), _conjugate(target))
        self._cost, self._reduce = cost, reduce
        self._paired_cost = paired_cost
        self._align = Alignment(weight=pal, eps=pal_eps, rho=pal_rho, mask=pal_mask)
        self._transport, self._r1, self._potential_steps = transport, r1, potential_steps
        super().__init__(network)
        if transport:
            kind = TwoPotentials if overview else Potential
            self.modules["potential"] = kind(width=width)
        self._anchor = ColourAnchor(batches=coloured) if coloured else None
        if self._anchor is not None:
            self.modules["network"].add_module("anchor", self._anchor)  # kept with it
        if self._experts:
            self.modules["ensemble"] = DiscriminatorEnsemble(list(self._experts), width=width // 2)

    def steps(self, batch: Batch) -> Iterator[Step]:
        """Yield the potential's steps, the ensemble's, and the map's.

        Args:
            batch: `image`, what the network takes; `real`, pictures of the target's domain (without
                it `target`); `rendering`, the fixed rendering of the input (without it `image`);
                `matrix` where `image` is a mosaic. The last step's terms are those of all.
        """
        image, network = batch.image, self.network
        real = batch.target if batch.real is None else batch.real
        if self._anchor is not None:
            self._anchor.learn(image if batch.rendering is None else batch.rendering, real)

        def mapped() -> Tensor:
            return developed(within(self.modules["network"], lambda: network(image)), batch)

        terms: dict[str, Tensor] = {}
        if self._transport:
            for _ in range(self._potential_steps):
                with torch.no_grad():
                    made = mapped()
                step = self._potential_step(made, self._distances(made, batch), real)
                terms |= step.terms
                yield step
        made = mapped()
        if self._experts:
            step = self._ensemble_step(made.detach(), real)
            terms |= step.terms
            yield step
        cost = self._distances(made, batch)
        total = cost.mean()
        terms["cost"] = total.detach()
        if self._transport:
            with frozen(self.modules["potential"]):
                potential = self.modules["potential"](made)
            total = map_loss(self._transport * potential, cost)
            terms["potential"] = potential.mean().detach()
        if self._experts:
            with frozen(self.modules["ensemble"]):
                scores = self.modules["ensemble"](made)
            for name, weight in self._experts.items():
                fooled = ADVERSARIAL["hinge"].generator(scores[name])
                total, terms[name] = total + weight * fooled, fooled.detach()
        yield Step("network", total, terms)

    def _potential_step(self, made: Tensor, cost: Tensor, real: Tensor) -> Step:
        potential, (source, target) = self.modules["potential"], self._psi
        real = real.detach().requires_grad_(bool(self._r1))
        scores = potential(real)
        loss = potential_loss(potential(made), scores, cost, source=source, target=target)
        total = loss + self._r1 * r1_penalty(scores, real) if self._r1 else loss
        return Step("potential", total, {"dual": loss.detach()})

    def _ensemble_step(self, made: Tensor, real: Tensor) -> Step:
        experts = self.modules["ensemble"]
        real = real.detach().requires_grad_(bool(self._r1))
        of_real, of_made = experts(real), experts(made)
        losses = [
            ADVERSARIAL["hinge"].discriminator(of_real[name], of_made[name]) for name in of_real
        ]
        total = torch.stack(losses).sum()
        if self._r1:
            slopes = [r1_penalty(scores, real) for scores in of_real.values()]
            total = total + self._r1 * torch.stack(slopes).sum()
        return Step("ensemble", total, {"experts": torch.stack(losses).mean().detach()})

    def _distances(self, made: Tensor, batch: Batch) -> Tensor:
        """c(x, T(x)) of each sample, (B,)."""
        paired = batch.paired.to(made.dtype)
        total = made.new_zeros(len(made))
        if bool((paired < 1).any()):
            anchor = batch.image if batch.rendering is None else batch.rendering
            anchor = anchor if self._anchor is None else self._anchor(anchor)
            small, fixed = (F.avg_pool2d(x, self._reduce) for x in (made, anchor))
            free = (small - fixed).square().flatten(1).mean(dim=1)
            total = total + (1 - paired) * self._cost * free
        if bool((paired > 0).any()):
            target = batch.target
            tied = (made - target).abs().flatten(1).mean(dim=1)
            if self._align:
                tied = tied + self._align.weight * self._align(made, target, batch)
            total = total + paired * self._paired_cost * tied
        return total


def _conjugate(name: str) -> Conjugate:
    if name not in CONJUGATES:
        raise ValueError(f"unknown conjugate {name!r}; known: {', '.join(sorted(CONJUGATES))}")
    return CONJUGATES[name]
