"""Trade sharpness for fidelity: correct a denoiser's smooth results, and draw what it costs.

    python examples/perception_distortion.py PHOTOS curve.png [--vae small]

PHOTOS holds good photos. Noise of sigma 50 is added to half of them, at most 20, and the shipped
model takes it away again; the others show what photos look like. A correction is fitted to both,
and swept from the full correction (alpha 0) to none (alpha 1) on the same denoised pictures.
Beside curve.png it writes curve.csv, and prints the table.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from restore_cli import Picture

SIGMA = 50
PICTURES = 20


def restore(*words: object) -> None:
    """Run the command, as a user would."""
    subprocess.run(["restore", *map(str, words)], check=True)  # noqa: S607 - as a shell finds it


def main() -> None:
    """Make noise, remove it, fit, sweep."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("plot", type=Path)
    parser.add_argument("--vae", default="small", help="small, identity, a folder or a hub id")
    arguments = parser.parse_args()
    photos = sorted(p for p in arguments.photos.iterdir() if p.suffix.lower() in (".jpg", ".png"))
    half = min(len(photos) // 2, PICTURES)
    with tempfile.TemporaryDirectory() as text:
        work = Path(text)
        for name in ("noisy", "clean", "natural"):
            (work / name).mkdir()
        for index, path in enumerate(photos[: 2 * half]):
            picture = Picture.read(path)
            if index % 2:
                picture.write(work / "natural" / f"{path.stem}.png")
                continue
            noise = np.random.default_rng(index).standard_normal((*picture.pixels.shape[:2], 3))
            noisy = picture.to_srgb() + SIGMA / 255 * noise
            picture.with_srgb(noisy).write(work / "noisy" / f"{path.stem}.png")
            picture.write(work / "clean" / f"{path.stem}.png")
        denoised, look = work / "denoised", work / "look.safetensors"
        restore("infer", "--task", "denoise", "--sigma", SIGMA, work / "noisy", "-o", denoised)
        restore("ot-correct", "fit", denoised, work / "natural", "-o", look, "--vae", arguments.vae)
        table = arguments.plot.with_suffix(".csv")
        where = ("-o", table, "--plot", arguments.plot, "--overwrite")
        restore("ot-correct", "sweep", look, denoised, work / "clean", *where)


if __name__ == "__main__":
    main()
