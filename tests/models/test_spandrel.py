"""Foreign networks behind a fake of spandrel's descriptor, and spandrel itself if it is there."""

import importlib
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Protocol, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore_cli.engine.restorer import Restorer
from restore_cli.engine.tiling import mirror, round_up, spans
from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.models.spandrel import SpandrelNetwork, adopt


class Tiling(Enum):
    SUPPORTED = 1
    DISCOURAGED = 2


class Enlarge(nn.Module):
    """Repeats every pixel and halves it, with a weight to load."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.factor = nn.Parameter(torch.tensor([0.5]))

    def forward(self, image: Tensor) -> Tensor:
        return self.factor * F.interpolate(image, scale_factor=self.scale, mode="nearest")


class Descriptor:
    """As much of spandrel's `ImageModelDescriptor` as is asked for."""

    def __init__(self, **changes: object) -> None:
        self.purpose = "SR"
        self.input_channels = self.output_channels = 3
        self.scale = 2
        self.supports_half, self.supports_bfloat16 = False, True
        self.size_requirements = SimpleNamespace(minimum=0, multiple_of=1, square=False)
        self.tiling = Tiling.SUPPORTED
        self.architecture = SimpleNamespace(id="Enlarge", name="Enlarge")
        for name, value in changes.items():
            assert hasattr(self, name)
            setattr(self, name, value)
        self.model = Enlarge(self.scale)
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, image: Tensor) -> Tensor:
        assert image.shape[0] == 1
        assert image.is_contiguous()
        self.seen.append(tuple(image.shape))
        return self.model(image).clamp(0, 1)


def test_what_a_descriptor_says_becomes_the_facts_of_a_network() -> None:
    needs = SimpleNamespace(minimum=40, multiple_of=8, square=False)
    made = SpandrelNetwork(Descriptor(size_requirements=needs, tiling=Tiling.DISCOURAGED))
    info = made.info
    assert (info.scale, info.multiple, info.smallest, info.whole) == (2, 8, 40, True)
    assert info.formats == ("fp32", "bf16")
    assert info.foreign
    assert made.architecture == "Enlarge"
    assert sum(p.numel() for p in made.parameters()) == 1


@pytest.mark.parametrize(
    ("architecture", "told", "grid"),
    [
        ("Enlarge", {}, 1),
        ("FBCNN", {}, 8),
        ("SCUNet", {"window_size": 8}, 64),
        ("DAT", {"split_size": [8, 16]}, 16),
        ("GRL", {"window_size": (8, 8), "stripe_size": [12, None]}, 24),
        ("Odd", {"window_size": 7, "split_size": [32]}, 1),
    ],
)
def test_blocks_that_a_network_does_not_tell_are_met_by_windows(
    architecture: str, told: dict[str, object], grid: int
) -> None:
    kind = SimpleNamespace(id=architecture, name=architecture)
    descriptor = Descriptor(architecture=kind, scale=1)
    for name, value in told.items():
        setattr(descriptor.model, name, value)
    network = SpandrelNetwork(descriptor)
    assert (network.info.multiple, network.info.grid, network.info.block) == (1, grid, grid)
    image = torch.rand(3, 150, 301)
    Restorer(network, device="cpu")(image)
    assert descriptor.seen[-1] == (1, 3, 150, 301)  # what was before counts bytes
    restored = Restorer(network, device="cpu", tile=128, overlap=16)(image)
    window = descriptor.seen[-1]
    assert descriptor.seen[-6:] == [window] * 6
    assert window[2] < 150
    assert [side % grid for side in window[2:]] == [0, 0]
    torch.testing.assert_close(restored.image, image / 2)


def test_a_grey_network_restores_each_channel_by_itself() -> None:
    descriptor = Descriptor(input_channels=1, output_channels=1, scale=1, purpose="Restoration")
    image = torch.rand(2, 3, 5, 7)
    torch.testing.assert_close(SpandrelNetwork(descriptor)(image), image / 2)
    assert descriptor.seen == [(1, 1, 5, 7)] * 6


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"purpose": "Inpainting"}, "for Inpainting"),
        ({"purpose": "FaceSR"}, "for FaceSR"),
        ({"input_channels": 4}, "takes 4 channels and gives 3"),
    ],
)
def test_a_network_for_something_else_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RestoreError, match=said):
        SpandrelNetwork(Descriptor(**changes))


def test_a_level_is_refused() -> None:
    with pytest.raises(ValueError, match="takes no level"):
        SpandrelNetwork(Descriptor())(torch.rand(1, 3, 4, 4), torch.tensor([0.1]))


