"""Which device a network runs on, and in which number format."""

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from restore_cli.errors import RestoreError

Precision = Literal["fp32", "bf16", "fp16"]

HALF: dict[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


def available_devices() -> list[str]:
    """Names that `choose_device` accepts on this machine, the preferred one first."""
    names = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.cuda.is_available() and names:
        names.insert(0, "cuda")
    else:
        names = []
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


EVERY_CARD = "cuda:all"


def every_device(name: str) -> list[str]:
    """The devices that a name means: all CUDA cards for `cuda:all`, else the one that it names.

    Raises:
        RestoreError: `cuda:all` on a machine without one.
    """
    if name != EVERY_CARD:
        return [name]
    cards = [one for one in available_devices() if one.startswith("cuda:")]
    if not cards:
        raise RestoreError(
            "--device cuda:all: there is no CUDA card that torch can use",
            hint="`restore doctor` says what torch sees; --device auto takes what is there",
        )
    return cards


def choose_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda`, `cuda:N` or `mps` into a device; `auto` takes the best there is.

    `cuda:all` is the card where there is one.

    Raises:
        RestoreError: the name is unknown, the machine has no such device, or it means several.
    """
    there = available_devices()
    if name == EVERY_CARD:
        name, *more = every_device(name)
        if more:
            raise RestoreError(
                "this computes on one device, and --device cuda:all names several",
                hint="name one, as cuda:0; `infer` and `isp` share pictures among all, and"
                " training does under torchrun",
            )
    if name == "auto":
        return torch.device(there[0])
    if name in there:
        return torch.device(name)
    kind, _, index = name.partition(":")
    known = kind in ("cpu", "cuda", "mps") and (not index or index.isdigit())
    what = f"no device {name!r} on this machine" if known else f"unknown device {name!r}"
    raise RestoreError(what, hint=f"there is: auto, {', '.join(there)}")


def choose_precision(
    name: str, device: torch.device, formats: Collection[Precision] = ("fp32", "bf16", "fp16")
) -> Precision:
    """Turn `auto`, `fp32`, `bf16` or `fp16` into a number format.

    `auto` is bf16 on CUDA cards that compute in it, fp16 on older ones, and fp32 elsewhere (half
    formats are slower on a CPU).

    Args:
        name: what the user said.
        device: where to compute.
        formats: those that the network may be computed in.

    Raises:
        RestoreError: the name is unknown, or the network does not compute in it.
    """
    match name:
        case "fp32" | "bf16" | "fp16":
            _check_format(name, formats)
            return name
        case "auto":
            if device.type != "cuda":
                return "fp32"
            with torch.cuda.device(device):
                real = torch.cuda.is_bf16_supported(including_emulation=False)
            if real and "bf16" in formats:
                return "bf16"
            return "fp16" if "fp16" in formats else "fp32"
        case _:
            raise RestoreError(f"unknown precision {name!r}", hint="use auto, fp32, bf16 or fp16")


def _check_format(name: str, formats: Collection[str]) -> None:
    if name not in formats:
        raise RestoreError(
            f"this model does not compute in {name}",
            hint=f"use --precision auto, or {' or '.join(formats)}",
        )


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """A context in which a network computes in `precision`; its weights stay as they are."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=HALF[precision])
