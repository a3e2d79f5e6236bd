"""The transport as a whole: on Gaussian latents, on pictures, at its edges."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore_cli.errors import RestoreError
from restore_cli.transport.autoencoder import Identity
from restore_cli.transport.correction import Correction
from restore_cli.transport.latent import LatentTransport, latent_distance
from restore_cli.transport.moments import Moments


class Lossy:
    """An autoencoder that loses detail: means of 2x2 px."""

    name, sha256, channels, factor = "lossy", "lossy", 3, 2

    def encode(self, images: Tensor) -> Tensor:
        return F.avg_pool2d(images, 2, ceil_mode=True)

    def sample(self, images: Tensor, generator: torch.Generator) -> Tensor:
        latents = self.encode(images)
        return latents + torch.randn(latents.shape, generator=generator)

    def decode(self, latents: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(latents, scale_factor=2)[..., : size[0], : size[1]]


def _photos(count: int, seed: int, side: int = 40, *, smooth: int = 0) -> Tensor:
    """Textured pictures; `smooth` takes their detail away."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 3, side + 4, side + 4, generator=generator)
    coarse = F.interpolate(noise[..., ::4, ::4], size=(side, side), mode="bicubic")
    fine = noise[..., :side, :side]
    images = (0.5 + 0.12 * coarse + 0.05 * fine).clamp(0, 1)
    for _ in range(smooth):
        images = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="reflect"), 3, 1)
    return images


def _fitted(*, smooth: int = 1, patch: int = 3) -> LatentTransport:
    transport = LatentTransport(Identity(), patch=patch)
    transport.update(_photos(12, 0, smooth=smooth), "restored")
    transport.update(_photos(12, 1), "natural")
    return transport


def test_smooth_pictures_come_near_natural_ones() -> None:
    transport = _fitted()
    unseen, natural, after = _photos(12, 2, smooth=1), Moments(3, 3), Moments(3, 3)
    natural.update(_photos(12, 3))
    after.update(transport.apply(unseen))
    before = Moments(3, 3)
    before.update(unseen)
    assert latent_distance(after, natural) < 0.5 * latent_distance(before, natural)


