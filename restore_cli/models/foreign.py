"""Foreign checkpoints: the network that tensor names and shapes speak of."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.networks import NETWORKS
from restore_cli.networks.admission import allowance, bounded
from restore_cli.networks.base import Network
from restore_cli.recipe import NetworkChoice

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
        choice = identify(state)
        # Never larger than the file: its shapes and names may claim anything.
        with bounded(allowance(state.values())):
            return None if choice is None else NETWORKS[choice.name](**choice.options)
    except _NO_NETWORK as error:
        raise RestoreError(
            f"its tensors are named like a known network, but make none: {error}",
            hint="give a checkpoint as its author published it",
        ) from error


def identify(state: Mapping[str, Tensor]) -> NetworkChoice | None:
    """What a recipe would say of the network that a published checkpoint is of.

    Args:
        state: tensors by their published names; only names and shapes count.

    Returns:
        None where the names are of none that is known.

    Raises:
        LookupError, ValueError, ArithmeticError: the shapes make no such network.
    """
    if {"intro.weight", "ending.weight", "encoders.0.0.beta"} <= state.keys():
        return NetworkChoice.model_validate({"name": "nafnet", **_nafnet(state)})
    if {"patch_embed.proj.weight", "latent.0.attn.qkv.weight", "output.weight"} <= state.keys():
        if "barylatent.0.attn.qkv.weight" in state:
            unused = "chnl_reduce1.weight" in state
            table = {"name": "baryir-restormer", **_restormer(state), "unused": unused}
            return NetworkChoice.model_validate(table)
        norm = "with-bias" if "latent.0.norm1.body.bias" in state else "bias-free"
        return NetworkChoice.model_validate(
            {"name": "restormer", **_restormer(state), "norm": norm}
        )
    if {"model.1.weight", "model.4.weight"} <= state.keys() and _has(state, ".conv_block."):
        return NetworkChoice.model_validate({"name": "cut", **_cut(state)})
    return None


_NO_NETWORK = (IndexError, KeyError, ValueError, RuntimeError, ArithmeticError, TypeError)


def _nafnet(state: Mapping[str, Tensor]) -> dict[str, Any]:
    levels = _count(state, "encoders")
    return {
        "width": state["intro.weight"].shape[0],
        "encoder_blocks": tuple(_count(state, f"encoders.{i}") for i in range(levels)),
        "middle_blocks": _count(state, "middle_blks"),
        "decoder_blocks": tuple(_count(state, f"decoders.{i}") for i in range(levels)),
    }


def _restormer(state: Mapping[str, Tensor]) -> dict[str, Any]:
    blocks, heads = _stages(state)
    return {
        "width": state["patch_embed.proj.weight"].shape[0],
        "blocks": blocks,
        "refinement": _count(state, "refinement"),
        "heads": heads,
        "expansion": _expansion(state),
    }


def _stages(state: Mapping[str, Tensor]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Blocks and heads of Restormer's encoder, the latent last."""
    stages = ("encoder_level1", "encoder_level2", "encoder_level3", "latent")
    return (
        tuple(_count(state, stage) for stage in stages),
        tuple(state[f"{stage}.0.attn.temperature"].shape[0] for stage in stages),
    )


def _expansion(state: Mapping[str, Tensor]) -> float:
    """Of Restormer's feed-forward part: two digits, and the hidden width was rounded down."""
    channels, hidden = state["latent.0.ffn.project_out.weight"].shape[:2]
    return round(hidden / channels + 0.004, 2)


def _cut(state: Mapping[str, Tensor]) -> dict[str, Any]:
    blocks = {name.split(".")[1] for name in state if ".conv_block." in name}
    kernels = [value.shape[-1] for name, value in state.items() if name.endswith(".filt")]
    return {
        "width": state["model.1.weight"].shape[0],
        "blocks": len(blocks),
        "antialias": 3 in kernels,
        "antialias_up": 4 in kernels,
        "feature_layers": (0,),
    }


def _has(state: Mapping[str, Tensor], part: str) -> bool:
    return any(part in name for name in state)


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    start = prefix + "."
    blocks = len({key[len(start) :].split(".")[0] for key in state if key.startswith(start)})
    if blocks > _MOST_BLOCKS:
        raise ValueError(f"{blocks} blocks in {prefix}")
    return blocks
