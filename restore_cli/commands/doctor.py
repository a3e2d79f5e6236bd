"""`restore doctor`: whether this machine can run what is shipped."""

import importlib
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from restore_cli import __version__
from restore_cli.commands.console import Console
from restore_cli.commands.models_shipped import problem_of
from restore_cli.commands.options import Json, Quiet, Traceback
from restore_cli.errors import ExitCode

if TYPE_CHECKING:
    import torch


PACKAGE = "restore-cli"
# Import name and the name under which it is installed; without these nothing works.
ESSENTIAL = {
    "torch": "torch",
    "accelerate": "accelerate",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "numpy": "numpy",
    "safetensors": "safetensors",
    "rawpy": "rawpy",
    "tifffile": "tifffile",
    "imagecodecs": "imagecodecs",
    "pydantic": "pydantic",
    "psutil": "psutil",
}


_WIDEST = max(map(len, ESSENTIAL.values()))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `doctor` looked at.

    Attributes:
        section: what kind of thing it is.
        name: which one.
        status: "absent" is worth knowing and no fault; "failed" is a fault.
        detail: one line for people.
        facts: numbers for programs, in bytes and seconds.
    """

    section: Literal["version", "device", "space", "extra", "speed", "model", "self-test"]
    name: str
    status: Literal["ok", "absent", "failed"]
    detail: str
    facts: Mapping[str, float | int] = field(default_factory=dict[str, float | int])


def doctor(json: Json = False, quiet: Quiet = False, traceback: Traceback = False) -> int:
    """Check libraries, devices and models, with a short self-test.

    It also lists the optional extras and how to install them, free memory and disk. Exits 1 when
    something that restoring needs does not work.
    """
    console = Console(quiet=quiet, json=json)
    failed = 0
    for finding in _findings():
        failed += finding.status == "failed"
        record = asdict(finding)
        console.emit({**record, **record.pop("facts")})
        if not json:
            console.answer(
                f"{finding.status:7} {finding.section:10} {finding.name:{_WIDEST}} {finding.detail}"
            )
    console.emit({"event": "summary", "failed": failed})
    if not json:
        console.answer("all is well" if not failed else f"{failed} of these must be mended")
    return ExitCode.SOME_FAILED if failed else ExitCode.OK


def _findings() -> Iterator[Finding]:
    """Look at everything, cheapest first; what failed to import is not used any further."""
    yield Finding("version", "restore", "ok", __version__)
    yield Finding("version", "python", "ok", f"{platform.python_version()} ({sys.executable})")
    usable = True
    for module, distribution in ESSENTIAL.items():
        finding = _import(module, distribution)
        usable = usable and finding.status == "ok"
        yield finding
    yield from _space()
    yield from _extras()
    if not usable:
        return
    devices = list(_devices())
    yield from devices
    yield from _speed([device.name for device in devices])
    yield from _models()
    yield _raw()
    yield from _self_tests([device.name for device in devices])


def _import(module: str, distribution: str) -> Finding:
    """Import a library for real: an installed one may still lack a system library."""
    try:
        importlib.import_module(module)
        from importlib.metadata import version

        return Finding("version", distribution, "ok", version(distribution))
    except Exception as error:  # A broken binary may raise anything.
        detail = f"{type(error).__name__}: {error}; `pip install --force-reinstall {distribution}`"
        return Finding("version", distribution, "failed", detail)


def _space() -> Iterator[Finding]:
    """Free disk space where the user stands."""
    free = shutil.disk_usage(Path.cwd()).free
    yield Finding("space", "disk", "ok", f"{_size(free)} free here", {"free_bytes": free})


def _devices() -> Iterator[Finding]:
    """Every device that torch can compute on, the CPU first."""
    import torch

    from restore_cli.engine.memory import free_bytes

    free = int(free_bytes(torch.device("cpu")))
    detail = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, {_size(free)} RAM free"
    yield Finding("device", "cpu", "ok", detail, {"free_bytes": free})
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        detail = f"{torch.cuda.get_device_name(index)}, {_size(free)} of {_size(total)} free"
        facts = {"free_bytes": free, "total_bytes": total}
        yield Finding("device", f"cuda:{index}", "ok", detail, facts)
    if torch.backends.mps.is_available():
        yield Finding("device", "mps", "ok", "Apple GPU, shares the RAM above")


def _speed(devices: list[str]) -> Iterator[Finding]:
    """What makes this machine slower than it could be, each with the line that mends it."""
    import torch

    nothing = True
    if devices == ["cpu"] and shutil.which("nvidia-smi") is not None:
        nothing = False
        detail = f"this machine has an NVIDIA GPU that torch {torch.__version__} does not see: "
        cure = "`pip install --force-reinstall torch` takes the build with CUDA"
        yield Finding("speed", "gpu", "absent", detail + cure)
    if devices == ["cpu"] and not _is_installed("openvino"):
        nothing = False
        detail = f'OpenVINO computes faster on a CPU: `pip install "{PACKAGE}[fast]"`'
        yield Finding("speed", "openvino", "absent", detail)
    cores, threads = _usable_cores(), torch.get_num_threads()
    told = os.environ.get("OMP_NUM_THREADS")
    if told is not None and threads < cores:
        nothing = False
        detail = f"OMP_NUM_THREADS={told} leaves {cores - threads} of {cores} cores idle: "
        yield Finding("speed", "threads", "absent", detail + "`unset OMP_NUM_THREADS`")
    if (problem := _cache_problem()) is not None:
        nothing = False
        yield Finding("speed", "cache", "absent", problem)
    if nothing:
        yield Finding("speed", "settings", "ok", f"{threads} threads on {cores} cores")


def _cache_problem() -> str | None:
    """Why compiled models cannot be kept from one run to the next; None where they can."""
    from restore_cli.engine.cache import cache_folder

    folder = cache_folder()
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return None
    why = "cannot be written" if there.is_dir() else "is no folder"
    return (
        f"{there} {why}, so each run prepares its models anew: "
        "`export RESTORE_CACHE_DIR=FOLDER` with one that can be written"
    )


def _usable_cores() -> int:
    """Cores that this process may use, which may be fewer than the machine has."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _extras() -> Iterator[Finding]:
    """The optional extras that the installed package declares."""
    from importlib.metadata import PackageNotFoundError, metadata, requires

    try:
        described = metadata(PACKAGE)
        requirements = requires(PACKAGE) or []
    except PackageNotFoundError:
        yield Finding("extra", "(all)", "absent", "this copy is not installed: `pip install .`")
        return
    for extra in described.get_all("Provides-Extra") or []:
        marker = re.compile(rf"""extra\s*==\s*["']{re.escape(extra)}["']""")
        needed = [line for line in requirements if marker.search(line)]
        names = [re.split(r"[\s<>=!~;\[(]", line, maxsplit=1)[0] for line in needed]
        missing = [name for name in names if not _is_installed(name)]
        if missing:
            detail = f'`pip install "{PACKAGE}[{extra}]"` (missing: {", ".join(missing)})'
            yield Finding("extra", extra, "absent", detail)
        else:
            yield Finding("extra", extra, "ok", ", ".join(names))


