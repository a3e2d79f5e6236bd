"""What `restore ot-correct` does to over-smooth pictures, and how fast.

    python benchmarks/ot_correct.py DATA [--vae small] [--write]

DATA holds photos/train. Photos get Gaussian noise of sigma 50 and are denoised by the shipped
model. The correction is fitted to 20 of these results and to 20 other photos, and applied to 40
results it has not seen; their latent W2 is measured to 100 photos that are none of these, and to
their own clean photos. Then both ways of decoding are swept over alpha on the 40, and 80 more a
side are added to the fit. First of all, without any data, the folded convolution is timed and
compared with explicit patches.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from blocks import markdown_table, replace_block
from rows import write_rows
from timing import seconds_of
from torch.nn import functional as F

from restore_cli.engine.restorer import Restorer
from restore_cli.evaluation.pairing import pair
from restore_cli.images.picture import Picture
from restore_cli.models import zoo
from restore_cli.ot_correct.autoencoders import load_autoencoder
from restore_cli.ot_correct.fitting import Fitting, gather, read_ahead
from restore_cli.ot_correct.sweeping import Sweep
from restore_cli.transport.autoencoder import Autoencoder
from restore_cli.transport.folding import FoldedMap
from restore_cli.transport.latent import LatentTransport, Side, latent_distance
from restore_cli.transport.moments import Moments

ROOT = Path(__file__).parents[1]
SIGMA = 50
FIT, HELD_OUT, OTHERS, MORE = 20, 40, 100, 80
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes:
        part: "speed", "folding", "distance" or "curve".
        vae: the autoencoder; empty where none takes part.
        what: in words.
        value: the number.
        unit: of it.
    """

    part: str
    vae: str
    what: str
    value: float
    unit: str


def speed() -> Iterator[Row]:
    """One thread, a 128x128x4 latent, patches of 3x3; the best of many runs each."""
    generator = torch.Generator().manual_seed(0)
    matrix, offset = (
        torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((36, 36), (36,))
    )
    latents = torch.randn(1, 4, 128, 128, generator=generator)
    doubles = latents.double()
    folded = FoldedMap(matrix, offset, channels=4)

    def patches() -> torch.Tensor:
        size = (128, 128)
        mapped = F.fold(matrix @ F.unfold(doubles, 3) + offset[:, None], size, 3)
        return mapped / F.fold(F.unfold(torch.ones_like(doubles), 3), size, 3)

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        slow = min(seconds_of(patches, 20))
        fast = min(seconds_of(lambda: folded(latents), 200))
    torch.set_num_threads(before)
    yield Row("speed", "", "explicit patches, float64", slow * 1e3, "ms")
    yield Row("speed", "", "one convolution, float32", fast * 1e3, "ms")
    yield Row("speed", "", "times faster", slow / fast, "")


