"""Which backend computes a network, and in which number format, where the user leaves it open."""

from dataclasses import dataclass
from typing import Literal

import torch

from restore_cli.engine import openvino
from restore_cli.engine.backend import Backend, TorchBackend
from restore_cli.engine.device import Precision
from restore_cli.engine.precision import bf16_serves
from restore_cli.errors import RestoreError
from restore_cli.networks.base import Network

BackendName = Literal["auto", "torch", "openvino"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What computes from now on.

    Attributes:
        backend: of the network.
        name: "torch" or "openvino".
        precision: in what number format.
        notes: what the user must know of it, once.
    """

    backend: Backend
    name: str
    precision: Precision
    notes: tuple[str, ...] = ()


def check_backend(name: str, device: torch.device, precision: str) -> BackendName:
    """Refuse a backend that cannot do what is asked; nothing is imported for it.

    Raises:
        RestoreError: the name is unknown, OpenVINO is not installed, or it is asked for another
            device or for fp16.
    """
    if name not in ("auto", "torch", "openvino"):
        raise RestoreError(f"unknown backend {name!r}", hint="use auto, torch or openvino")
    if name == "openvino":
        if not openvino.is_installed():
            raise RestoreError(
                "the backend openvino is not installed",
                hint='`pip install "restore-cli[fast]"` installs it',
            )
        if device.type != "cpu" or precision == "fp16":
            where = f"on {device}" if device.type != "cpu" else "in fp16 on a CPU"
            raise RestoreError(
                f"the backend openvino does not compute {where}",
                hint="use --backend torch, or --device cpu with --precision auto",
            )
    return name


def choose(
    backend: BackendName, network: Network, exact: TorchBackend, told: Precision | None
) -> Chosen:
    """Choose for a CPU by what is installed, what agrees with torch in fp32, and what is faster.

    Args:
        backend: what the user said.
        network: in eval mode.
        exact: torch's backend of it, moved to the CPU.
        told: the number format; None where it is to be chosen as well.
    """
    notes: tuple[str, ...] = ()
    if network.info.foreign:
        if backend == "openvino":
            notes = ("computed by torch: OpenVINO takes only models of this program's networks",)
    elif backend != "torch" and told != "fp16" and openvino.is_installed():
        try:
            fast, verdict, note = openvino.load(network, exact)
        except openvino.UnsuitableError as error:
            notes = (f"computed by torch and not by OpenVINO: {error}",)
        else:
            half = told is None and verdict.half
            return Chosen(
                fast, fast.name, "bf16" if half else told or "fp32", (note,) if note else ()
            )
    half = told is None and "bf16" in network.info.formats and bf16_serves(network, exact)
    return Chosen(exact, "torch", "bf16" if half else told or "fp32", notes)