class FakeError(Exception):
    pass


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Tensor]]:
    """A spandrel that knows one network, and keeps the tensors that it was asked about."""
    asked: list[dict[str, Tensor]] = []

    class ModelLoader:
        def load_from_state_dict(self, state: dict[str, Tensor]) -> Descriptor:
            asked.append(state)
            if "huge" in state:
                nn.Linear(2**16, 2**16)
            if "factor" not in state:
                raise FakeError
            descriptor = Descriptor()
            descriptor.model.load_state_dict(state)
            return descriptor

    module = ModuleType("spandrel")
    vars(module).update(
        ModelLoader=ModelLoader,
        UnsupportedModelError=FakeError,
        canonicalize_state_dict=lambda state: state,
    )
    monkeypatch.setitem(sys.modules, "spandrel", module)
    return asked


def test_a_checkpoint_is_adopted_in_float32(fake: list[dict[str, Tensor]]) -> None:
    made = adopt({"factor": torch.tensor([0.25], dtype=torch.float16)})
    assert fake[0]["factor"].dtype == torch.float32
    torch.testing.assert_close(made(torch.ones(1, 3, 2, 2)), torch.full((1, 3, 4, 4), 0.25))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"a": torch.zeros(1)}, "of no network that is known here or to spandrel"),
        ({"factor": torch.zeros(2)}, "named like a known network, but make none"),
        ({"huge": torch.zeros(1)}, "the network is too large"),
    ],
)
def test_what_makes_no_network_is_said(
    state: dict[str, Tensor], said: str, fake: list[dict[str, Tensor]]
) -> None:
    with pytest.raises(RestoreError, match=said):
        adopt(state)
    assert fake


def test_without_the_extra_one_line_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(RestoreError, match="not of a network known here") as caught:
        zoo.load(str(tmp_path / "a.pth"))
    assert 'pip install "restore-cli[zoo]"' in (caught.value.hint or "")
    assert "\n" not in caught.value.message


def test_a_spandrel_that_cannot_be_imported_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> ModuleType:
        raise RuntimeError("operator torchvision::nms does not exist\nmore")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(RestoreError, match="nms does not exist") as caught:
        adopt({"a": torch.zeros(1)})
    assert "torchvision that matches torch" in (caught.value.hint or "")


def test_a_file_of_a_foreign_network_restores_a_picture(
    fake: list[dict[str, Tensor]], tmp_path: Path
) -> None:
    torch.save({"params": {"module.factor": torch.tensor([0.5])}}, tmp_path / "x2.pth")
    model = zoo.load(str(tmp_path / "x2.pth"))
    assert (model.name, model.architecture, model.recipe) == ("x2", "Enlarge", None)
    image = torch.rand(3, 70, 90)
    restored = Restorer(model.network, device="cpu", tile=64, overlap=16)(image)
    assert restored.details == {"scale": 2}
    expected = image.repeat_interleave(2, 1).repeat_interleave(2, 2) / 2
    torch.testing.assert_close(restored.image, expected)


class Library(Protocol):
    """The part of spandrel that the tests use."""

    def ModelLoader(self) -> Any: ...  # noqa: ANN401, N802


# With the real one: networks from its own constructors, small, with random weights.
MADE: dict[str, tuple[int, dict[str, Any]]] = {
    "NAFNet": (1, {"width": 8, "middle_blk_num": 1, "enc_blk_nums": [1, 1],
        "dec_blk_nums": [1, 1]}),
    "SCUNet": (1, {"config": [2] * 7, "dim": 64}),
    "SwinIR": (2, {"img_size": 32, "window_size": 8, "embed_dim": 24, "depths": [2, 2],
        "num_heads": [6, 6], "upscale": 2, "upsampler": "pixelshuffle", "mlp_ratio": 2.0}),
    "DRUNet": (1, {"in_nc": 4, "out_nc": 3, "nc": [8, 16, 16, 24], "nb": 2}),
    "FBCNN": (1, {"nc": [8, 16, 16, 512], "nb": 2}),
    "GRL": (1, {"img_size": 64, "embed_dim": 24, "depths": [2, 2], "num_heads_window": [2, 2],
        "num_heads_stripe": [2, 2], "mlp_ratio": 2.0}),
    "DAT": (4, {"embed_dim": 24, "split_size": [2, 4], "depth": [2], "num_heads": [2],
        "expansion_factor": 2.0, "upscale": 4}),
    "HAT": (2, {"img_size": 64, "window_size": 16, "embed_dim": 60, "depths": (2,),
        "num_heads": (6,), "upscale": 2, "mlp_ratio": 2.0}),
    "ESRGAN": (4, {"num_filters": 16, "num_blocks": 2, "scale": 4}),
    "DnCNN": (1, {"in_nc": 1, "out_nc": 1, "nc": 16, "nb": 8, "act_mode": "BR"}),
}  # fmt: skip