def folding() -> Iterator[Row]:
    """The largest relative error of the folded map in float64, over random sizes."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(50):
        channels, patch = int(rng.integers(1, 6)), int(rng.integers(1, 5))
        size = tuple(int(v) for v in rng.integers(patch, 40, 2))
        dimension = channels * patch**2
        matrix, offset, x = (
            torch.from_numpy(rng.standard_normal(shape))
            for shape in ((dimension, dimension), (dimension,), (1, channels, *size))
        )
        count = F.fold(F.unfold(torch.ones_like(x), patch), size, patch)
        exact = F.fold(matrix @ F.unfold(x, patch) + offset[:, None], size, patch) / count
        made = FoldedMap(matrix, offset, channels=channels, dtype=torch.float64)(x)
        worst = max(worst, float((made - exact).abs().max() / exact.abs().max()))
    yield Row("folding", "", "largest relative error, whole picture", worst, "")


def distances(photos: Path, vae: Autoencoder, crop: int, held_out: int) -> Iterator[Row]:
    """Latent W2 of held-out pictures before and after, and the curve for both decodings."""
    paths = sorted(photos.iterdir())
    # Spread over the whole folder, no photo in two roles.
    order = np.random.default_rng(0).permutation(len(paths))
    stops = np.cumsum([0, FIT, FIT, held_out, OTHERS, MORE, MORE])
    groups = [[paths[i] for i in order[a:b]] for a, b in pairwise(stops)]
    names = ("fit", "natural", "truth", "others", "more", "more-natural")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for name, group in zip(names, groups, strict=True):
            _cut(group, folder / name, crop)
        for clean, name in (("fit", "fit-restored"), ("truth", "restored"), ("more", "refit")):
            _denoise(folder / clean, folder / name)
        found = {name: _moments(vae, folder / name) for name in ("truth", "others", "restored")}
        yield from _apart(vae, "the clean photos themselves", found["truth"], found)
        yield from _apart(vae, "restored (alpha 1)", found["restored"], found)
        transport = LatentTransport(vae)
        _gather(transport, folder / "fit-restored", "restored")
        _gather(transport, folder / "natural", "natural")
        _correct(transport, folder / "restored", folder / "corrected")
        corrected = _moments(vae, folder / "corrected")
        yield from _apart(vae, f"corrected (alpha 0), fitted to {FIT}", corrected, found)
        pairs = pair(folder / "restored", folder / "truth")
        sweep = Sweep(transport, alphas=ALPHAS, decodings=("residual", "plain"))
        for one in pairs:
            sweep.measure(one)
        for point in sweep.points():
            place = f"{point.decoding}, alpha {point.alpha:g}"
            yield Row("curve", vae.name, f"{place}, PSNR", point.psnr, "dB")
            yield Row("curve", vae.name, f"{place}, latent W2", point.latent_w2, "W2")
        _gather(transport, folder / "refit", "restored")
        _gather(transport, folder / "more-natural", "natural")
        _correct(transport, folder / "restored", folder / "corrected-more")
        corrected = _moments(vae, folder / "corrected-more")
        yield from _apart(vae, f"corrected (alpha 0), fitted to {FIT + MORE}", corrected, found)


def _apart(
    vae: Autoencoder, what: str, moments: Moments, found: dict[str, Moments]
) -> Iterator[Row]:
    """How far a set is from other photos, and from the clean photos of the same scenes."""
    for place, name in (("other photos", "others"), ("their own clean photos", "truth")):
        if moments is not found[name]:
            away = latent_distance(moments, found[name])
            yield Row("distance", vae.name, f"{what}, to {place}", away, "W2")


def _cut(paths: list[Path], folder: Path, crop: int) -> None:
    folder.mkdir()
    for path in paths:
        pixels = Picture.read(path).pixels
        top, left = (max(0, (side - crop) // 2) if crop else 0 for side in pixels.shape[:2])
        stop = crop or max(pixels.shape[:2])
        part = np.ascontiguousarray(pixels[top : top + stop, left : left + stop])
        Picture(pixels=part).write(folder / f"{path.stem}.png")


def _denoise(source: Path, target: Path) -> None:
    """Add noise to the photos of a folder, and take it away again with the shipped model."""
    target.mkdir()
    model = zoo.load("denoise")
    restorer = Restorer(model.network, overlap=model.overlap)
    for index, (path, image) in enumerate(read_ahead(sorted(source.iterdir()), workers=1)):
        assert isinstance(image, torch.Tensor)
        rng = np.random.default_rng([SIGMA, index])
        noise = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32))
        noisy = ((image + SIGMA / 255 * noise).clamp(0, 1) * 255).round() / 255
        _write(restorer(noisy[0], level=SIGMA).image, target / path.name)


def _gather(transport: LatentTransport, folder: Path, side: Side) -> None:
    list(gather(Fitting(transport), read_ahead(sorted(folder.iterdir())), side))


def _correct(transport: LatentTransport, source: Path, target: Path) -> None:
    target.mkdir()
    for path, image in read_ahead(sorted(source.iterdir()), workers=1):
        assert isinstance(image, torch.Tensor)
        _write(transport.apply(image)[0], target / path.name)


def _write(image: torch.Tensor, path: Path) -> None:
    rows = (image.clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).contiguous().numpy()
    Picture(pixels=rows).write(path)


def _moments(vae: Autoencoder, folder: Path) -> Moments:
    moments = Moments(vae.channels, 3)
    for _, image in read_ahead(sorted(folder.iterdir()), workers=1):
        assert isinstance(image, torch.Tensor)
        moments.update(vae.encode(image))
    return moments


def main() -> None:
    """Measure, print, and keep the rows with --write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder that holds photos/train")
    parser.add_argument("--vae", action="append", help="autoencoders; small if none is named")
    parser.add_argument("--crop", type=int, default=0, help="px of the centre to use; 0: all")
    parser.add_argument("--held-out", type=int, default=HELD_OUT)
    parser.add_argument(
        "--write", action="store_true", help="replace the CSV and the documents' table"
    )
    arguments = parser.parse_args()
    rows: list[Row] = []

    def tell(found: Iterator[Row]) -> None:
        for row in found:
            rows.append(row)
            print(f"{row.part:9} {row.vae:10} {row.what:60} {row.value:.4g} {row.unit}", flush=True)

    tell(speed())
    tell(folding())
    for name in arguments.vae or ["small"]:
        vae = load_autoencoder(name, torch.device("cpu"))
        photos = arguments.data / "photos" / "train"
        tell(distances(photos, vae, arguments.crop, arguments.held_out))
    if arguments.write:
        write_rows("ot_correct.csv", rows)
        text = f"{curve_table(rows)}\n\n{distance_table(rows)}"
        replace_block(ROOT / "docs" / "results.md", "corrected", text)


def curve_table(rows: list[Row]) -> str:
    """Markdown: for each alpha what both decodings cost and gain, for each autoencoder."""
    found = {(row.vae, row.what): row.value for row in rows if row.part == "curve"}
    lines: list[list[str]] = []
    for vae in dict.fromkeys(vae for vae, _ in found):
        for alpha in ALPHAS:
            cells = [
                f"{found[vae, f'{decoding}, alpha {alpha:g}, {what}']:.{digits}f}{unit}"
                for decoding in ("residual", "plain")
                for what, digits, unit in (("PSNR", 2, " dB"), ("latent W2", 3, ""))
            ]
            lines.append([f"`{vae}`", f"{alpha:g}", *cells])
    head = ("autoencoder", "alpha", "PSNR, residual", "latent W2", "PSNR, plain", "latent W2")
    return markdown_table(head, lines)


def distance_table(rows: list[Row]) -> str:
    """Markdown: how far sets of pictures are from others, for each autoencoder."""
    places = ("other photos", "their own clean photos")
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row.part == "distance":
            what, _, place = row.what.rpartition(", to ")
            found.setdefault((row.vae, what), {})[place] = row.value
    lines = [
        [f"`{vae}`", what, *(f"{away[p]:.3f}" if p in away else "" for p in places)]
        for (vae, what), away in found.items()
    ]
    return markdown_table(("autoencoder", "latent W2 of", *(f"to {p}" for p in places)), lines)


if __name__ == "__main__":
    main()
