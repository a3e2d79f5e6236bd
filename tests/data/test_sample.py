import pytest
import torch

from restore_cli.data.sample import Batch, Sample

PICTURE = torch.rand(3, 4, 6)


def test_what_is_not_told_is_nan_or_none() -> None:
    sample = Sample.of(PICTURE, PICTURE, sigma=torch.tensor(0.1))
    assert sample.paired == 1
    assert sample.sigma == pytest.approx(0.1)
    assert sample.noise.shape == (1, 4, 6)
    assert sample.blur.shape == (4,)
    assert bool(sample.noise.isnan().all() and sample.blur.isnan().all())
    for absent in (sample.source, sample.real, sample.matrix, sample.rendering):
        assert absent is None
    assert Sample.of(PICTURE, PICTURE, paired=False).paired == 0


def test_samples_are_stacked_in_their_order() -> None:
    samples = [Sample.of(PICTURE * k, PICTURE, source=torch.tensor(k)) for k in (3, 1)]
    batch = Batch.stacked(samples)
    assert isinstance(batch, Batch)
    assert batch.image.shape == (2, 3, 4, 6)
    assert torch.equal(batch.image[1], PICTURE)
    assert batch.source is not None
    assert batch.source.tolist() == [3, 1]
    assert batch.paired.tolist() == [1, 1]
    assert batch.matrix is None
    same = Batch.of(batch.image, batch.target, source=batch.source)
    for name, value in same.tensors().items():
        torch.testing.assert_close(value, batch.tensors()[name], equal_nan=True)


def test_samples_of_two_kinds_are_not_stacked() -> None:
    samples = [Sample.of(PICTURE, PICTURE, source=s) for s in (None, torch.tensor(1))]
    with pytest.raises(ValueError, match="some samples have source"):
        Batch.stacked(samples)


def test_a_window_is_cut_of_pictures_and_maps_alone() -> None:
    batch = Batch.stacked([Sample.of(PICTURE, PICTURE, matrix=torch.eye(3))])
    cut = batch.cut((slice(1, 3), slice(2, 6)))
    assert torch.equal(cut.image[0], PICTURE[:, 1:3, 2:6])
    assert cut.noise.shape == (1, 1, 2, 4)
    assert cut.matrix is batch.matrix
    assert isinstance(cut, Batch)


def test_every_tensor_is_mapped_and_moved() -> None:
    batch = Batch.stacked([Sample.of(PICTURE, PICTURE)])
    doubled = batch.mapped(lambda tensor: 2 * tensor)
    assert torch.equal(doubled.target, 2 * batch.target)
    assert doubled.paired == 2
    assert doubled.source is None
    assert batch.to(torch.device("meta")).noise.device.type == "meta"