@pytest.fixture(scope="session")
def spandrel() -> Library:
    try:
        return cast("Library", importlib.import_module("spandrel"))
    except Exception as error:
        pytest.skip(f"spandrel cannot be imported here: {error}")


@pytest.fixture(params=MADE)
def checkpoint(
    request: pytest.FixtureRequest, spandrel: Library, tmp_path: Path
) -> tuple[str, Path, Callable[[Tensor], Tensor]]:
    """A name, a file, and what spandrel makes of a picture with it."""
    name = request.param
    torch.manual_seed(0)
    package = importlib.import_module(f"spandrel.architectures.{name}")
    network = getattr(package, name)(**MADE[name][1])
    with torch.no_grad():
        for value in network.parameters():
            value.add_(0.02 * torch.randn_like(value))
    path = tmp_path / f"{name}.pth"
    torch.save({"params": network.state_dict()}, path)
    return name, path, spandrel.ModelLoader().load_from_file(path).eval()


def _difference(one: Tensor, other: Tensor) -> float:
    assert one.shape == other.shape
    return float((one - other).abs().max())


def _by_channels(name: str, theirs: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """A grey network sees the channels one by one."""
    planes = image[:, None] if name == "DnCNN" else image[None]
    result = torch.cat([theirs(one[None]) for one in planes])
    return result.reshape(3, *result.shape[-2:])


def test_a_real_network_agrees_with_spandrel(
    checkpoint: tuple[str, Path, Callable[[Tensor], Tensor]], record_property: Callable[..., None]
) -> None:
    name, path, theirs = checkpoint
    model = zoo.load(str(path))
    assert model.architecture in (name, name.lower())
    assert model.network.info.scale == MADE[name][0]
    # Of one that this program has itself, the code is its own.
    assert model.network.info.foreign == (name != "NAFNet")
    image = torch.rand(3, 64, 128, generator=torch.Generator().manual_seed(1))
    expected = _by_channels(name, theirs, image)
    assert float(expected.std()) > 1e-3
    found = Restorer(model.network, device="cpu", precision="fp32")(image).image
    worst = _difference(found, expected)
    record_property("difference", worst)
    assert worst <= 1e-5


def test_a_real_network_runs_in_tiles_and_at_odd_sizes(
    checkpoint: tuple[str, Path, Callable[[Tensor], Tensor]], record_property: Callable[..., None]
) -> None:
    name, path, theirs = checkpoint
    scale = MADE[name][0]
    model = zoo.load(str(path))
    image = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(1))
    smooth = F.interpolate(image[None], (150, 203), mode="bicubic", align_corners=False)
    image = smooth[0].clamp(0, 1)
    whole = Restorer(model.network, device="cpu", precision="fp32", tile="none")(image)
    tiled = Restorer(model.network, device="cpu", precision="fp32", tile=128, overlap=32)(image)
    assert tiled.tile is not None
    assert whole.image.shape == tiled.image.shape == (3, 150 * scale, 203 * scale)
    record_property("tiles", _difference(whole.image, tiled.image))
    record_property("tiles mean", float((whole.image - tiled.image).abs().mean()))
    if not model.network.info.whole:
        assert float((whole.image - tiled.image).abs().mean()) < 0.02
    # Where the first window stands alone, the result is what spandrel makes of that window.
    block = model.network.info.block
    sides = [spans(round_up(side, block), 128, 32, block) for side in image.shape[1:]]
    (bottom, right), (rows, columns) = zip(
        *((axis[0].stop, scale * axis[1].fade_start) for axis in sides), strict=True
    )
    window = image[:, mirror(150, block)[:bottom]][:, :, :right]
    expected = _by_channels(name, theirs, window)[:, :rows, :columns]
    assert _difference(tiled.image[:, :rows, :columns], expected) <= 1e-5
    tiny = Restorer(model.network, device="cpu", precision="fp32")(image[:, :1, :3])
    assert tiny.image.shape == (3, scale, 3 * scale)
