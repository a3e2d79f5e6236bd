"""Every kind of file that is read: good ones, and the way that commands read them."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import good_pictures
import torch
from accelerate import Accelerator
from made_measurements import INF, measured

from restore_cli.batch.manifest import MANIFEST_NAME, Identity, Manifest
from restore_cli.errors import RestoreError
from restore_cli.evaluation import baseline
from restore_cli.images.formats import FORMATS
from restore_cli.images.header import count_pages, upright_size
from restore_cli.images.picture import Picture
from restore_cli.methods.supervised.objective import Supervised
from restore_cli.models import zoo
from restore_cli.networks import NETWORKS
from restore_cli.networks.admission import bounded
from restore_cli.networks.nafnet import NAFNet
from restore_cli.networks.unet import UNet
from restore_cli.raw.develop import Developer, as_it_is
from restore_cli.raw.settings import Settings
from restore_cli.recipe import Recipe, construct
from restore_cli.training import state
from restore_cli.training.runs import Run
from restore_cli.transport.autoencoder import Identity as Pixels
from restore_cli.transport.correction import Correction
from restore_cli.transport.latent import LatentTransport
from restore_cli.transport.moments import Moments

TINY = Path(__file__).parents[1] / "tiny.toml"


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: what it is called.
        file: the name that it has to have.
        seeds: good files.
        read: reads one, as far as commands do.
        wrap: makes the file out of the damaged bytes, where only a part of it is damaged.
    """

    name: str
    file: str
    seeds: Sequence[bytes]
    read: Callable[[Path], object]
    wrap: Callable[[bytes], bytes] = field(default=bytes)


NAMES = (
    *FORMATS, "png-sums", "dng", "icc", "exif", "safetensors", "pth", "correction", "recipe",
    "checkpoint", "manifest", "baseline",
)  # fmt: skip


def kind(name: str, folder: Path) -> Kind:
    """The kind of this name; its files are made in a folder."""
    if name in FORMATS:
        seeds = good_pictures.pictures(name, folder)
        return Kind(name, f"x{FORMATS[name].suffixes[0]}", seeds, _picture)
    return _OTHERS[name](folder)


def _picture(path: Path) -> None:
    upright_size(path)
    count_pages(path)
    picture = Picture.read(path)
    same = picture.with_srgb(picture.to_srgb())
    same.write(path.with_name("out.png"))


def _png_sums(folder: Path) -> Kind:
    """PNG files whose checksums are right again: readers look further into them."""
    return Kind(
        "png-sums", "x.png", good_pictures.pictures("png", folder), _picture, good_pictures.summed
    )


def _dng(folder: Path) -> Kind:
    def read(path: Path) -> None:
        # The second engine only where the first has something to say: LibRaw is slow.
        for settings in (Settings(denoise="off"), Settings(engine="libraw", look="profile")):
            developer = Developer(settings)
            developer.count_pixels(path)
            loaded = developer.read(path)
            loaded.finish(as_it_is(loaded.image).image).write(path.with_name("out.png"))

    return Kind("dng", "x.dng", good_pictures.raws(folder), read)


def _icc(folder: Path) -> Kind:
    seeds = good_pictures.profiles()
    return Kind("icc", "x.png", seeds, _picture, lambda b: good_pictures.labelled(b, "icc"))


def _exif(folder: Path) -> Kind:
    seeds = [good_pictures.exif()]
    return Kind("exif", "x.png", seeds, _picture, lambda b: good_pictures.labelled(b, "exif"))


def _safetensors(folder: Path) -> Kind:
    network = UNet(widths=(4, 8), depths=(1, 1), noise_map=True)
    zoo.export(folder / "tiny", network, Recipe.load(TINY, ["network.noise_map=true"]), "# x\n")
    seeds = [(folder / "tiny" / zoo.WEIGHTS).read_bytes()]
    return Kind("safetensors", "x.safetensors", seeds, lambda path: zoo.load(str(path)))


