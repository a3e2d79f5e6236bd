"""What stored measurements and compiled models depend on: network, machine, versions."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from restore_cli import __version__

if TYPE_CHECKING:
    from restore_cli.networks.base import Network


def fingerprint(network: Network) -> str:
    """A digest of a network's structure, facts and weights; it lies on the CPU."""
    digest = hashlib.sha256(f"{network!r} {network.info!r}".encode())
    for name, value in network.state_dict().items():
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def versions() -> str:
    """Of this program and of torch, and the kind of processor that they were built for."""
    return f"{__version__} {version_of_torch()} {platform.machine()}"


@cache
def version_of_torch() -> str:
    """As installed: torch itself takes a second to ask, and what is said of packages a while."""
    spec = importlib.util.find_spec("torch")
    if spec is not None and spec.origin is not None:
        with suppress(OSError):
            text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
            if told := re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE):
                return told[1]
    from importlib.metadata import version

    return version("torch")


def machine() -> str:
    """The versions, the processor, its abilities as torch sees them, and the threads."""
    import torch

    threads = f"{torch.get_num_threads()} threads of {os.cpu_count()}"
    ability = torch.backends.cpu.get_cpu_capability()
    return f"{versions()} {_processor()} {ability} {threads}"


def _processor() -> str:
    """Its name where the system tells one."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
