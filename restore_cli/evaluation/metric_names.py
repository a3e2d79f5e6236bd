"""The names of the metrics, known before torch is imported."""

import difflib

from restore_cli.errors import RestoreError

NAMES = (
    "psnr", "ssim", "psnr-y", "ssim-y", "ms-ssim", "psnr-aligned", "psnr-gtmean", "delta-e",
    "photometric-share", "latent-w2", "lpips", "dists", "fid", "kid", "niqe", "musiq",
)  # fmt: skip
"""What `--metrics` may name; `metrics.METRICS` builds them."""


def check_name(name: str) -> None:
    """Raise RestoreError for a metric that there is not, with the one that was probably meant."""
    if name in NAMES:
        return
    nearest = difflib.get_close_matches(name, NAMES, n=1)
    raise RestoreError(
        f"unknown metric {name!r}",
        hint=(f"did you mean {nearest[0]!r}? " if nearest else "")
        + f"metrics are {', '.join(NAMES)}",
    )
