"""Restore one photo from Python, the way `restore infer` does.

python examples/from_python.py wet.jpg dry.png
"""

import sys
from pathlib import Path

import torch

import restore_cli


def main(source: Path, target: Path) -> None:
    """Remove the rain from `source` and write `target`."""
    model = restore_cli.load("derain")
    restorer = restore_cli.Restorer(model.network, overlap=model.overlap)
    picture = restore_cli.Picture.read(source)
    image = torch.from_numpy(picture.to_srgb()).permute(2, 0, 1)
    restored = restorer(image)
    picture.with_srgb(restored.image.permute(1, 2, 0).numpy()).write(target)
    print(f"{target}: {restored.device}, {restored.precision}, tile {restored.tile or 'none'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
