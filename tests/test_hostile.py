"""Values and files that claim too much, from the command line: named, with a cure, no traceback."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from restore_cli.__main__ import main
from restore_cli.images.leftovers import temporary_name
from restore_cli.models import zoo
from restore_cli.networks.nafnet import NAFNet
from restore_cli.networks.unet import UNet
from restore_cli.recipe import Recipe
from restore_cli.transport.correction import FORMAT

TINY = Path(__file__).with_name("tiny.toml")
Told = Callable[..., str]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for seed in range(4):
        pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8)
        Image.fromarray(pixels).save(f"photos/{seed}.png")


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs a command that must be refused, and gives what it said."""

    def run(*words: str) -> str:
        code = main(words)
        err = capsys.readouterr().err
        assert code in (1, 2), err
        assert "unexpected" not in err
        assert err.startswith("error: ") or "\nerror: " in err
        return err

    return run


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("infer", "photos", "--task", "denoise", "--tile", "9" * 5000), "--tile"),
        (("isp", "photos/0.png", "--white", "1e12"), "white"),
        (("infer", "/proc/self/maps", "--task", "denoise"), "/proc/self/maps"),
        (("infer", "/proc/self/mem", "--task", "denoise", "-o", "x.png"), "/proc/self/mem"),
        (
            ("eval", "photos", "photos", "--baseline", "/dev/zero", "--max-drop", "psnr=1"),
            "/dev/zero",
        ),
        (("models", "show", "/dev/zero"), "/dev/zero"),
    ],
)
def test_options_beyond_all_bounds(words: tuple[str, ...], name: str, told: Told) -> None:
    assert name in told(*words)


@pytest.mark.parametrize(
    "change",
    [
        "data.batch=100_000_000",
        "data.workers=1_000_000_000",
        "network.widths=[1_000_000_000, 2]",
        "network.depths=[10_000_000, 1]",
        "optim.seed=1_000_000_000_000_000_000_000",
        "optim.lr=1e300",
        "optim.lr=nan",
        "network.widths=[0, 0]",
        'data.mixture=[{ weight = 1.0, steps = [{ name = "gaussian-noise", sigma = [5, nan] }] }]',
        "data.crop=1_000_000_000",
    ],
)
def test_recipes_beyond_all_bounds(change: str, told: Told) -> None:
    Path("r.toml").write_text(Recipe.load(TINY, ["network.noise_map=true"]).dump())
    err = told("train", "r.toml", "-o", "run", "--device", "cpu", "--set", change)
    assert "hint: " in err or change.partition("=")[0] in err


def _foreign(change: str) -> dict[str, Any]:
    shape: dict[str, Any] = {"encoder_blocks": (1, 1), "decoder_blocks": (1, 1)}
    state: dict[str, Any] = NAFNet(width=4, middle_blocks=1, **shape).state_dict()
    match change:
        case "no dimension":
            state["intro.weight"] = torch.tensor(1.0)
        case "no width":
            state["intro.weight"] = torch.zeros(0, 3, 3, 3)
        case "a key is missing":
            del state["encoders.0.0.beta"]
        case "6 GB in 4 bytes":
            state["intro.weight"] = torch.zeros(1).expand(60_000, 3, 3, 3)
        case "100,000 blocks":
            state |= {f"encoders.0.{number}.x": torch.zeros(1) for number in range(100_000)}
        case "text":
            return {"params": {"intro.weight": "text"}}
        case _:
            state = {"params": torch.zeros(3)}
    return state


@pytest.mark.parametrize(
    "change",
    ["no dimension", "no width", "a key is missing", "6 GB in 4 bytes", "100,000 blocks", "text",
     "no table"],
)  # fmt: skip
def test_foreign_checkpoints_that_make_no_network(change: str, told: Told) -> None:
    torch.save(_foreign(change), "x.pth")
    assert "x.pth" in told("infer", "photos", "--model", "x.pth", "-o", "out")


