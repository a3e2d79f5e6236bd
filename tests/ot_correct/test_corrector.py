"""A correction as a step of the pipeline."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from restore_cli.engine.restored import Restored
from restore_cli.engine.windows import Pixels
from restore_cli.errors import RestoreError
from restore_cli.ot_correct.corrector import Corrector, load_corrector, load_transport
from restore_cli.transport.autoencoder import Identity
from restore_cli.transport.correction import Correction
from restore_cli.transport.latent import LatentTransport

CPU = torch.device("cpu")


def _images(seed: int, *, shift: float = 0.0, grey: bool = False) -> Tensor:
    noise = torch.randn(4, 3, 20, 20, generator=torch.Generator().manual_seed(seed))
    noise = noise.mean(1, keepdim=True).expand(-1, 3, -1, -1) if grey else noise
    return (0.4 + shift + 0.1 * noise).clamp(0, 1)


def _transport(*, shift: float = 0.2, grey: bool = False) -> LatentTransport:
    transport = LatentTransport(Identity())
    transport.update(_images(0, grey=grey), "restored")
    transport.update(_images(1, shift=shift), "natural")
    return transport


def test_it_is_the_transport_clamped() -> None:
    image = _images(2)[0]
    found = Corrector(_transport(), alpha=0.5, device=CPU)(image)
    torch.testing.assert_close(found.image, _transport().apply(image[None], 0.5)[0].clamp(0, 1))
    assert (found.device, found.precision) == ("cpu", "fp32")
    assert float(Corrector(_transport(), device=CPU)(image).image.mean()) == pytest.approx(
        0.6, abs=0.02
    )
    bright = Corrector(_transport(shift=0.5), alpha=-2, device=CPU)(image).image
    assert float(bright.max()) == 1.0


@pytest.mark.parametrize("space", ["image", "latent"])
def test_alpha_one_is_exactly_the_input_in_memory_of_its_own(space: str) -> None:
    image = _images(2)[0]
    found = Corrector(_transport(grey=True), alpha=1.0, space=space, device=CPU)(image).image
    assert torch.equal(found, image)
    found.zero_()
    assert float(image.abs().sum()) > 0


def test_noise_depends_on_the_seed_and_not_on_the_order() -> None:
    transport = _transport(grey=True)
    assert transport.compute().noisy
    corrector = Corrector(transport, seed=1, device=CPU)
    a, b = _images(2)[0], _images(3)[0]
    first = corrector(a).image
    corrector(b)
    assert torch.equal(corrector(a).image, first)
    assert not torch.equal(Corrector(transport, seed=2, device=CPU)(a).image, first)


def test_after_a_restorer_it_keeps_the_restorers_record() -> None:
    def restore(image: Pixels) -> Restored[Pixels]:
        return Restored(image * 0.5, 128, "cuda:0", "bf16", ("a note",))

    image = _images(2)[0]
    corrector = Corrector(_transport(), device=CPU)
    both = corrector.after(restore)(image.numpy())
    np.testing.assert_allclose(both.image, corrector(image * 0.5).image.numpy())
    assert (both.tile, both.precision, both.notes) == (128, "bf16", ("a note",))


def test_unusable_transports_and_alphas_are_refused() -> None:
    with pytest.raises(RestoreError, match="no restored picture"):
        Corrector(LatentTransport(Identity()), device=CPU)
    with pytest.raises(RestoreError, match="alpha"):
        Corrector(_transport(), alpha=float("nan"), device=CPU)


def test_loading_finds_the_autoencoder_and_describes_what_counts(tmp_path: Path) -> None:
    path = tmp_path / "look.safetensors"
    _transport().save(path)
    corrector, described = load_corrector(path, 0.25, None, "cpu")
    image = _images(2)[0]
    torch.testing.assert_close(
        corrector(image).image, Corrector(_transport(), alpha=0.25, device=CPU)(image).image
    )
    assert described["alpha"] == 0.25
    assert len(str(described["ot_correct"])) == 64


def test_a_lost_or_changed_autoencoder_is_told_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "look.safetensors"
    kept = _transport()
    Correction(str(tmp_path / "vae"), "abc", 1, kept.restored, kept.natural).write(path)
    with pytest.raises(RestoreError, match=r"look.safetensors needs its autoencoder") as caught:
        load_transport(path, None, CPU)
    assert "--vae" in str(caught.value.hint)
    with pytest.raises(RestoreError, match="was fitted with the autoencoder"):
        load_transport(path, "identity", CPU)
