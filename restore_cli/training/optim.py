"""The optimisers of each module."""

import torch
from torch import Tensor, nn

from restore_cli.networks.blocks import OrthogonalLinear
from restore_cli.recipe import OptimSection
from restore_cli.training.muon import Muon
from restore_cli.training.stiefel import Stiefel


def build_optimizers(
    network: nn.Module, settings: OptimSection, *, factor: float = 1.0, half: bool = False
) -> list[torch.optim.Optimizer]:
    """The optimisers of one network: AdamW or RMSprop for all, or Muon for its inner matrices.

    Orthogonal layers move on the Stiefel manifold, always. With "muon", layers whose weight has
    three or four channels on a side (picture in, picture out), biases and scales stay with AdamW,
    as its authors advise.

    Args:
        network: whose parameters that want a gradient are moved.
        settings: of the recipe.
        factor: of the learning rate, of this module (`optim.rates`).
        half: whether training computes in bf16.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    bound = [m.weight for m in network.modules() if isinstance(m, OrthogonalLinear)]
    taken = {id(p) for p in bound}
    inner = [
        p
        for p in parameters
        if settings.optimizer == "muon" and _is_inner(p) and id(p) not in taken
    ]
    taken |= {id(p) for p in inner}
    rest = [p for p in parameters if id(p) not in taken]
    optimizers: list[torch.optim.Optimizer] = []
    if bound:
        scale = settings.stiefel_lr / settings.lr
        betas = settings.betas if settings.stiefel == "adam" else None
        optimizers.append(Stiefel(bound, lr=settings.lr, scale=scale, betas=betas))
    if inner:
        optimizers.append(
            Muon(inner, lr=settings.lr, weight_decay=settings.weight_decay, half=half)
        )
    if rest:
        optimizers.append(_for_the_rest(rest, settings))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["factor"] = factor
    return optimizers


def _for_the_rest(parameters: list[nn.Parameter], settings: OptimSection) -> torch.optim.Optimizer:
    if settings.optimizer == "rmsprop":
        return torch.optim.RMSprop(
            parameters, lr=settings.lr, weight_decay=settings.weight_decay, foreach=True
        )
    return torch.optim.AdamW(
        parameters,
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        betas=settings.betas,
        # One kernel for all parameters, which can also leave a step out on the device itself.
        fused=True,
    )


def _is_inner(parameter: Tensor) -> bool:
    return parameter.ndim >= 2 and min(parameter.shape[:2]) > 4