@pytest.mark.parametrize("change", ["patch", "channels", "float8", "nan"])
def test_corrections_that_claim_too_much(change: str, told: Told) -> None:
    known = {"format": FORMAT, "autoencoder": "identity", "sha256": "x", "factor": "1",
             "channels": "3", "patch": "1"}  # fmt: skip
    known |= {
        f"{side}_{what}": "9" for side in ("restored", "natural") for what in ("count", "pictures")
    }
    if change in known:
        known[change] = "1000000000"
    kind = torch.float8_e4m3fn if change == "float8" else torch.float64
    tensors = {}
    for side in ("restored", "natural"):
        tensors[f"{side}.mean"] = torch.full((3,), float("nan" if change == "nan" else 1)).to(kind)
        tensors[f"{side}.scatter"] = torch.eye(3).to(kind)
    save_file(tensors, "look.safetensors", metadata=known)
    assert "look.safetensors" in told("ot-correct", "apply", "look.safetensors", "photos")


@pytest.mark.parametrize("change", ["step", "optimizer", "tensor"])
def test_damaged_checkpoints(change: str, told: Told) -> None:
    recipe = Recipe.load(TINY, ["network.noise_map=true", "optim.steps=2", "optim.warmup=1"])
    Path("r.toml").write_text(recipe.dump())
    words = ("train", "r.toml", "-o", "run", "--device", "cpu", "--quiet")
    assert main(words) == 0
    saved: Any = torch.load("run/checkpoint.pt", weights_only=True)
    if change == "step":
        saved["step"] = "text"
    elif change == "optimizer":
        first = next(iter(saved["optimizers"].values()))[0]
        odd = {"step": torch.zeros(1), "exp_avg": "x"}
        first["state"] = {key: dict(odd) for key in first["state"]}
    else:
        saved = torch.zeros(3)
    torch.save(saved, "run/checkpoint.pt")
    assert "run" in told(*words, "--set", "optim.steps=4")


def test_nothing_is_downloaded_unless_allowed(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    err = told(
        "ot-correct", "fit", "photos", "photos", "-o", "l.safetensors", "--vae", "evil/model"
    )
    assert "evil/model" in err
    err = told("eval", "photos", "photos", "--metrics", "latent-w2", "--vae", "evil/model")
    assert "evil/model" in err


def test_a_name_with_a_line_end_stands_on_one_line(told: Told) -> None:
    name = "a\nerror: no.png"
    Path("odd").mkdir()
    (Path("odd") / name).write_bytes(b"broken")
    for words in (("odd",), (f"odd/{name}",)):
        err = told("infer", *words, "--task", "denoise", "-o", "out")
        assert r"a\nerror: no.png" in err
        assert "\nerror: no.png" not in err


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space")
def test_little_address_space_is_told_in_words() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "restore_cli", "infer", "photos", "--task", "denoise", "-o", "out"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20)),
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "memory" in done.stderr


@pytest.mark.slow
def test_eight_processes_share_one_folder(tmp_path: Path) -> None:
    network = UNet(widths=(4, 8), depths=(1, 1), noise_map=True)
    zoo.export(Path("tiny"), network, Recipe.load(TINY, ["network.noise_map=true"]), "# x\n")
    Path("out").mkdir()
    (Path("out") / temporary_name()).write_bytes(b"of this process, which lives")
    words = ["infer", "photos", "--model", "tiny", "-o", "out", "--skip-existing", "--json"]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "restore_cli", *words, "--device", "cpu"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(8)
    ]
    done: list[str] = []
    for process in started:
        out, _ = process.communicate(timeout=500)
        assert process.returncode == 0
        lines = [json.loads(line) for line in out.splitlines()]
        assert {one["status"] for one in lines if "status" in one} <= {"done", "skipped"}
        done += [one["input"] for one in lines if one.get("status") == "done"]
    assert sorted(done) == [f"photos/{number}.png" for number in range(4)]
    book = (Path("out") / ".restore-manifest.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["output"] for line in book) == [f"{n}.png" for n in range(4)]
    assert len(list(Path("out").glob(".restore-*.tmp"))) == 1
