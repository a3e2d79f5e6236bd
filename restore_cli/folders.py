"""Folders that are made for results, and what is in their way."""

import os
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it stands in, where they are missing.

    Raises:
        OSError: its `strerror` names the file that stands where a folder should ("File exists",
            which the system says, would be news to nobody who wants it to exist).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        place = next((one for one in (folder, *folder.parents) if os.path.lexists(one)), folder)
        why = f"{place} is not a folder"
        raise NotADirectoryError(error.errno, why, str(folder)) from error
