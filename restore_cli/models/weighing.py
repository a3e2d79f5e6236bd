"""Files of weights, weighed before they are read: a small one may unpack to all memory."""

import struct
import zipfile
from pathlib import Path

from restore_cli.images.regular import open_regular, size_of
from restore_cli.images.room import admit

_COPIES = 2
"""Of all tensors, while a network takes them over."""


def admit_weights(path: Path) -> None:
    """Refuse a file of tensors that takes more memory than there is, or is no regular file.

    Args:
        path: a checkpoint or a safetensors file.

    Raises:
        RestoreError: with the numbers.
        OSError: it cannot be opened.
    """
    with open_regular(path) as file:
        need = size_of(file)
        try:
            with zipfile.ZipFile(file) as members:  # as torch writes them
                need = max(need, sum(one.file_size for one in members.infolist()))
        except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError):
            pass
    admit(path, _COPIES * need, doing="reading its tensors")
