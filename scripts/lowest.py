"""The lowest version of each dependency that pyproject.toml allows, and a check that they do.

    python scripts/lowest.py list [EXTRA...]     what such an environment holds, as uv resolves it
    python scripts/lowest.py check FOLDER        make one in FOLDER, and run the fast tests in it

Needs uv (`pip install uv`). What a dependency needs itself is taken at its newest version: users
get those too. torch is the exception: its oldest releases are gigabytes of CUDA, so the version
given with --torch (by default the one at hand) stands in for it.
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOWEST = ("--resolution", "lowest-direct")
# Whatever the tests themselves need comes as it is; only what users install is at its lowest.
TESTS = ("pytest", "hypothesis", "scikit-image", "torchmetrics", "setuptools")
# The fast tests that reach every dependency; the whole suite takes half an hour.
FAST = (
    "tests/images", "tests/recipe", "tests/evaluation", "tests/raw", "tests/test_main.py",
    "tests/commands/test_eval.py", "tests/commands/test_infer.py", "tests/commands/test_train.py",
    "tests/test_blocks.py",
)  # fmt: skip


def wanted(extras: list[str], torch: str | None) -> list[str]:
    """The requirements of the package and some extras.

    Args:
        extras: names of optional dependencies.
        torch: the version that stands in for torch's lowest; None takes that.

    Raises:
        ValueError: one has no lower bound.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = [*project["dependencies"]]
    for extra in extras:
        found += project["optional-dependencies"][extra]
    without = [one for one in found if not re.search(r">=\s*[\d.]+", one)]
    if without:
        raise ValueError(f"no lower bound: {', '.join(without)}")
    return [f"torch=={torch}" if torch and re.match(r"torch\b", one) else one for one in found]


def check(folder: Path, extras: list[str], torch: str | None) -> int:
    """Install the lowest versions into a fresh environment and run the fast tests there."""
    python = folder / "bin" / "python"
    into = ["uv", "pip", "install", "--python", str(python)]
    for command in (
        ["uv", "venv", "--seed", "--python", sys.executable, str(folder)],
        # By pip, which knows where a build for CPUs lies; uv keeps what is there.
        [str(python), "-m", "pip", "install", "--quiet", f"torch=={torch}" if torch else "torch"],
        [*into, *LOWEST, *wanted(extras, torch)],
        # What is there already stays.
        [*into, *TESTS],
        [*into, "--no-deps", "--editable", str(ROOT)],
    ):
        done = subprocess.run(command, check=False)
        if done.returncode:
            return done.returncode
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [str(python), "-m", "pytest", "-x", "-p", "no:cacheprovider", *FAST]
    return subprocess.run(words, check=False, cwd=ROOT, env=environment).returncode


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("command", choices=("list", "check"))
    parser.add_argument("rest", nargs="*", help="extras to list, or the folder of the environment")
    parser.add_argument("--extra", action="append", default=[], help="for check; may be repeated")
    parser.add_argument("--torch", default=_torch_at_hand(), help="instead of torch's lowest")
    options = parser.parse_args(arguments)
    if options.command == "list":
        asked = "\n".join(wanted(options.rest, options.torch))
        words = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", *LOWEST, "-"]
        return subprocess.run(words, check=False, input=asked, text=True).returncode
    if len(options.rest) != 1:
        parser.error("check needs one folder")
    return check(Path(options.rest[0]), options.extra, options.torch)


def _torch_at_hand() -> str | None:
    try:
        return version("torch").partition("+")[0]
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
