"""The machine that trains, in words."""

import os
import platform
from pathlib import Path

import torch


def hardware() -> str:
    """The machine in words for a model card, e.g. 'AMD EPYC, 2 cores' or the name of the GPU."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, {torch.get_num_threads()} of {os.cpu_count()} CPU threads"
