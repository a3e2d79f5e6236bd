"""A fitted transport as a step of the pipeline: alone, or behind a restorer in the same pass."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from restore_cli.engine.device import choose_device
from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.errors import RestoreError
from restore_cli.images.regular import file_sha256
from restore_cli.ot_correct.autoencoders import load_autoencoder
from restore_cli.transport.correction import Correction
from restore_cli.transport.latent import Decoding, LatentTransport, Space


class Corrector:
    """Corrects pictures of any size by one fitted transport.

    Args:
        transport: fitted; both sides hold pictures.
        alpha: 0 is the full transport, 1 leaves pictures as they are; others extrapolate.
        space: where to interpolate, see `LatentTransport.apply`.
        decoding: see there.
        seed: of the noise that singular sources need. Every picture draws it anew, so that what
            becomes of one does not depend on the others.
        device: where the autoencoder computes, for the result's record.

    Raises:
        RestoreError: the transport lacks a side, or `alpha` is not a finite number.
    """

    def __init__(
        self,
        transport: LatentTransport,
        *,
        alpha: float = 0.0,
        space: Space = "image",
        decoding: Decoding = "residual",
        seed: int = 0,
        device: torch.device,
    ) -> None:
        if not -1e6 < alpha < 1e6:
            raise RestoreError(f"alpha {alpha:g} is not a usable number", hint="0 to 1 is usual")
        # Before the first picture: it may fail, and pictures may be computed in threads.
        transport.compute()
        self._transport, self._alpha = transport, alpha
        self._space: Space = space
        self._decoding: Decoding = decoding
        self._seed, self._device = seed, device

    def __call__(self, image: Tensor) -> Restored[Tensor]:
        """Correct one picture.

        Args:
            image: (3, H, W) float32 in [0, 1]; not changed.

        Returns:
            The picture in [0, 1], and how it was computed.

        Raises:
            RestoreError: the result is not finite.
        """
        if self._alpha == 1.0 and (self._space == "image" or self._decoding == "residual"):
            return Restored(image.clone(), None, str(self._device), "fp32")
        corrected = self._transport.apply(
            image[None],
            self._alpha,
            space=self._space,
            decoding=self._decoding,
            generator=torch.Generator().manual_seed(self._seed),
        )[0]
        if not bool(torch.isfinite(corrected).all()):
            raise RestoreError(
                "the corrected picture is not finite",
                hint="fit the correction again, with more pictures or another autoencoder",
            )
        return Restored(corrected.clamp_(0.0, 1.0), None, str(self._device), "fp32")

    def after(
        self, restore: Callable[[Pixels], Restored[Pixels]]
    ) -> Callable[[Pixels], Restored[Pixels]]:
        """Chain behind a restorer; the record of how it was computed stays the restorer's."""

        def both(image: Pixels) -> Restored[Pixels]:
            restored = restore(image)
            return replace(restored, image=self.of_pixels(restored.image).image)

        return both

    def of_pixels(self, image: Pixels) -> Restored[Pixels]:
        """Correct one picture of a batch, an array (3, H, W)."""
        done = self(torch.from_numpy(image))
        return Restored(done.image.numpy(), done.tile, done.device, done.precision)


def load_transport(
    path: Path, vae: str | None, device: torch.device, *, allow_download: bool = False
) -> LatentTransport:
    """A correction with its autoencoder.

    Args:
        path: what `restore ot-correct fit` wrote.
        vae: where the autoencoder lies; None: where the file says. A file is not trusted with
            hub ids: it names identity, small, or a folder.
        device: where it computes.
        allow_download: see `load_autoencoder`; for `vae`.

    Raises:
        RestoreError: the file is missing or damaged, or the autoencoder is missing or another one.
    """
    kept = Correction.read(path)
    named = kept.autoencoder
    if vae is None and named not in ("identity", "small") and not Path(named).is_dir():
        raise RestoreError(
            f"{path} needs its autoencoder: {named!r} is no folder here",
            hint="if it lies elsewhere now, or on the Hugging Face hub, say so with --vae",
        )
    try:
        autoencoder = load_autoencoder(vae or named, device, allow_download=allow_download)
    except RestoreError as error:
        if vae is not None:
            raise
        raise RestoreError(
            f"{path} needs its autoencoder: {error.message}",
            hint="if it lies elsewhere now, say where with --vae",
        ) from error
    return LatentTransport.of(kept, autoencoder, source=str(path))


def load_corrector(
    path: Path,
    alpha: float,
    vae: str | None,
    device: str,
    *,
    space: Space = "image",
    decoding: Decoding = "residual",
    seed: int = 0,
    allow_download: bool = False,
) -> tuple[Corrector, dict[str, object]]:
    """A corrector from a file, and what of it decides how pictures look, for the manifest.

    Args:
        path: what `restore ot-correct fit` wrote.
        alpha: see `Corrector`.
        vae: see `load_transport`.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        space: see `Corrector`.
        decoding: see `Corrector`.
        seed: see `Corrector`.
        allow_download: see `load_transport`.

    Raises:
        RestoreError: see `load_transport` and `Corrector`.
    """
    where = choose_device(device)
    transport = load_transport(path, vae, where, allow_download=allow_download)
    corrector = Corrector(
        transport, alpha=alpha, space=space, decoding=decoding, seed=seed, device=where
    )
    described: dict[str, object] = {
        "ot_correct": file_sha256(path), "alpha": alpha, "space": space, "decoding": decoding,
    }  # fmt: skip
    return corrector, described
