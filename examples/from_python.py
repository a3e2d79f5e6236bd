"""Restore one photo from Python, the way `restore infer` does.

python examples/from_python.py wet.jpg dry.png
"""

import sys
from pathlib import Path

from restore_cli import restore


def main(source: Path, target: Path) -> None:
    """Remove the rain from `source` and write `target`."""
    restored = restore(source, "derain")
    restored.save(target)
    print(f"{target}: {restored.width}x{restored.height}, {restored.depth} bits")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
