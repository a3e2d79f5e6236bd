"""Files of weights, weighed before they are read: a small one may unpack to all memory."""

import struct
import zipfile
from pathlib import Path

from restore_cli.errors import RestoreError
from restore_cli.images.regular import open_regular, size_of
from restore_cli.images.room import admit

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


def check_count(path: Path, count: int) -> None:
    """Refuse more tensors than any network has. Raises RestoreError."""
    if count > MOST_TENSORS:
        raise RestoreError(
            f"{path} holds {count:,} tensors; the limit is {MOST_TENSORS:,}",
            hint="is it a file of weights?",
        )
