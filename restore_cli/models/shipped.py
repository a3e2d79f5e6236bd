"""What is in the wheel, by name: tasks and model folders. Nothing heavy is imported.

Help, completion and the checks of options ask here, before torch is needed.
"""

from pathlib import Path

WEIGHTS = "model.safetensors"
CLASSIFIER = "classifier"
"""Folder inside that of the model auto: the network that names degradations."""

TASKS = ("denoise", "derain", "dehaze", "deblur", "lowlight", "dejpeg", "auto")
"""What `--task` may be; which of them have a shipped model, `zoo.entries` says."""


def folders() -> list[Path]:
    """Model folders inside the wheel, or beside the package in a checkout, by name."""
    package = Path(__file__).parents[1]
    for root in (package / "_models", package.parent / "models"):
        if root.is_dir():
            return sorted(p.parent for p in root.glob(f"*/{WEIGHTS}"))
    return []