def test_gaussian_latents_get_the_targets_moments_to_sampling_error() -> None:
    transport = LatentTransport(Identity(), patch=1)
    generator = torch.Generator().manual_seed(0)
    source = torch.randn(1, 3, 300, 300, generator=generator)
    mix = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.2, 0.0, 0.7]])
    target = torch.einsum("ij,bjhw->bihw", mix, torch.randn(1, 3, 300, 300, generator=generator))
    transport.update(source, "restored")
    transport.update(target + 2, "natural")
    moved = Moments(3, 1)
    moved.update(transport.transport(source.double()))
    torch.testing.assert_close(moved.mean, transport.natural.mean, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(moved.covariance, transport.natural.covariance)
    assert latent_distance(moved, transport.natural) < 1e-6 * transport.distance()


@pytest.mark.parametrize(("patch", "border"), [(1, 0), (2, 1), (3, 1), (5, 2)])
def test_transport_equals_the_reference_patch_by_patch_up_to_the_border(
    patch: int, border: int
) -> None:
    """As the reference code does it: replicate by half a patch, map, average, cut."""
    transport = _fitted(patch=patch)
    latents = _photos(1, 5, side=17).double()
    padded = F.pad(latents, [border] * 4, mode="replicate")
    size = (padded.shape[2], padded.shape[3])
    mapped = transport.compute()(F.unfold(padded, patch)[0].mT).mT[None]
    hand = F.fold(mapped, size, patch) / F.fold(
        F.unfold(torch.ones_like(padded), patch), size, patch
    )
    hand = hand[..., border : border + 17, border : border + 17]
    torch.testing.assert_close(transport.transport(latents), hand, rtol=1e-9, atol=1e-9)


def test_shrinkage_leads_from_the_plain_map_to_the_identity(tmp_path: Path) -> None:
    transport, image = _fitted(), _photos(1, 5)
    plain = transport.apply(image)
    transport.shrinkage = 1.0
    torch.testing.assert_close(transport.apply(image), image, rtol=0, atol=1e-4)
    transport.shrinkage = 0.5
    half = transport.apply(image)
    assert 0.2 < float((half - image).norm() / (plain - image).norm()) < 0.8
    transport.save(tmp_path / "look.safetensors")
    again = LatentTransport.load(tmp_path / "look.safetensors", Identity())
    assert again.shrinkage == 0.5
    assert torch.equal(again.apply(image), half)
    with pytest.raises(ValueError, match="within 0 and 1"):
        transport.shrinkage = 1.5


@pytest.mark.parametrize("decoding", ["residual", "plain"])
def test_alpha_one_is_the_input_and_alpha_is_linear(decoding: str) -> None:
    transport = _fitted()
    image = _photos(1, 6, side=23)
    torch.testing.assert_close(transport.apply(image, 1.0, decoding=decoding), image)
    full = transport.apply(image, decoding=decoding)
    for alpha in (0.3, -0.5, 1.4):
        found = transport.apply(image, alpha, decoding=decoding)
        torch.testing.assert_close(found, image + (1 - alpha) * (full - image))


def test_residual_decoding_keeps_what_the_autoencoder_loses() -> None:
    transport = LatentTransport(Lossy())
    transport.update(_photos(8, 0, smooth=1), "restored")
    transport.update(_photos(8, 1), "natural")
    image = _photos(1, 2, side=31)
    exact = transport.apply(image, 1.0, space="latent", decoding="residual")
    assert torch.equal(exact, image)
    lost = transport.apply(image, 1.0, space="latent", decoding="plain")
    torch.testing.assert_close(lost, Lossy().decode(Lossy().encode(image), (31, 31)))
    assert float((lost - image).abs().mean()) > 0.01
    torch.testing.assert_close(transport.apply(image, 1.0, decoding="plain"), image)


def test_merging_shards_equals_one_pass() -> None:
    whole, merged = _fitted(), LatentTransport(Identity())
    for shard in range(4):
        part = LatentTransport(Identity())
        part.update(_photos(12, 0, smooth=1)[3 * shard : 3 * shard + 3], "restored")
        part.update(_photos(12, 1)[3 * shard : 3 * shard + 3], "natural")
        merged.merge(part)
    for side in ("restored", "natural"):
        ours, theirs = getattr(merged, side), getattr(whole, side)
        assert float((ours.scatter - theirs.scatter).abs().max()) <= 1e-12 * float(
            theirs.scatter.abs().max()
        )
    with pytest.raises(RestoreError, match="another autoencoder"):
        merged.merge(LatentTransport(Lossy()))


def test_file_is_refined_later_and_bound_to_its_autoencoder(tmp_path: Path) -> None:
    transport, path = _fitted(), tmp_path / "look.safetensors"
    transport.save(path)
    again = LatentTransport.load(path, Identity())
    image = _photos(1, 7)
    assert torch.equal(again.apply(image), transport.apply(image))
    first = again.compute()
    again.update(_photos(4, 8, smooth=2), "restored")
    assert again.restored.pictures == 16
    assert not torch.equal(again.compute().matrix, first.matrix)
    with pytest.raises(RestoreError, match=r"fitted with the autoencoder 'identity'.*another one"):
        LatentTransport.load(path, Lossy())


def test_a_side_without_pictures_is_an_error_with_the_least_size() -> None:
    transport = LatentTransport(Lossy())
    transport.update(_photos(2, 0), "restored")
    assert transport.update(torch.rand(1, 3, 4, 4), "natural") == 0
    with pytest.raises(RestoreError, match="no natural picture") as caught:
        transport.compute()
    assert "6 px" in str(caught.value.hint)


@pytest.mark.parametrize("kind", ["grey", "flat", "tiny"])
def test_singular_sources_stay_finite_and_get_the_missing_variance(kind: str) -> None:
    restored = {
        "grey": _photos(6, 0).mean(1, keepdim=True).expand(-1, 3, -1, -1),
        "flat": torch.full((1, 3, 40, 40), 0.25),
        "tiny": _photos(1, 0)[..., :5, :5],  # 9 patches of 27 numbers
    }[kind]
    transport = LatentTransport(Identity())
    transport.update(restored, "restored")
    transport.update(_photos(12, 1), "natural")
    assert transport.compute().noisy
    corrected = transport.apply(restored, generator=torch.Generator().manual_seed(0))
    assert bool(torch.isfinite(corrected).all())
    again = transport.apply(restored, generator=torch.Generator().manual_seed(0))
    assert torch.equal(corrected, again)
    if kind != "tiny":
        found, wanted = (float(x.var(dim=(0, 2, 3)).mean()) for x in (corrected, _photos(12, 1)))
        assert found == pytest.approx(wanted, rel=0.25)


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (37, 41)])
def test_any_size_can_be_corrected(size: tuple[int, int]) -> None:
    image = _photos(1, 9, side=44)[..., : size[0], : size[1]]
    for transport in (_fitted(), _fitted(patch=1)):
        corrected = transport.apply(image)
        assert corrected.shape == image.shape
        assert bool(torch.isfinite(corrected).all())


@pytest.mark.parametrize("fails", [True, False])
def test_numbers_that_make_no_transport_are_told_with_their_file(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: Tensor) -> None:
        raise torch.linalg.LinAlgError("the algorithm failed to converge")

    sides = Moments(3, 1), Moments(3, 1)
    for moments in sides:
        moments.count, moments.pictures = 2, 2
        moments.scatter = torch.eye(3, dtype=torch.float64) * (1 if fails else float("nan"))
    if fails:
        monkeypatch.setattr("torch.linalg.eigh", never)
    pixels = Identity()
    kept = Correction(pixels.name, pixels.sha256, 1, *sides)
    with pytest.raises(RestoreError, match=r"look\.safetensors: no transport follows"):
        LatentTransport.of(kept, pixels, source="look.safetensors").compute()
