"""List the licence of every package that this one needs, and refuse unknown or unfit ones.

`python scripts/licences.py` prints a line for each; `--audit` asks pip-audit for known weaknesses
too, and fails where it cannot (it needs the network).
"""

import argparse
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

FIT = re.compile(
    r"apache|bsd|mit\b|psf|python software|isc|zlib|mpl|mozilla|hpnd|lgpl|lesser|cmu|unlicense|cc0",
    re.IGNORECASE,
)
"""Licences under which a package may be used beside Apache-2.0 code, unmodified."""

KNOWN = {
    "rawpy": "MIT; holds LibRaw, LGPL-2.1 or CDDL-1.0",
    "restore-cli": "Apache-2.0",
}
"""Where a package's own words say too little."""


def needed(name: str, seen: set[str]) -> Iterator[Distribution]:
    """A package and all that it needs, without extras, each once."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return
    seen.add(key)
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    yield found
    for line in found.requires or ():
        words, _, marker = line.partition(";")
        if "extra" not in marker:
            yield from needed(re.split(r"[ \[<>=!~(]", words.strip(), maxsplit=1)[0], seen)


def licence(package: Distribution) -> str:
    """What a package says of its licence, in few words; empty where it says nothing."""
    about = package.metadata
    name = about["Name"].lower()
    if name in KNOWN:
        return KNOWN[name]
    told = about.get("License-Expression") or ""
    classes = [
        one.rpartition(" :: ")[2]
        for one in about.get_all("Classifier") or ()
        if one.startswith("License :: ") and not one.endswith("OSI Approved")
    ]
    text = (about.get("License") or "").strip()
    first = text.splitlines()[0] if text else ""
    return told or ", ".join(classes) or first[:80]


def audit() -> int:
    """Run pip-audit; 1 where a weakness is known, and where it could be asked of nothing.

    It passes over what an index does not know, a build of its own such as torch's for CPUs, and
    calls that no known weakness.
    """
    if importlib.util.find_spec("pip_audit") is None:
        print("pip-audit is not installed: nothing was asked", file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"pip-audit gave no answer: {done.stderr.strip()}", file=sys.stderr)
        return 1
    asked = [one for one in found if "skip_reason" not in one]
    passed_over = sorted(one["name"] for one in found if "skip_reason" in one)
    weak = [one for one in asked if one["vulns"]]
    for one in weak:
        print(f"{one['name']} {one['version']}: " + ", ".join(v["id"] for v in one["vulns"]))
    print(f"asked of {len(asked)} packages, {len(weak)} with a known weakness")
    if passed_over:
        print(f"not asked: {', '.join(passed_over)}")
    return int(bool(weak) or not asked)


def main() -> int:
    """Print the list; 1 where a licence is unknown or unfit, or a weakness is known."""
    parser = argparse.ArgumentParser(description="Licences of what this package needs.")
    parser.add_argument("--audit", action="store_true", help="ask pip-audit, too")
    asked = parser.parse_args()
    unfit: list[str] = []
    for package in needed("restore-cli", set()):
        name, told = package.metadata["Name"], licence(package)
        print(f"{name:28} {package.version:16} {told}")
        # Libraries of NVIDIA come with torch for Linux, may be passed on with it, and are optional.
        if not FIT.search(told) and not name.startswith(("nvidia-", "cuda-")):
            unfit.append(name)
    if unfit:
        print(f"to be looked at: {', '.join(unfit)}", file=sys.stderr)
    return max(int(bool(unfit)), audit() if asked.audit else 0)


if __name__ == "__main__":
    sys.exit(main())
