"""BaryIR on the blocks that are fast on a CPU: one network for every degradation."""

import itertools
from typing import Literal, cast, overload

import torch
from torch import Tensor, nn

from restore_cli.networks.blocks import ChannelNorm
from restore_cli.networks.latents import Decomposed, ResidualMeans
from restore_cli.networks.unet import UNet, stage


class BaryIR(nn.Module):
    """U-Net with a barycenter map in its middle (Tang et al., arXiv 2602.23169).

    The encoder gives the source latent z_k; the barycenter map B sends all sources to one space,
    z_b = B(z_k), and leaves the residual r = z_k - z_b. Both are layer-normed before they are
    compared. The decoder begins with both; r is also decoded on a branch of its own, which joins
    the skip connections. The published arrangement is `baryir_restormer`; here skips are added, as
    in the U-Net.

    Args:
        widths: channels at full size, 1/2, 1/4, ... of it; the last is that of the latents.
        depths: residual blocks at each of these sizes.
        map_depth: residual blocks of the barycenter map.
        branch_depth: residual blocks of the residual's branch at each size but full.
        branch_weight: with which the branch joins the skips; 0.8 is published.
        survey: length of a vector about the whole picture, as in the U-Net; 0 leaves it out.
        sources: names of the degradations that it is to tell, in the order of the data's labels.

    Raises:
        ValueError: widths and depths do not fit, a depth below 1, or a source named twice.
    """

    takes_sigma = False

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (24, 48, 96, 144),
        depths: tuple[int, ...] = (1, 2, 2, 1),
        map_depth: int = 2,
        branch_depth: int = 1,
        branch_weight: float = 0.8,
        survey: int = 0,
        sources: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        if map_depth < 1:
            raise ValueError(f"map_depth is {map_depth}; without blocks there is no map")
        self.unet = UNet(widths=widths, depths=depths, survey=survey)
        self.multiple = self.unet.multiple
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
        self.means = ResidualMeans(sources, widths[-1]) if sources else None
        self._branch_weight = branch_weight

    @property
    def surveyor(self) -> nn.Module | None:
        """What says the survey of a picture, for those who run this network over windows."""
        return self.unet.surveyor

    @overload
    def forward(
        self,
        image: Tensor,
        *,
        survey: Tensor | None = None,
        whole: Tensor | None = None,
        with_latents: Literal[False] = False,
    ) -> Tensor: ...
    @overload
    def forward(
        self,
        image: Tensor,
        *,
        survey: Tensor | None = None,
        whole: Tensor | None = None,
        with_latents: Literal[True],
    ) -> Decomposed: ...
    def forward(
        self,
        image: Tensor,
        *,
        survey: Tensor | None = None,
        whole: Tensor | None = None,
        with_latents: bool = False,
    ) -> Tensor | Decomposed:
        """Restore a batch.

        Args:
            image: (B, 3, H, W) in [0, 1]; H and W multiples of `multiple`.
            survey: (B, features) what `surveyor` says of the pictures that these are windows of.
            whole: (B, 3, H', W') these pictures, to be surveyed here.
            with_latents: also return source latent, barycenter latent and residual.

        Returns:
            (B, 3, H, W), not clamped; with `with_latents` all four.

        Raises:
            ValueError: `survey` or `whole` for a network without a surveyor.
        """
        told = self.unet.surveyed(image, survey, whole)
        coarsest, skips = self.unet.encode(image, told)
        source = self.norm(coarsest)
        barycenter = self.norm(self.barycenter(source))
        residual = source - barycenter
        x, branch = self.fuse(torch.cat([barycenter, residual], dim=1)), residual
        for level in reversed(range(len(skips))):
            branch = self.branch_ups[level](branch)
            x = self.unet.rise(x, skips[level] + self._branch_weight * branch, level, told)
            if level:
                branch = self.branch[level - 1](branch)
        restored = image + cast("Tensor", self.unet.tail(x))
        return Decomposed(restored, source, barycenter, residual) if with_latents else restored
