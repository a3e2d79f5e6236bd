"""The autoencoder that `--vae` names: identity, small, a folder, or a Hugging Face hub id.

What `diffusers` publishes needs the extra [vae]; it is imported here, when it is asked for.
"""

import hashlib
import importlib
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.networks.vae import VAE, from_published
from restore_cli.offline import offline
from restore_cli.ot_correct.encoding import TiledAutoencoder
from restore_cli.transport.autoencoder import Autoencoder, Identity

SMALL = "vae-small"
"""The shipped model that `--vae small` stands for."""
EXTRA_HINT = 'pip install "restore-cli[vae]"'
_CLASSES = ("AutoencoderKL", "AutoencoderTiny")


def load_autoencoder(
    name: str, device: torch.device, *, allow_download: bool = False
) -> Autoencoder:
    """Find an autoencoder and load its weights.

    Args:
        name: "identity"; "small", the shipped one; a folder with a model of this toolkit, with a
            published member of the TAESD family (`*encoder*` and `*decoder*`, .pth or
            .safetensors), or saved by diffusers (AutoencoderKL, AutoencoderTiny); else a
            Hugging Face hub id, which diffusers looks for in its cache.
        device: where it computes.
        allow_download: whether a hub id that is not in the cache may be fetched. No code that
            comes with it is ever run.

    Raises:
        RestoreError: there is none, its files are damaged, or the extra is missing.
    """
    if name == "identity":
        return Identity()
    if name == "small":
        if SMALL not in {entry.name for entry in zoo.entries()}:
            raise RestoreError(
                "the autoencoder 'small' is not shipped with this version",
                hint="--vae identity works without one; --vae DIR_OR_HUB_ID takes another",
            )
        return _own(SMALL, name, device)
    folder = Path(name)
    if folder.is_dir():
        if (folder / zoo.WEIGHTS).is_file():
            return _own(name, name, device)
        if (folder / "config.json").is_file():
            with offline(f"the autoencoder {name!r}"):
                return _diffusers(name, device, allow_download=False)
        return _published(folder, name, device)
    if folder.exists() or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise RestoreError(
            f"no autoencoder {name!r}: " + ("a file" if folder.exists() else "no such folder"),
            hint="--vae takes identity, small, a folder, or a hub id such as madebyollin/taesd",
        )
    with nullcontext() if allow_download else offline(f"the autoencoder {name!r}"):
        return _diffusers(name, device, allow_download=allow_download)


def _own(model: str, name: str, device: torch.device) -> Autoencoder:
    loaded = zoo.load(model)
    if not isinstance(loaded.network, VAE):
        raise RestoreError(
            f"the model {loaded.name} is no autoencoder", hint="its recipe needs the network 'vae'"
        )
    return _tiled(_Own(loaded.network, variational=True), name, loaded.sha256, device)


