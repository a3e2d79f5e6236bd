"""Experts-guided unbalanced optimal transport: learn a rendering with pairs, without, or both."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.losses.adversarial import ADVERSARIAL, r1_penalty
from restore_cli.losses.alignment import affine_alignment, apply_affine
from restore_cli.methods.base import Batch, Turn
from restore_cli.methods.developed import developed
from restore_cli.methods.eguot.experts import Committee, Potential
from restore_cli.methods.eguot.semidual import CONJUGATES, Conjugate, map_loss, potential_loss
from restore_cli.methods.frozen import frozen

_EPS = 1e-4  # ridge of the alignment, squared units of the pictures


class Eguot:
    """EGUOT (Perevozchikov et al., arXiv 2512.05635) over the semi-dual of UOTM (Choi et al. 2023).

    The network is the transport map T. A potential v and T play a game whose value is unbalanced
    transport from inputs to the target's domain; a committee of experts keeps T from failing in
    colour, structure or frequency. What a sample may cost to move is its own: the distance to its
    target where it has one, otherwise to a fixed rendering of it at reduced size, which ties the
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
        transport: weight of -v in the map's turn; 0 leaves the experts alone with the cost.
        colour: weight of the colour expert; 0 leaves it out.
        structure: weight of the structure expert; 0 leaves it out.
        frequency: weight of the frequency expert; 0 leaves it out.
        r1: weight of the gradient penalty of potential and experts.
        potential_steps: potential's turns for each of the map's.
        width: channels of the potential's first layer; the experts have half.

    Raises:
        ValueError: an unknown conjugate, a negative weight, or nothing to learn from.
    """

    exported = "network"
    single_turn = False
    needs_pairs = False

    def __init__(
        self,
        network: nn.Module,
        *,
        source: str = "softplus",
        target: str = "softplus",
        cost: float = 10.0,
        reduce: int = 8,
        paired_cost: float = 10.0,
        pal: float = 0.0,
        transport: float = 1.0,
        colour: float = 0.1,
        structure: float = 0.1,
        frequency: float = 0.1,
        r1: float = 0.1,
        potential_steps: int = 1,
        width: int = 32,
    ) -> None:
        weights = {"colour": colour, "structure": structure, "frequency": frequency}
        if min(cost, paired_cost, pal, transport, r1, *weights.values()) < 0:
            raise ValueError("weights of losses must be 0 or more")
        if reduce < 1 or potential_steps < 1:
            raise ValueError("reduce and potential_steps must be 1 or more")
        self._experts = {name: weight for name, weight in weights.items() if weight}
        if not transport and not self._experts and not cost and not paired_cost:
            raise ValueError("all weights are 0: nothing to learn from")
        self._psi = (_conjugate(source), _conjugate(target))
        self._cost, self._reduce = cost, reduce
        self._paired_cost, self._pal = paired_cost, pal
        self._transport, self._r1, self._potential_steps = transport, r1, potential_steps
        self.players: dict[str, nn.Module] = {"network": network}
        if transport:
            self.players["potential"] = Potential(width=width)
        if self._experts:
            self.players["experts"] = Committee(list(self._experts), width=width // 2)

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """Yield the potential's turns, the experts', and the map's.

        Args:
            batch: `image`, what the network takes; `real` (N, 3, h, w), pictures of the target's
                domain (`target` where it is missing); `rendering` (B, 3, H, W), the fixed rendering
                of the input (`image` where it is missing); `target` (B, 3, H, W) and `paired` (B,),
                1 where a sample has its target, (all have none where it is missing); `matrix` (B,
                3, 3) where `image` is a mosaic. The last turn's terms are those of all.
        """
        network, image = self.players["network"], batch["image"]
        real = batch.get("real", batch["target"])
        terms: dict[str, Tensor] = {}
        if self._transport:
            for _ in range(self._potential_steps):
                with torch.no_grad():
                    made = developed(network(image), batch)
                turn = self._potential_turn(made, self._distances(made, batch), real)
                terms |= turn.terms
                yield turn
        made = developed(network(image), batch)
        if self._experts:
            turn = self._experts_turn(made.detach(), real)
            terms |= turn.terms
            yield turn
        cost = self._distances(made, batch)
        total = cost.mean()
        terms["cost"] = total.detach()
        if self._transport:
            with frozen(self.players["potential"]):
                potential = self.players["potential"](made)
            total = map_loss(self._transport * potential, cost)
            terms["potential"] = potential.mean().detach()
        if self._experts:
            with frozen(self.players["experts"]):
                scores = self.players["experts"](made)
            for name, weight in self._experts.items():
                fooled = ADVERSARIAL["hinge"].maker(scores[name])
                total, terms[name] = total + weight * fooled, fooled.detach()
        yield Turn("network", total, terms)

    def _potential_turn(self, made: Tensor, cost: Tensor, real: Tensor) -> Turn:
        potential, (source, target) = self.players["potential"], self._psi
        real = real.detach().requires_grad_(bool(self._r1))
        scores = potential(real)
        loss = potential_loss(potential(made), scores, cost, source=source, target=target)
        total = loss + self._r1 * r1_penalty(scores, real) if self._r1 else loss
        return Turn("potential", total, {"dual": loss.detach()})

    def _experts_turn(self, made: Tensor, real: Tensor) -> Turn:
        experts = self.players["experts"]
        real = real.detach().requires_grad_(bool(self._r1))
        of_real, of_made = experts(real), experts(made)
        losses = [ADVERSARIAL["hinge"].critic(of_real[name], of_made[name]) for name in of_real]
        total = torch.stack(losses).sum()
        if self._r1:
            slopes = [r1_penalty(scores, real) for scores in of_real.values()]
            total = total + self._r1 * torch.stack(slopes).sum()
        return Turn("experts", total, {"experts": torch.stack(losses).mean().detach()})

    def _distances(self, made: Tensor, batch: Batch) -> Tensor:
        """c(x, T(x)) of each sample, (B,)."""
        paired = batch.get("paired", made.new_zeros(len(made))).to(made.dtype)
        total = made.new_zeros(len(made))
        if bool((paired < 1).any()):
            anchor = batch.get("rendering", batch["image"])
            small, fixed = (F.avg_pool2d(x, self._reduce) for x in (made, anchor))
            free = (small - fixed).square().flatten(1).mean(dim=1)
            total = total + (1 - paired) * self._cost * free
        if bool((paired > 0).any()):
            target = batch["target"]
            tied = (made - target).abs().flatten(1).mean(dim=1)
            if self._pal:
                matrix, offset = affine_alignment(made.detach(), target, eps=_EPS)
                aligned = apply_affine(made, matrix, offset)
                tied = tied + self._pal * (aligned - target).abs().flatten(1).mean(dim=1)
            total = total + paired * self._paired_cost * tied
        return total


def _conjugate(name: str) -> Conjugate:
    if name not in CONJUGATES:
        raise ValueError(f"unknown conjugate {name!r}; known: {', '.join(sorted(CONJUGATES))}")
    return CONJUGATES[name]
