"""Files of weights, looked at before they are read: a small one may unpack to all memory."""

import contextlib
import struct
import zipfile
from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.images.formats import FORMATS
from restore_cli.images.regular import open_regular, size_of
from restore_cli.images.room import admit
from restore_cli.images.sniff import sniff

SAFETENSORS = ".safetensors"
_HEAD = 512  # bytes that tell kinds of files apart
_COPIES = 2
"""Of all tensors, while a network takes them over."""

MOST_TENSORS = 50_000
"""In one file; the largest networks have a tenth of that. Each costs time, however small it is."""
_MOST_HEADER = 2**24
"""Bytes of a safetensors file's header: names, shapes, and what the file says of itself."""


def admit_weights(path: Path) -> None:
    """Refuse a file of tensors that takes more memory or time than makes sense.

    Args:
        path: a checkpoint or a safetensors file.

    Raises:
        RestoreError: it is no regular file, or too large; with the numbers.
        OSError: it cannot be opened.
    """
    with open_regular(path) as file:
        need = size_of(file)
        try:
            with zipfile.ZipFile(file) as members:  # as torch writes them
                check_count(path, len(members.infolist()))
                need = max(need, sum(one.file_size for one in members.infolist()))
        except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError):
            pass
        if path.suffix == ".safetensors":
            file.seek(0)
            header = int.from_bytes(file.read(8), "little")
            if _MOST_HEADER < header < need:
                raise RestoreError(
                    f"{path}: its header has {header / 2**20:.0f} MiB; the limit is "
                    f"{_MOST_HEADER / 2**20:.0f}",
                    hint="take the tensors alone, without what else it says",
                )
    admit(path, _COPIES * need, doing="reading its tensors")


def check_kind(path: Path) -> None:
    """Refuse what is plainly something else than weights, in words that say what.

    Args:
        path: a checkpoint or, by its suffix, a safetensors file.

    Raises:
        RestoreError: the file is empty, a web page, a pointer, a picture, a text, or of the other
            kind of weights.
        OSError: it cannot be opened.
    """
    with open_regular(path) as file:
        head = file.read(_HEAD)
    if not head:
        raise _other(path, "empty", "download or export it again")
    if head.startswith(b"version https://git-lfs"):
        raise _other(path, "a Git LFS pointer, not the weights", "`git lfs pull` fetches them")
    if head.lstrip()[:1] == b"<":
        raise _other(path, "a web page, not weights", "download the file itself, by its own link")
    named = path.suffix == SAFETENSORS
    pickled = head.startswith((b"PK\x03\x04", b"\x80\x02"))
    if named and pickled:
        raise _other(path, "a checkpoint of torch's, not safetensors", "rename it to .pth")
    if not named and head[8:10] == b'{"':
        raise _other(path, "a safetensors file", "rename it to .safetensors")
    if not pickled and head[8:9] != b"{" and (what := _plainly(head, path)):
        raise _other(path, f"{what}, not weights", "name a .pth or .safetensors file")


def _plainly(head: bytes, path: Path) -> str:
    """What pictures and texts are called; "" for anything else."""
    with contextlib.suppress(RestoreError):
        return f"a picture ({FORMATS[sniff(head, path)].title})"
    # A character may be cut in two at the end.
    text = head.decode("utf-8", "ignore")
    whole = len(text.encode()) > len(head) - 4
    return "a text" if whole and all(c.isprintable() or c.isspace() for c in text) else ""


def _other(path: Path, what: str, hint: str) -> RestoreError:
    return RestoreError(f"{path} is {what}", hint=hint)


def check_count(path: Path, count: int) -> None:
    """Refuse more tensors than any network has. Raises RestoreError."""
    if count > MOST_TENSORS:
        raise RestoreError(
            f"{path} holds {count:,} tensors; the limit is {MOST_TENSORS:,}",
            hint="is it a file of weights?",
        )
