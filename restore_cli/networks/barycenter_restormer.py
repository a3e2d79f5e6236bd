"""Restormer's blocks with a barycenter map, under the published parameter names (BaryIR)."""

import torch
from torch import Tensor, nn

from restore_cli.networks.base import NetworkInfo
from restore_cli.networks.latents import Decomposed, DegradationClassifier, LatentNetwork
from restore_cli.networks.restormer import Down, LayerNorm, TransformerBlock, Up


class BarycenterRestormer(LatentNetwork):
    """The published BaryIR (Tang et al., arXiv 2602.23169; names and shapes: xl-tang3/BaryIR).

    With the defaults it is the published arrangement: 48 channels, blocks 4-6-6-8. Restormer's
    encoder gives the source latent, eight further blocks (`barylatent`) the barycenter latent, both
    layer-normed by one `LN`. The decoder begins with both; the residual is decoded on a branch of
    its own (`res...`), which joins the skips.

    Args:
        width: channels at full size; 2, 4 and 8 times as many at 1/2, 1/4 and 1/8 of it.
        blocks: transformer blocks at each of these four sizes.
        refinement: blocks after the decoder, at full size.
        heads: of the attention at each size; they divide its channels. The third also serves the
            blocks between the decoder's sizes, as published.
        expansion: of the feed-forward part.
        branch_weight: with which the residual's branch joins the skips.
        unused: also hold the six layers that the published network has and never uses, so that its
            checkpoints load. They do not learn.
        sources: names of the degradations that it is to tell, in the order of the data's labels;
            none in the published network.

    Raises:
        ValueError: not four sizes, heads that do not divide their channels, or a source named
            twice.
    """

    info = NetworkInfo(multiple=8)

    def __init__(
        self,
        *,
        width: int = 48,
        blocks: tuple[int, ...] = (4, 6, 6, 8),
        refinement: int = 4,
        heads: tuple[int, ...] = (1, 2, 4, 8),
        expansion: float = 2.66,
        branch_weight: float = 0.8,
        unused: bool = True,
        sources: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        _check_sizes(width, blocks, heads)
        one, two, four, eight = (width * 2**level for level in range(4))
        self.latent_channels = eight
        self._branch_weight = branch_weight

        def stage(channels: int, level: int, count: int | None = None) -> nn.Sequential:
            number = blocks[level] if count is None else count
            return nn.Sequential(
                *(TransformerBlock(channels, heads[level], expansion) for _ in range(number))
            )

        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, one, 3, padding=1, bias=False)})
        self.encoder_level1, self.down1_2 = stage(one, 0), Down(one)
        self.encoder_level2, self.down2_3 = stage(two, 1), Down(two)
        self.encoder_level3, self.down3_4 = stage(four, 2), Down(four)
        self.latent, self.barylatent = stage(eight, 3), stage(eight, 3)
        self.LN = LayerNorm(eight, bias=True)

        self.noise_level3 = TransformerBlock(2 * eight, heads[2], expansion)
        self.reduce_noise_level3 = _mix(2 * eight, four)
        self.resreduce_noise_level3 = _mix(eight, eight)
        self.up4_3, self.resup4_3 = Up(four), Up(eight)
        self.reduce_chan_level3 = _mix(two + four, four)
        self.resreduce_chan_level3 = _mix(four, four)
        self.decoder_level3, self.resdecoder_level3 = stage(four, 2), stage(four, 2)

        self.noise_level2 = TransformerBlock(four, heads[2], expansion)
        self.reduce_noise_level2, self.resreduce_noise_level2 = _mix(four, four), _mix(four, four)
        self.up3_2, self.resup3_2 = Up(four), Up(four)
        self.reduce_chan_level2, self.resreduce_chan_level2 = _mix(four, two), _mix(two, two)
        self.decoder_level2, self.resdecoder_level2 = stage(two, 1), stage(two, 1)

        self.noise_level1 = TransformerBlock(two, heads[2], expansion)
        self.reduce_noise_level1, self.resreduce_noise_level1 = _mix(two, two), _mix(two, two)
        self.up2_1, self.resup2_1 = Up(two), Up(two)
        self.decoder_level1 = stage(two, 0)
        self.refinement = stage(two, 0, refinement)
        self.output = nn.Conv2d(two, 3, 3, padding=1, bias=False)

        if unused:
            # Left over there from PromptIR, whatever the width.
            self.chnl_reduce1, self.chnl_reduce2 = _unused(64, 64), _unused(128, 128)
            self.chnl_reduce3 = _unused(320, 256)
            self.reduce_noise_channel_1 = _unused(one + 64, one)
            self.reduce_noise_channel_2 = _unused(two + 128, two)
            self.reduce_noise_channel_3 = _unused(four + 256, four)
        self.means = DegradationClassifier(sources, eight) if sources else None

    def decomposed(
        self, image: Tensor, level: Tensor | None = None, *, context: Tensor | None = None
    ) -> Decomposed:
        """See `LatentNetwork`."""
        self._check_told(level, context)
        one = self.encoder_level1(self.patch_embed["proj"](image))
        two = self.encoder_level2(self.down1_2(one))
        three = self.encoder_level3(self.down2_3(two))
        source = self.LN(self.latent(self.down3_4(three)))
        barycenter = self.LN(self.barylatent(source))
        residual = source - barycenter

        x = self.noise_level3(torch.cat([barycenter, residual], dim=1))
        x = self.up4_3(self.reduce_noise_level3(x))
        branch = self.resup4_3(self.resreduce_noise_level3(residual))
        x = self.decoder_level3(self.reduce_chan_level3(self._joined(x, three, branch)))
        branch = self.resdecoder_level3(self.resreduce_chan_level3(branch))

        x = self.up3_2(self.reduce_noise_level2(self.noise_level2(x)))
        branch = self.resup3_2(self.resreduce_noise_level2(branch))
        x = self.decoder_level2(self.reduce_chan_level2(self._joined(x, two, branch)))
        branch = self.resdecoder_level2(self.resreduce_chan_level2(branch))

        x = self.up2_1(self.reduce_noise_level1(self.noise_level1(x)))
        branch = self.resup2_1(self.resreduce_noise_level1(branch))
        x = self.refinement(self.decoder_level1(self._joined(x, one, branch)))
        restored = image + self.output(x)
        return Decomposed(restored, source, barycenter, residual)

    def _joined(self, x: Tensor, skip: Tensor, branch: Tensor) -> Tensor:
        """The decoder's maps beside the skip, to which the residual's branch is added."""
        return torch.cat([x, skip + self._branch_weight * branch], dim=1)


def _check_sizes(width: int, blocks: tuple[int, ...], heads: tuple[int, ...]) -> None:
    if len(blocks) != 4 or len(heads) != 4:
        raise ValueError("blocks and heads need four numbers, one for each size")
    divided = [width * 2**level % count for level, count in enumerate(heads)]
    if any(divided) or 2 * width % heads[2]:
        raise ValueError(
            f"heads {heads} must divide the channels {width} x 1, 2, 4, 8, the third also x 2"
        )


def _mix(channels: int, to: int) -> nn.Conv2d:
    return nn.Conv2d(channels, to, 1, bias=False)


def _unused(channels: int, to: int) -> nn.Conv2d:
    return _mix(channels, to).requires_grad_(requires_grad=False)
