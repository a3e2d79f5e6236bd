"""Where a model lies compiled in the cache, pictures need no torch and come out the same."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restore_cli.engine import warm
from restore_cli.engine.restorer import Restorer
from restore_cli.engine.warm import WarmRestorer, recall
from restore_cli.engine.windows import Pixels
from restore_cli.errors import RestoreError
from restore_cli.models import zoo
from restore_cli.networks.barycenter_unet import BarycenterUNet
from restore_cli.networks.base import Network
from restore_cli.networks.guided_unet import GuidedUNet
from restore_cli.networks.unet import UNet

pytest.importorskip("openvino", reason="needs the extra [fast]")
HOW = {"device": "cpu", "precision": "auto", "backend": "auto"}
PHOTO = Path(__file__).parents[2] / "examples/photos"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORE_CACHE_DIR", str(tmp_path / "cache"))


def _network() -> Network:
    torch.manual_seed(0)
    network = UNet(widths=(8, 8), depths=(1, 1), global_context=3)
    torch.nn.init.normal_(network.tail.weight, std=0.05)
    return network


def _image(height: int = 96, width: int = 130) -> Pixels:
    return np.random.default_rng(0).random((3, height, width), np.float32)


def _never() -> Restorer:
    raise AssertionError("torch is not needed")


@pytest.mark.parametrize("tile", ["auto", 128])
def test_a_warm_restorer_gives_the_bytes_of_a_full_one(tile: int | str) -> None:
    told: list[tuple[int, int]] = []
    full = Restorer(_network(), **HOW, tile=tile, identity="a")  # type: ignore[arg-type]
    expected = full(_image(150, 230))
    known = recall("a", **HOW)
    assert known is not None
    fast = WarmRestorer(known, _never, tile=tile, progress=lambda *px: told.append(px))  # type: ignore[arg-type]
    found = fast(_image(150, 230))
    np.testing.assert_array_equal(found.image, expected.image)
    how = (found.tile, found.device, found.precision, found.notes, found.backend)
    assert how == (expected.tile, "cpu", expected.precision, expected.notes, "openvino")
    assert found.details == expected.details == {}
    assert told[-1] == (150 * 230, 150 * 230)


def test_a_large_picture_needs_no_torch_once_windows_were_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("restore_cli.engine.ways.LARGE", 20_000)
    monkeypatch.setattr("restore_cli.engine.tile_cost.SIDES", (64, 96))
    image = _image(150, 230)
    Restorer(_network(), **HOW, identity="a")(_image(90, 90))  # type: ignore[arg-type]
    known = recall("a", **HOW)
    assert known is not None
    assert not known.costs
    full = Restorer(_network(), **HOW, identity="a")  # type: ignore[arg-type]
    built: list[int] = []
    expected = WarmRestorer(known, lambda: built.append(1) or full)(image)  # type: ignore[func-returns-value]
    assert built == [1]
    known = recall("a", **HOW)
    assert known is not None
    found = WarmRestorer(known, _never)(image)
    np.testing.assert_array_equal(found.image, expected.image)
    assert (found.tile, found.notes) == (expected.tile, expected.notes)
    # A small picture after it does not forget them.
    Restorer(_network(), **HOW, identity="a")(_image(90, 90))  # type: ignore[arg-type]
    later = recall("a", **HOW)
    assert later is not None
    assert later.costs == known.costs


def test_pictures_together_have_the_bytes_of_each_alone() -> None:
    full = Restorer(_network(), **HOW, identity="a")  # type: ignore[arg-type]
    images = [_image(70, 90) * share for share in np.float32([1, 0.5, 0.1])]
    expected = [full(image) for image in images]
    known = recall("a", **HOW)
    assert known is not None
    told: list[tuple[int, int]] = []
    fast = WarmRestorer(known, _never, progress=lambda *px: told.append(px))
    for one, other in zip(fast.several(images), expected, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        assert (one.precision, one.notes, one.backend) == (other.precision, (), "openvino")
    assert told == [(6300, 6300)] * 3
    images[1][0, 0, 0] = np.nan
    with pytest.raises(RestoreError, match="not finite"):
        WarmRestorer(known, lambda: full).several(images)


def test_what_is_out_of_the_ordinary_is_left_to_the_full_one() -> None:
    full = Restorer(_network(), **HOW, identity="a")  # type: ignore[arg-type]
    full(_image())
    known = recall("a", **HOW)
    assert known is not None
    built: list[int] = []
    for image, told in (
        (_image(40, 90), {}),
        (_image(), {"strength": 0.5}),
        (_image(), {"tta": True}),
    ):
        fast = WarmRestorer(known, lambda: built.append(1) or full)  # type: ignore[func-returns-value]
        found = fast(image, **told)
        np.testing.assert_array_equal(found.image, full(image, **told).image)
    assert len(built) == 3


def test_another_model_machine_or_wish_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    Restorer(_network(), **HOW, identity="a")(_image())  # type: ignore[arg-type]
    assert recall("a", **HOW) is not None
    assert recall("b", **HOW) is None
    for other in ({"backend": "torch"}, {"precision": "fp16"}, {"device": "cuda"}):
        assert recall("a", **{**HOW, **other}) is None
    monkeypatch.setattr(warm, "_may_have_accelerator", lambda: True)
    assert recall("a", **{**HOW, "device": "auto"}) is None
    assert recall("a", **HOW) is not None
    monkeypatch.setenv("OMP_NUM_THREADS", "77")
    assert recall("a", **HOW) is None


def _guided() -> Network:
    network = GuidedUNet(
        widths=(8, 8), depths=(1, 1), quantity="stops", sources=("rain", "haze"), relight=True,
        bins=6, exposure=0.46,
    )  # fmt: skip
    torch.nn.init.normal_(network.body.tail.weight, std=0.02)
    assert network.classifier is not None
    torch.nn.init.normal_(network.classifier.weight, std=0.05)
    return network


def _all_in_one() -> Network:
    network = BarycenterUNet(
        widths=(8, 8), depths=(1, 1), sources=("rain", "haze"), global_context=3
    )
    torch.nn.init.normal_(network.unet.tail.weight, std=0.05)
    assert network.means is not None
    torch.nn.init.normal_(network.means.weight)
    return network


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (_guided, {"level", "degradation", "degradations"}),
        (_all_in_one, {"degradation", "degradations"}),
    ],
)
def test_what_a_network_tells_of_a_picture_is_told_without_torch(
    build: Callable[[], Network], told: set[str]
) -> None:
    torch.manual_seed(0)
    network = build()
    exact = Restorer(network, device="cpu")
    full = Restorer(network, **HOW, identity="a")  # type: ignore[arg-type]
    images = [_image(128, 96) * share for share in np.float32([1, 0.1])]
    expected = [full(image) for image in images]
    assert set(expected[0].details) == told
    assert expected[0].details != expected[1].details
    assert expected[0].details["degradation"] == exact(images[0]).details["degradation"]
    known = recall("a", **HOW)
    assert known is not None
    fast = WarmRestorer(known, _never)
    for found in ([fast(image) for image in images], fast.several(images)):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.image, other.image)
            assert one.details == other.details


def test_a_damaged_cache_is_no_reason_to_fail(tmp_path: Path) -> None:
    Restorer(_network(), **HOW, identity="a")(_image())  # type: ignore[arg-type]
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert recall("a", **HOW) is None


_CODE = """
import sys
from restore_cli.__main__ import main
code = main(sys.argv[1:])
print("torch" in sys.modules, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("name", "model"), [("derain", ""), ("lowlight", ""), ("auto", ""), ("auto", "auto")]
)
def test_the_second_command_imports_no_torch(tmp_path: Path, name: str, model: str) -> None:
    if name not in {entry.name for entry in zoo.entries()}:
        pytest.skip(f"{name} is not shipped")
    Image.open(sorted(PHOTO.glob("*.jpg"))[0]).resize((160, 120)).save(tmp_path / "a.png")
    outputs: list[bytes] = []
    records: list[dict[str, object]] = []
    for expected in ("True", "False"):
        named = ["--task", name, *(["--model", model] if model else [])]
        words = ["infer", "a.png", *named, "--device", "cpu", "--json", "--overwrite"]
        done = subprocess.run(
            [sys.executable, "-c", _CODE, *words],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines()[-1] == expected
        outputs.append((tmp_path / f"a-{name}.png").read_bytes())
        told = json.loads(done.stdout.splitlines()[0])
        records.append({key: value for key, value in told.items() if key != "seconds"})
    assert outputs[0] == outputs[1]
    assert records[0] == records[1]
