"""A U-Net with a barycenter map in its middle: one network for every degradation (BaryIR)."""

import itertools
from typing import cast

import torch
from torch import Tensor, nn

from restore_cli.networks.blocks import ChannelNorm
from restore_cli.networks.latents import Decomposed, DegradationClassifier, LatentNetwork
from restore_cli.networks.unet import UNet, stage


class BarycenterUNet(LatentNetwork):
    """U-Net with a barycenter map in its middle (Tang et al., arXiv 2602.23169).

    The encoder gives the source latent z_k; the barycenter map B sends all sources to one space,
    z_b = B(z_k), and leaves the residual r = z_k - z_b. Both are layer-normed before they are
    compared. The decoder begins with both; r is also decoded on a branch of its own, which joins
    the skip connections. The published arrangement is `barycenter_restormer`; here skips are
    added, as in the U-Net.

    Args:
        widths: channels at full size, 1/2, 1/4, ... of it; the last is that of the latents.
        depths: residual blocks at each of these sizes.
        map_depth: residual blocks of the barycenter map.
        branch_depth: residual blocks of the residual's branch at each size but full.
        branch_weight: with which the branch joins the skips; 0.8 is published.
        global_context: length of a vector about the whole picture, as in the U-Net; 0: none.
        sources: names of the degradations that it is to tell, in the order of the data's labels.

    Raises:
        ValueError: widths and depths do not fit, a depth below 1, or a source named twice.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (24, 48, 96, 144),
        depths: tuple[int, ...] = (1, 2, 2, 1),
        map_depth: int = 2,
        branch_depth: int = 1,
        branch_weight: float = 0.8,
        global_context: int = 0,
        sources: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        if map_depth < 1:
            raise ValueError(f"map_depth is {map_depth}; without blocks there is no map")
        self.unet = UNet(widths=widths, depths=depths, global_context=global_context)
        self.info = self.unet.info
        self.latent_channels = widths[-1]
        self.norm = ChannelNorm(widths[-1])
        self.barycenter = stage(widths[-1], map_depth)
        self.fuse = nn.Conv2d(2 * widths[-1], widths[-1], 1)
        self.branch_ups = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2)
            for fine, coarse in itertools.pairwise(widths)
        )
        # At full size the branch only joins the skip: nothing would follow its blocks there.
        self.branch = nn.ModuleList(stage(width, branch_depth) for width in widths[1:-1])
        self.means = DegradationClassifier(sources, widths[-1]) if sources else None
        self._branch_weight = branch_weight

    def global_context(self, image: Tensor) -> Tensor | None:
        """See `Network`."""
        return self.unet.global_context(image)

    def decomposed(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Decomposed:
        """See `LatentNetwork`."""
        self._check_told(level, context)
        told = self.global_context(image) if context is None else context
        coarsest, skips = self.unet.encode(image, told)
        source = self.norm(coarsest)
        barycenter = self.norm(self.barycenter(source))
        residual = source - barycenter
        x, branch = self.fuse(torch.cat([barycenter, residual], dim=1)), residual
        for size in reversed(range(len(skips))):
            branch = self.branch_ups[size](branch)
            x = self.unet.rise(x, skips[size] + self._branch_weight * branch, size, told)
            if size:
                branch = self.branch[size - 1](branch)
        restored = image + cast("Tensor", self.unet.tail(x))
        return Decomposed(restored, source, barycenter, residual)