def _pth(folder: Path) -> Kind:
    shape = {"width": 4, "encoder_blocks": (1, 1), "middle_blocks": 1, "decoder_blocks": (1, 1)}
    values = NAFNet(**shape).state_dict()  # type: ignore[arg-type]
    # As published: without the prefix that this toolkit puts before them.
    seeds = [_pickled({"params": values}), _pickled(values)]
    return Kind("pth", "x.pth", seeds, lambda path: zoo.load(str(path)))


def _correction(folder: Path) -> Kind:
    pixels = Pixels()
    sides = (Moments(3, 2), Moments(3, 2))
    for seed, moments in enumerate(sides):
        moments.update(torch.rand(3, 3, 9, 8, generator=torch.Generator().manual_seed(seed)))
    Correction("identity", pixels.sha256, 1, *sides).write(folder / "kept.safetensors")

    def read(path: Path) -> None:
        LatentTransport.of(Correction.read(path), pixels, source=str(path)).compute()

    seeds = [(folder / "kept.safetensors").read_bytes()]
    return Kind("correction", "x.safetensors", seeds, read)


def _recipe(folder: Path) -> Kind:
    def read(path: Path) -> None:
        recipe = Recipe.load(path)
        try:
            with bounded():
                construct(recipe.network, NETWORKS, section="network")
        except RestoreError as error:  # `train` has one recipe, and tells the section
            raise RestoreError(f"{path}: {error.message}") from error

    recipes = Path(__file__).parents[2] / "restore_cli/training/recipes"
    seeds = [TINY.read_bytes(), *(path.read_bytes() for path in sorted(recipes.glob("*.toml")))]
    return Kind("recipe", "x.toml", seeds, read)


def _checkpoint(folder: Path) -> Kind:
    recipe = Recipe.load(TINY, ["network.noise_map=true"])
    accelerator = Accelerator(cpu=True)

    def fresh() -> state.State:
        network = construct(recipe.network, NETWORKS, section="network")
        return state.begin(Supervised(network), recipe, accelerator)

    def read(path: Path) -> None:
        run = Run(folder / "run", recipe, resume=True)
        run.checkpoint_path = path
        found = run.load_checkpoint()
        assert found is not None
        state.restore(fresh(), found, accelerator, source=path)

    saved: dict[str, Any] = state.snapshot(fresh(), accelerator)
    return Kind("checkpoint", "x.pt", [_pickled(saved)], read)


def _manifest(folder: Path) -> Kind:
    output = folder / "out.png"
    output.write_bytes(b"whole")
    identity = Identity("model", {"task": "derain", "strength": 1.0})
    for name in ("a", "b", "c"):
        Manifest(identity).record(output, name)

    def read(path: Path) -> None:
        book = Manifest(identity)
        assert not book.matches(path.with_name("out.png"), "never")
        (path.parent / "out.png").write_bytes(b"whole")
        book.record(path.with_name("out.png"), "new")
        assert book.matches(path.with_name("out.png"), "new")

    seeds = [(folder / MANIFEST_NAME).read_bytes()]
    return Kind("manifest", MANIFEST_NAME, seeds, read)


def _baseline(folder: Path) -> Kind:
    baseline.save(
        folder / "b.json", measured({"fid": 12.25}, psnr=[30.12, INF], delta_e=[0.5, 0.25])
    )
    seeds = [(folder / "b.json").read_bytes()]
    seeds.append(json.dumps(json.loads(seeds[0]), indent=None).encode())
    return Kind("baseline", "x.json", seeds, baseline.load)


def _pickled(value: object) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


_OTHERS: dict[str, Callable[[Path], Kind]] = {
    "png-sums": _png_sums,
    "dng": _dng,
    "icc": _icc,
    "exif": _exif,
    "safetensors": _safetensors,
    "pth": _pth,
    "correction": _correction,
    "recipe": _recipe,
    "checkpoint": _checkpoint,
    "manifest": _manifest,
    "baseline": _baseline,
}
