"""How a picture is written; without the encoders."""

from dataclasses import dataclass
from typing import Literal

from restore_cli.errors import RestoreError

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """How a file is compressed; None leaves it to the source, or to what is usual here.

    A picture written in the format that it came in keeps its file's compression: a lossless WebP
    stays lossless, a JPEG its tables and subsampling.

    Args:
        quality: 1 to 100, for formats with loss.
        lossless: without loss, where the format can (WebP, HEIC, JPEG XL); AVIF and JPEG with the
            least, which is noted.
        subsampling: of colour, for JPEG, AVIF and HEIC.
        effort: 1 (fast) to 9 (small).
    """

    quality: int | None = None
    lossless: bool = False
    subsampling: Subsampling | None = None
    effort: int | None = None

    def check(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            RestoreError: a number is out of range, or loss and none are both asked for.
        """
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise RestoreError(f"quality {self.quality} is out of range", hint="give 1 to 100")
        if self.effort is not None and not 1 <= self.effort <= 9:
            raise RestoreError(f"effort {self.effort} is out of range", hint="give 1 to 9")
        if self.lossless and self.quality is not None:
            raise RestoreError("lossless files have no quality", hint="give one of the two")


DEFAULT = Saving()