def _is_installed(distribution: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _models() -> Iterator[Finding]:
    """Every shipped model, its hash checked."""
    from restore_cli.models import zoo

    entries = zoo.entries()
    if not entries:
        yield Finding("model", "(none)", "failed", "no model was found: reinstall restore-cli")
    for entry in entries:
        problem = problem_of(entry.name)
        detail = f"{entry.parameters:,} parameters, hash verified"
        if problem:
            detail = f"{problem}; `pip install --force-reinstall --no-deps {PACKAGE}`"
        yield Finding("model", entry.name, "ok" if problem is None else "failed", detail)


def _raw() -> Finding:
    """Decode a DNG file that is written here."""
    from restore_cli.raw.self_test import self_test

    try:
        version, _ = self_test()
    except Exception as error:  # Whatever a broken library raises is the answer.
        detail = f"{type(error).__name__}: {error}; `pip install --force-reinstall rawpy`"
        return Finding("self-test", "raw", "failed", detail)
    return Finding("self-test", "raw", "ok", f"LibRaw {version} decoded a DNG file written here")


def _self_tests(devices: list[str]) -> Iterator[Finding]:
    """Run the smallest shipped model on every device, and by every other backend there is."""
    from restore_cli.models import zoo

    entries = sorted(zoo.entries(), key=lambda entry: entry.parameters)
    ways: list[tuple[str, str, Literal["torch", "openvino"]]]
    ways = [(device, device, "torch") for device in devices]
    if _is_installed("openvino"):
        ways.append(("openvino", "cpu", "openvino"))
    for name, device, backend in ways if entries else []:
        try:
            image, seconds = _self_test(entries[0].name, device, backend)
        except Exception as error:  # Whatever a driver raises is the answer to the question.
            library = "openvino" if backend == "openvino" else "torch"
            detail = f"{entries[0].name}: {type(error).__name__}: {error}"
            cure = f"; `pip install --force-reinstall {library}`"
            if backend == "openvino":
                cure += ", or do without: `export RESTORE_INFER_BACKEND=torch`"
            yield Finding("self-test", name, "failed", detail + cure)
            continue
        finite = bool(image.isfinite().all())
        detail = f"{entries[0].name}: {'finite' if finite else 'not finite'}, {seconds:.2f} s"
        status = "ok" if finite else "failed"
        yield Finding("self-test", name, status, detail, {"seconds": seconds})


def _self_test(
    name: str, device: str, backend: Literal["torch", "openvino"]
) -> "tuple[torch.Tensor, float]":
    """Restore a synthetic picture of 97 x 65 pixels; returns the output and the seconds taken."""
    import torch

    from restore_cli.engine.restorer import Restorer
    from restore_cli.models import zoo

    restorer = Restorer(zoo.load(name).network, device=device, backend=backend)
    ramp = torch.linspace(0.0, 1.0, 97).expand(3, 65, 97)
    noise = torch.randn(ramp.shape, generator=torch.Generator().manual_seed(0))
    start = time.perf_counter()
    restored = restorer((ramp + 0.1 * noise).clamp(0.0, 1.0))
    return restored.image, time.perf_counter() - start


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
