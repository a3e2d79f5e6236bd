"""`Correction`: restored pictures moved to where natural ones are, by latent optimal transport."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, overload

from numpy.typing import NDArray
from PIL import Image

from restore_cli.api.kinds import AnyPicture, PathLike, Same, listed, open_ahead, open_picture
from restore_cli.engine.device import choose_device
from restore_cli.errors import RestoreError
from restore_cli.images.picture import Picture
from restore_cli.ot_correct.autoencoders import load_autoencoder
from restore_cli.ot_correct.corrector import Corrector, load_transport
from restore_cli.ot_correct.fitting import Fitting, pictures_of
from restore_cli.ot_correct.simulating import Simulation
from restore_cli.transport.latent import LatentTransport, Side


class Correction:
    """A fitted correction (Deep Optimal Transport, Adrai et al. 2023).

    Made by `Correction.from_clean`, `Correction.fit` or `Correction.load`.
    """

    def __init__(self, transport: LatentTransport, *, device: str = "auto") -> None:
        self._transport = transport
        self._device = choose_device(device)

    @classmethod
    def fit(
        cls,
        restored: "PathLike | Iterable[AnyPicture]",
        natural: "PathLike | Iterable[AnyPicture]",
        *,
        vae: str = "small",
        patch: int = 3,
        shrinkage: float | None = None,
        device: str = "auto",
        allow_download: bool = False,
    ) -> "Correction":
        """Fit to restored and to natural pictures, which need not show the same.

        It takes fewer pictures where they do, see `from_clean`. Warns (`UserWarning`) where the
        correction does not help on pictures that were held out.

        Args:
            restored: a folder, or pictures of any kind: outputs of one restorer; three or more.
            natural: the same: good photos.
            vae: "small", "identity", a folder, or a Hugging Face hub id.
            patch: side of a patch, in latents. With vae="identity", 1 corrects colours alone.
            shrinkage: within [0, 1], how far the correction is held back; None: what is best on
                pictures held out.
            device: "auto", "cpu", "cuda", "cuda:N" or "mps".
            allow_download: whether a hub id that is not in the cache may be fetched.

        Raises:
            RestoreError: no such folder or autoencoder, a picture cannot be read, or a side has
                fewer than three that are as large as a patch.
            ValueError: `shrinkage` is not within 0 and 1.
        """
        where = choose_device(device)
        autoencoder = load_autoencoder(vae, where, allow_download=allow_download)
        transport = LatentTransport(autoencoder, patch=patch)
        fitting = Fitting(transport)
        sides: dict[Side, Path | list[AnyPicture]] = {
            "restored": listed(restored),
            "natural": listed(natural),
        }
        for side, pictures in sides.items():
            paths = pictures if isinstance(pictures, list) else [*pictures_of(pictures)]
            for opened in open_ahead(paths):
                fitting.add(opened.image[None], side)
        return cls._finished(fitting, shrinkage, device)

    @classmethod
    def from_clean(
        cls,
        clean: "PathLike | Iterable[AnyPicture]",
        *,
        task: str,
        model: str | None = None,
        sigma: float | None = None,
        vae: str = "small",
        patch: int = 3,
        shrinkage: float | None = None,
        seed: int = 0,
        device: str = "auto",
        allow_download: bool = False,
    ) -> "Correction":
        """Degrade good photos, restore them, and fit to the same scenes on both sides.

        The best way where it can be had: a dozen photos do.

        Args:
            clean: a folder, or pictures of any kind: good photos, three or more. Of large ones
                the centre is taken, 768 px.
            task: "denoise", "derain", ...: as its model's validation degrades.
            model: a name, a folder or a file instead of the task's shipped model.
            sigma: for "denoise": noise of this strength, 0..255 scale.
            vae: see `fit`.
            patch: see `fit`.
            shrinkage: see `fit`.
            seed: of the degradations.
            device: see `fit`.
            allow_download: see `fit`.

        Raises:
            RestoreError: as `fit`; or no such task or model, or none with degradations.
            ValueError: as `fit`.
        """
        simulation = Simulation(task, model=model, sigma=sigma, seed=seed, device=device)
        where = choose_device(device)
        autoencoder = load_autoencoder(vae, where, allow_download=allow_download)
        transport = LatentTransport(autoencoder, patch=patch)
        fitting = Fitting(transport)
        pictures = listed(clean)
        paths = pictures if isinstance(pictures, list) else [*pictures_of(pictures)]
        for index, opened in enumerate(open_ahead(paths)):
            scene = simulation(opened.image[None], index)
            fitting.add(scene.restored, "restored")
            fitting.add(scene.natural, "natural")
        return cls._finished(fitting, shrinkage, device)

    @classmethod
    def _finished(cls, fitting: Fitting, shrinkage: float | None, device: str) -> "Correction":
        fitting.transport.compute()
        found = fitting.finish(shrinkage)
        advice = found.advice(fitting.transport.shrinkage)
        if advice is not None:
            warnings.warn(advice, stacklevel=3)
        return cls(fitting.transport, device=device)

    @classmethod
    def load(
        cls,
        path: PathLike,
        *,
        vae: str | None = None,
        device: str = "auto",
        allow_download: bool = False,
    ) -> "Correction":
        """Read what `save` or `restore ot-correct fit` wrote.

        Args:
            path: the file.
            vae: where the autoencoder lies; None: where the file says.
            device: "auto", "cpu", "cuda", "cuda:N" or "mps".
            allow_download: see `fit`; for `vae`.

        Raises:
            RestoreError: the file is missing or damaged, or the autoencoder is another one.
        """
        where = choose_device(device)
        kept = load_transport(Path(path), vae, where, allow_download=allow_download)
        return cls(kept, device=device)

    def save(self, path: PathLike) -> None:
        """Write a .safetensors file for `load` and for `restore ot-correct apply`.

        Raises:
            RestoreError: it is not called .safetensors, or cannot be written.
        """
        if Path(path).suffix != ".safetensors":
            raise RestoreError(f"{path}: a correction is a .safetensors file", hint="rename it")
        self._transport.save(Path(path))

    @property
    def distance(self) -> float:
        """Latent W2 between the two sides that it was fitted to, before correcting."""
        return self._transport.distance()

    @overload
    def apply(self, picture: PathLike, alpha: float = ...) -> Picture: ...
    @overload
    def apply(self, picture: Image.Image, alpha: float = ...) -> Image.Image: ...
    @overload
    def apply(self, picture: Same, alpha: float = ...) -> Same: ...
    def apply(
        self, picture: AnyPicture, alpha: float = 0.0
    ) -> Picture | Image.Image | NDArray[Any]:
        """Correct one picture; what is given is not changed.

        Args:
            picture: a path, a `Picture`, a PIL image or an array, as for `Model.__call__`.
            alpha: 0 is the full correction, 1 the picture as it is; others extrapolate.

        Returns:
            The same kind, size and depth; a `Picture` for a path.

        Raises:
            RestoreError: the picture cannot be read, or the result is not finite.
            TypeError: `picture` is of another kind.
        """
        opened = open_picture(picture)
        corrector = Corrector(self._transport, alpha=alpha, device=self._device)
        return opened.finish(corrector(opened.image).image, ())
