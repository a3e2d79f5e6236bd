"""Published network weights for the perceptual metrics: found on disk, never downloaded.

A metric that reaches for the network fails on a cluster node in the middle of the night, or takes
other weights than last time. So the file must be there, and its hash is part of the protocol.
"""

import hashlib
import importlib
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.images.leftovers import temporary_folder
from restore_cli.offline import offline

EXTRA_HINT = 'pip install "restore-cli[perceptual]"'
OTHER_TENSORS = "its tensors have other names or sizes"
_HASH_DIGITS = 8  # as many as torch.hub puts into a file's name


@dataclass(frozen=True, slots=True)
class Published:
    """Weights that somebody publishes under a fixed name.

    Attributes:
        name: the file's name; the digits before .pth are the start of its sha256.
        url: where it is to be had.
    """

    name: str
    url: str


ALEXNET = Published(
    "alexnet-owt-7be5be79.pth", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
)
VGG16 = Published("vgg16-397923af.pth", "https://download.pytorch.org/models/vgg16-397923af.pth")
INCEPTION = Published(
    "weights-inception-2015-12-05-6726825d.pth",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth",
)


def require(module: str, *, metric: str) -> None:
    """Import a package of the extra, or say why that does not work.

    Args:
        module: its import name.
        metric: the metric that needs it.

    Raises:
        RestoreError: it is missing (the hint names the extra), or it is installed and broken, as
            a torchvision is that was built for another torch.
    """
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise RestoreError(
            f"{metric} needs the Python package {error.name or module}, which is not installed",
            hint=EXTRA_HINT,
        ) from error
    except Exception as error:  # a broken binary package raises whatever it likes
        reason = str(error).strip() or type(error).__name__
        raise RestoreError(
            f"{metric} needs the Python package {module}, which is installed but cannot be "
            f"imported: {reason.splitlines()[-1]}",
            hint="install builds of torch and torchvision that belong together; a CPU build of "
            "torch takes no torchvision that was built for CUDA",
        ) from error


def find(published: Published, weights: Path | None, *, metric: str) -> Path:
    """The file of published weights on this machine.

    Args:
        published: which weights.
        weights: a folder that has the file, itself or in `checkpoints/` (torch.hub's layout), or
            the file; None looks in torch.hub's own folder, where earlier downloads lie.
        metric: the metric that needs it.

    Returns:
        An existing file, whose content is checked to be tensors only.

    Raises:
        RestoreError: it is not there, or it holds something else than tensors.
    """
    import torch

    folder = Path(torch.hub.get_dir()) if weights is None else weights
    places = [folder / published.name, folder / "checkpoints" / published.name]
    if folder.name == published.name:
        places = [folder]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise RestoreError(
            f"{metric} needs the weights {published.name}, which are not in {folder}",
            hint=f"download {published.url} and give its folder with --weights; "
            "nothing is downloaded on its own",
        )
    try:
        # The libraries below unpickle anything; what passes here is harmless.
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises several kinds, by what is wrong with the file
        reason = "it is damaged, or holds other things than tensors"
        raise wrong_content(path, published, reason) from error
    return path


def wrong_content(path: Path, published: Published, reason: str) -> RestoreError:
    """The error of a file that has the name of published weights and not their content."""
    return RestoreError(
        f"{path} is not the published {published.name}: {reason}",
        hint=f"download it again: {published.url}",
    )


def fingerprint(path: Path) -> str:
    """What the protocol says of a weight file: name, start of its sha256, and a doubt if any.

    Args:
        path: an existing file.

    Returns:
        "alexnet-owt-7be5be79.pth, sha256 7be5be79"; a file whose name promises another hash than
        it has is "not as published".
    """
    with path.open("rb") as file:
        digits = hashlib.file_digest(file, "sha256").hexdigest()[:_HASH_DIGITS]
    promised = path.stem.rpartition("-")[2]
    hexadecimal = len(promised) == _HASH_DIGITS and set(promised) <= set("0123456789abcdef")
    doubt = ", not as published" if hexadecimal and promised != digits else ""
    return f"{path.name}, sha256 {digits}{doubt}"


@contextmanager
def as_torch_hub(path: Path, published: Published) -> Generator[None]:
    """Let torch.hub take a file for one that it downloaded earlier.

    torchvision and what is built on it load published weights through torch.hub alone, which
    looks for `checkpoints/NAME` in one folder of the process.

    Args:
        path: the file.
        published: what it is to be taken for.
    """
    import torch

    before = torch.hub.get_dir()
    with temporary_folder() as folder:
        stand_in = folder / "checkpoints" / published.name
        stand_in.parent.mkdir()
        try:
            stand_in.symlink_to(path.resolve())
        except OSError:  # Windows lets not everybody make links
            shutil.copyfile(path, stand_in)
        torch.hub.set_dir(str(folder))
        try:
            with offline(f"what belongs to {published.name}"):
                yield
        finally:
            torch.hub.set_dir(before)
