"""Finding published weights without a network, and saying what is missing."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from restore_cli.errors import RestoreError
from restore_cli.evaluation.weights import (
    EXTRA_HINT,
    Published,
    as_torch_hub,
    find,
    fingerprint,
    require,
)

NET = Published("net-01234567.pth", "https://example.invalid/net-01234567.pth")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Path]:
    """An empty folder as torch.hub's own."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    yield tmp_path / "hub"
    torch.hub.set_dir(before)


def _save(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"weight": torch.arange(3.0)}, path)
    return path


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(RestoreError, match="lpips needs the Python package no_such_thing") as error:
        require("no_such_thing", metric="lpips")
    assert error.value.hint == EXTRA_HINT == 'pip install "restore-cli[perceptual]"'


def test_a_package_whose_own_import_is_missing_names_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_there.py").write_text("import no_such_thing\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RestoreError, match="package no_such_thing"):
        require("half_there", metric="fid")


def test_a_broken_package_is_an_error_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "raise RuntimeError('operator torchvision::nms does not exist')\n"
    (tmp_path / "built_for_another_torch.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        RestoreError, match=r"cannot be imported: operator torchvision::nms"
    ) as told:
        require("built_for_another_torch", metric="lpips")
    assert "builds of torch and torchvision that belong together" in (told.value.hint or "")


def test_what_is_there_is_imported() -> None:
    require("json", metric="lpips")


@pytest.mark.parametrize("place", [NET.name, f"checkpoints/{NET.name}"])
def test_weights_are_found_in_a_folder(tmp_path: Path, place: str) -> None:
    path = _save(tmp_path / place)
    assert find(NET, tmp_path, metric="x") == path


def test_weights_are_found_as_a_file_and_in_torch_hubs_folder(tmp_path: Path, hub: Path) -> None:
    path = _save(tmp_path / NET.name)
    assert find(NET, path, metric="x") == path
    earlier = _save(hub / "checkpoints" / NET.name)
    assert find(NET, None, metric="x") == earlier


@pytest.mark.parametrize("given", ["folder", "other.pth", "nowhere", None])
def test_missing_weights_name_the_file_and_where_it_is_to_be_had(
    tmp_path: Path, hub: Path, given: str | None
) -> None:
    (tmp_path / "folder").mkdir()
    _save(tmp_path / "other.pth")
    folder = hub if given is None else tmp_path / given
    with pytest.raises(RestoreError) as caught:
        find(NET, None if given is None else folder, metric="lpips")
    assert str(caught.value) == f"lpips needs the weights {NET.name}, which are not in {folder}"
    assert NET.url in (caught.value.hint or "")


@pytest.mark.parametrize("content", ["nothing", "text", "code"])
def test_damaged_and_unsafe_files_are_refused(tmp_path: Path, content: str) -> None:
    if content == "code":  # unpickling it would call a constructor of its choice
        torch.save({"path": Path()}, tmp_path / NET.name)
    else:
        (tmp_path / NET.name).write_bytes(b"no checkpoint" if content == "text" else b"")
    with pytest.raises(RestoreError, match=r"net-01234567\.pth is not the published .* damaged"):
        find(NET, tmp_path, metric="x")


def test_the_fingerprint_says_when_a_name_promises_another_hash(tmp_path: Path) -> None:
    path = _save(tmp_path / NET.name)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert fingerprint(path) == f"{NET.name}, sha256 {digits}, not as published"
    honest = path.rename(tmp_path / f"net-{digits}.pth")
    assert fingerprint(honest) == f"net-{digits}.pth, sha256 {digits}"
    plain = honest.rename(tmp_path / "alex.pth")
    assert fingerprint(plain) == f"alex.pth, sha256 {digits}"


@pytest.mark.parametrize("links", [True, False])
def test_torch_hub_takes_the_file_for_its_own(
    tmp_path: Path, hub: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _save(tmp_path / "renamed.pth")
    if not links:

        def refuse(*_: object) -> None:
            raise OSError("no links here")

        monkeypatch.setattr(Path, "symlink_to", refuse)
    with as_torch_hub(path, NET):
        state = torch.hub.load_state_dict_from_url(NET.url, check_hash=True)
    assert state["weight"].tolist() == [0.0, 1.0, 2.0]
    assert Path(torch.hub.get_dir()) == hub
    assert path.is_file()


def test_torch_hubs_folder_comes_back_after_an_error(tmp_path: Path, hub: Path) -> None:
    path = _save(tmp_path / NET.name)
    with pytest.raises(KeyError), as_torch_hub(path, NET):
        raise KeyError
    assert Path(torch.hub.get_dir()) == hub
