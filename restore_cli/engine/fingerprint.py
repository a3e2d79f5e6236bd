"""What stored measurements and compiled models depend on: network, machine, versions."""

import hashlib
import os
import platform
from pathlib import Path

import torch

from restore_cli import __version__
from restore_cli.networks.base import Network


def fingerprint(network: Network) -> str:
    """A digest of a network's structure, facts and weights; it lies on the CPU."""
    digest = hashlib.sha256(f"{network!r} {network.info!r}".encode())
    for name, value in network.state_dict().items():
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def machine() -> str:
    """The processor, its abilities as torch sees them, the threads, and the versions."""
    return " ".join([
        platform.machine(), _processor(), torch.backends.cpu.get_cpu_capability(),
        f"{torch.get_num_threads()} threads of {os.cpu_count()}", torch.__version__, __version__,
    ])  # fmt: skip


def _processor() -> str:
    """Its name where the system tells one."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