class _Own(nn.Module):
    """An autoencoder of this toolkit; published members say nothing of their posterior."""

    def __init__(self, network: VAE, *, variational: bool) -> None:
        super().__init__()
        self.network, self._variational = network, variational

    def encode(self, image: Tensor) -> Tensor:
        """See `VAE.encode`."""
        return self.network.encode(image)

    def decode(self, latents: Tensor) -> Tensor:
        """See `VAE.decode`."""
        return self.network.decode(latents)

    def spread(self, image: Tensor) -> Tensor | None:
        """One number a channel, the same everywhere."""
        if not self._variational:
            return None
        height, width = (side // self.network.info.multiple for side in image.shape[-2:])
        spread = torch.exp(0.5 * self.network.log_variance).view(1, -1, 1, 1)
        return spread.expand(len(image), -1, height, width)


def _tiled(coder: _Own, name: str, sha256: str, device: torch.device) -> Autoencoder:
    return TiledAutoencoder(
        coder,
        name=name,
        sha256=sha256,
        channels=coder.network.channels,
        factor=coder.network.info.multiple,
        device=device,
    )


def _published(folder: Path, name: str, device: torch.device) -> Autoencoder:
    """A member of the TAESD family as its author publishes it: two state dicts."""
    states: list[dict[str, Tensor]] = []
    for part in ("encoder", "decoder"):
        files = sorted(p for p in folder.iterdir() if part in p.name and p.suffix in _STATES)
        if len(files) != 1:
            found = f"{len(files)} files" if files else "no file"
            raise RestoreError(
                f"{folder} is no autoencoder: it has {found} called *{part}*.pth or .safetensors, "
                "no model.safetensors and no config.json",
                hint="name a folder made by `restore train --export`, by diffusers, or with one "
                "published encoder and decoder",
            )
        states.append(zoo.read_weights(files[0])[0])
    try:
        network = from_published(*states)
    except ValueError as error:
        raise RestoreError(f"{folder}: no member of the TAESD family: {error}") from error
    digest = _digest([*states[0].items(), *states[1].items()])
    return _tiled(_Own(network, variational=False), name, digest, device)


_STATES = (".pth", ".safetensors")


class _Diffusers(nn.Module):
    """An autoencoder of diffusers behind our convention: pictures in [0, 1], scaled latents."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.model = model
        self._scale = float(getattr(model.config, "scaling_factor", None) or 1.0)
        self._shift = float(getattr(model.config, "shift_factor", None) or 0.0)

    def encode(self, image: Tensor) -> Tensor:
        """Encode; of a posterior its mean."""
        found = self.model.encode(2 * image - 1)
        latents = found.latent_dist.mean if hasattr(found, "latent_dist") else found.latents
        return (latents - self._shift) * self._scale

    def spread(self, image: Tensor) -> Tensor | None:
        """Of the posterior, where there is one; a shift does not matter to it."""
        found = self.model.encode(2 * image - 1)
        return found.latent_dist.std * self._scale if hasattr(found, "latent_dist") else None

    def decode(self, latents: Tensor) -> Tensor:
        """Decode to [0, 1]."""
        return (self.model.decode(latents / self._scale + self._shift).sample + 1) / 2


def _diffusers(name: str, device: torch.device, *, allow_download: bool) -> Autoencoder:
    try:
        library = importlib.import_module("diffusers")
        classes = {kind: getattr(library, kind) for kind in _CLASSES}
    except ModuleNotFoundError as error:
        raise RestoreError(
            f"the autoencoder {name!r} needs the Python package {error.name}, which is not "
            "installed",
            hint=EXTRA_HINT,
        ) from error
    except Exception as error:  # a broken package raises whatever it likes
        raise RestoreError(
            f"the autoencoder {name!r} needs diffusers, which is installed but cannot be "
            f"imported: {_first_line(error)}",
            hint=EXTRA_HINT,
        ) from error
    try:
        config = classes[_CLASSES[0]].load_config(name, local_files_only=not allow_download)
        kind = config.get("_class_name")
    except Exception as error:  # diffusers raises what its many parts raise
        if not allow_download and not Path(name).is_dir():
            raise RestoreError(
                f"the autoencoder {name!r} is not on this machine",
                hint=f"--vae {name} --allow-download fetches it from the Hugging Face hub",
            ) from error
        raise _unusable(name, _first_line(error)) from error
    if kind not in classes:
        raise _unusable(name, f"its config.json says {kind!r}")
    try:
        model, told = classes[kind].from_pretrained(
            name,
            output_loading_info=True,
            low_cpu_mem_usage=False,
            local_files_only=not allow_download,
        )
    except Exception as error:
        raise _unusable(name, _first_line(error)) from error
    if told["missing_keys"]:
        # diffusers would go on with random numbers there.
        raise _unusable(name, f"its weights lack {told['missing_keys'][0]}")
    state = cast("dict[str, Tensor]", model.state_dict())
    return TiledAutoencoder(
        _Diffusers(model.float()),
        name=name,
        sha256=_digest(state.items()),
        channels=int(model.config.latent_channels),
        factor=2 ** (len(model.config.block_out_channels) - 1),
        device=device,
    )


def _unusable(name: str, why: str) -> RestoreError:
    return RestoreError(
        f"the autoencoder {name!r} cannot be loaded: {why}",
        hint="it takes AutoencoderKL and AutoencoderTiny, from a folder or the Hugging Face hub",
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _digest(tensors: Iterable[tuple[str, Tensor]]) -> str:
    """SHA-256 over names, shapes and values: the same wherever and however they are stored."""
    digest = hashlib.sha256()
    for name, value in tensors:
        half = value.detach().cpu().float().contiguous()
        digest.update(f"{name}{tuple(half.shape)}".encode())
        digest.update(half.numpy().tobytes())
    return digest.hexdigest()
