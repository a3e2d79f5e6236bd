"""Foreign checkpoints: the network that tensor names and shapes speak of."""

from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.networks.admission import allowance, bounded
from restore_cli.networks.baryir_restormer import BaryIRRestormer
from restore_cli.networks.base import Network
from restore_cli.networks.cut import CutGenerator
from restore_cli.networks.nafnet import NAFNet
from restore_cli.networks.restormer import Restormer

_MOST_BLOCKS = 1000  # in one place; published networks have up to 36


def recognise(state: dict[str, Tensor]) -> Network | None:
    """Build the network that a published checkpoint is of: NAFNet, Restormer, BaryIR, CUT's.

    Args:
        state: tensors by their published names.

    Returns:
        The network with fresh weights, or None where the names are of none that is known.

    Raises:
        RestoreError: the shapes make no such network, or one larger than the checkpoint.
    """
    try:
        # Never larger than the file: its shapes and names may claim anything.
        with bounded(allowance(state.values())):
            return _recognise(state)
    except (IndexError, KeyError, ValueError, RuntimeError, ArithmeticError, TypeError) as error:
        raise RestoreError(
            f"its tensors are named like a known network, but make none: {error}",
            hint="give a checkpoint as its author published it",
        ) from error


def _recognise(state: dict[str, Tensor]) -> Network | None:
    if {"intro.weight", "ending.weight", "encoders.0.0.beta"} <= state.keys():
        return _nafnet(state)
    if {"patch_embed.proj.weight", "latent.0.attn.qkv.weight", "output.weight"} <= state.keys():
        if "barylatent.0.attn.qkv.weight" in state:
            return _baryir(state)
        return _restormer(state)
    if {"model.1.weight", "model.4.weight"} <= state.keys() and _has(state, ".conv_block."):
        return _cut(state)
    return None


def _nafnet(state: dict[str, Tensor]) -> Network:
    levels = _count(state, "encoders")
    return NAFNet(
        width=state["intro.weight"].shape[0],
        encoder_blocks=tuple(_count(state, f"encoders.{i}") for i in range(levels)),
        middle_blocks=_count(state, "middle_blks"),
        decoder_blocks=tuple(_count(state, f"decoders.{i}") for i in range(levels)),
    )


def _restormer(state: dict[str, Tensor]) -> Network:
    blocks, heads = _stages(state)
    return Restormer(
        width=state["patch_embed.proj.weight"].shape[0],
        blocks=blocks,
        refinement=_count(state, "refinement"),
        heads=heads,
        expansion=_expansion(state),
        norm="with-bias" if "latent.0.norm1.body.bias" in state else "bias-free",
    )


def _baryir(state: dict[str, Tensor]) -> Network:
    blocks, heads = _stages(state)
    return BaryIRRestormer(
        width=state["patch_embed.proj.weight"].shape[0],
        blocks=blocks,
        refinement=_count(state, "refinement"),
        heads=heads,
        expansion=_expansion(state),
        unused="chnl_reduce1.weight" in state,
    )


def _stages(state: dict[str, Tensor]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Blocks and heads of Restormer's encoder, the latent last."""
    stages = ("encoder_level1", "encoder_level2", "encoder_level3", "latent")
    return (
        tuple(_count(state, stage) for stage in stages),
        tuple(state[f"{stage}.0.attn.temperature"].shape[0] for stage in stages),
    )


def _expansion(state: dict[str, Tensor]) -> float:
    """Of Restormer's feed-forward part: two digits, and the hidden width was rounded down."""
    channels, hidden = state["latent.0.ffn.project_out.weight"].shape[:2]
    return round(hidden / channels + 0.004, 2)


def _cut(state: dict[str, Tensor]) -> Network:
    blocks = {name.split(".")[1] for name in state if ".conv_block." in name}
    kernels = [value.shape[-1] for name, value in state.items() if name.endswith(".filt")]
    return CutGenerator(
        width=state["model.1.weight"].shape[0],
        blocks=len(blocks),
        antialias=3 in kernels,
        antialias_up=4 in kernels,
        feature_layers=(0,),
    )


def _has(state: dict[str, Tensor], part: str) -> bool:
    return any(part in name for name in state)


def _count(state: dict[str, Tensor], prefix: str) -> int:
    start = prefix + "."
    blocks = len({key[len(start) :].split(".")[0] for key in state if key.startswith(start)})
    if blocks > _MOST_BLOCKS:
        raise ValueError(f"{blocks} blocks in {prefix}")
    return blocks
