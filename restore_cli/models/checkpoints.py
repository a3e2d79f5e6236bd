"""Tensors out of a file, and out of what training puts around them: nothing in the file is run."""

import re
import struct
import warnings
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from restore_cli.errors import RestoreError
from restore_cli.models.weighing import SAFETENSORS, admit_weights, check_count, check_kind

_AVERAGED = ("params_ema", "params-ema", "model_ema", "ema_state_dict", "state_dict_ema", "ema")
_PLAIN = ("params", "model_state_dict", "state_dict", "model", "net", "network", "module")
_PLAYERS = ("netG", "net_g", "generator", "G", "g", "weights")
_ENTRIES = (*_AVERAGED, *_PLAIN, *_PLAYERS)
"""Where checkpoints keep the tensors of their network, the best first."""
_WRAPPERS = (
    *("module.", "_orig_mod.", "ema_model.", "ema.", "model.", "net.", "network."),
    *("netG.", "net_g.", "generator.", "restorer."),
)
"""What DataParallel, torch.compile, averaging and training frameworks put before names."""
_COUNTER = "n_averaged"  # of torch's AveragedModel, beside the tensors
_DEEPEST = 4
_MOST_CANDIDATES = 16  # names may claim any number of layers
_NEEDED = re.compile(r"GLOBAL ([\w.]+)")


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors only: a checkpoint's pickled code never runs.

    Args:
        path: a safetensors file, by its suffix, or a checkpoint of torch's.

    Returns:
        The network's tensors by their names in the file, and what the file says beside them.

    Raises:
        RestoreError: it holds none, or more than them; what it is instead is told, where it shows.
    """
    try:
        admit_weights(path)
        check_kind(path)
        if path.suffix == SAFETENSORS:
            with safe_open(path, framework="pt") as opened:  # pyright: ignore[reportUnknownVariableType]
                metadata: dict[str, str] = opened.metadata() or {}  # pyright: ignore
                names: list[str] = opened.keys()  # pyright: ignore
                check_count(path, len(names))
                state = {k: opened.get_tensor(k) for k in names}  # pyright: ignore
                _check_tensors(state, path)
                return state, metadata  # pyright: ignore[reportUnknownVariableType]
        with warnings.catch_warnings():
            # Of formats that the reader may not take: then it raises.
            warnings.simplefilter("ignore")
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except RestoreError:
        raise
    except (SafetensorError, OSError, RuntimeError, EOFError, struct.error) as error:
        if "TorchScript" in str(error):
            raise RestoreError(
                f"{path} is a TorchScript program", hint="give the state dict of its network"
            ) from error
        raise RestoreError(
            f"cannot read the weights in {path}: {error}", hint="download or export it again"
        ) from error
    except Exception as error:  # pickle raises its own zoo of errors
        needed = _NEEDED.search(str(error))
        what = f"it needs the code of {needed[1]}" if needed else type(error).__name__
        raise RestoreError(
            f"{path} holds more than tensors, or is damaged: {what}",
            hint="save its state dict alone, best as .safetensors",
        ) from error
    state = _tensors(loaded)
    if not state:
        raise RestoreError(
            f"{path} holds no tensors", hint="give a network's state dict, or a checkpoint with one"
        )
    check_count(path, len(state))
    _check_tensors(state, path)
    return state, {}


def _tensors(loaded: object) -> dict[str, Tensor]:
    """The network's tensors among all that a checkpoint holds; empty where none is found."""
    for _ in range(_DEEPEST):
        if not isinstance(loaded, Mapping):
            return {}
        inside = next((key for key in _ENTRIES if isinstance(loaded.get(key), Mapping)), None)
        if inside is None:
            return {str(k): v for k, v in loaded.items() if isinstance(v, Tensor)}
        loaded = loaded[inside]
    return {}


def _check_tensors(state: Mapping[str, Tensor], path: Path) -> None:
    for name, value in state.items():
        if value.layout != torch.strided or value.is_complex() or value.is_meta:
            raise RestoreError(
                f"{path}: its tensor {name} is of a kind that no network here has",
                hint="save its state dict as dense tensors of real numbers",
            )
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise RestoreError(
                f"{path} is damaged: its tensor {name} claims {value.numel():,} numbers and holds"
                " fewer",
                hint="save its state dict alone, best as .safetensors",
            )


def unwrapped(state: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """What a network's own tensors may be among those of a file, the likeliest first.

    As they are; without what training put before all names; and, where a file holds several
    networks (a discriminator, a loss's), each of the parts whose names begin like a restorer's.

    Args:
        state: tensors by their names in the file.
    """
    return islice(_layers(state, _DEEPEST), _MOST_CANDIDATES)


def fitting(state: Mapping[str, Tensor], names: Collection[str]) -> dict[str, Tensor]:
    """The tensors of a network that has these names; as they are, where none of them fits.

    Args:
        state: tensors by their names in the file.
        names: of the network's tensors.
    """
    wanted = set(names)
    found = (candidate for candidate in unwrapped(state) if candidate.keys() == wanted)
    return next(found, dict(state))


def _layers(state: Mapping[str, Tensor], depth: int) -> Iterator[dict[str, Tensor]]:
    bare = {name: value for name, value in state.items() if name != _COUNTER}
    yield bare
    for prefix in _WRAPPERS if depth else ():
        part = {k.removeprefix(prefix): v for k, v in bare.items() if k.startswith(prefix)}
        if part:
            yield from _layers(part, depth - 1)
