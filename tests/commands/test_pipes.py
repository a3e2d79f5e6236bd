"""Standard input and output, and lists of names."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from restore_cli.batch.pipeline import Result
from restore_cli.commands.pipes import names_from, staged
from restore_cli.errors import RestoreError


def _stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))


def _picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(out, kind)
    return out.getvalue()


def test_standard_input_becomes_a_file_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    _stdin(monkeypatch, _picture("JPEG"))
    with staged(["-"], "-", format="same", json=False) as stage:
        assert stage.source is not None
        assert stage.sink is not None
        assert stage.source.read_bytes() == _picture("JPEG")
        assert (stage.source.suffix, stage.sink.suffix) == (".jpg", ".jpg")
        told = stage.told(Result(stage.source, stage.sink, "failed", f"{stage.source}: broken"))
        assert (str(told.source), str(told.output)) == ("-", "-")
        assert told.error == "standard input: broken"
        folder = stage.source.parent
    assert not folder.exists()


def test_without_dashes_nothing_is_staged() -> None:
    with staged(["a.png"], None, format=None, json=True) as stage:
        assert (stage.inputs, stage.output, stage.source, stage.sink) == (
            ("a.png",),
            None,
            None,
            None,
        )


@pytest.mark.parametrize(
    ("inputs", "output", "json", "words"),
    [
        (["-", "a.png"], "x", False, "name no other inputs"),
        (["-"], None, False, "has no name"),
        (["a.png", "b.png"], "-", False, "for one picture"),
        (["a.png"], "-", True, "both want standard output"),
        (["-"], "x.png", False, "looks like text"),
    ],
)
def test_what_is_refused(
    inputs: list[str],
    output: str | None,
    json: bool,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _stdin(monkeypatch, b"this is text")
    with pytest.raises(RestoreError, match=words), staged(inputs, output, format=None, json=json):
        pass


def test_lists_of_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "names").write_bytes("a b.png\r\n\nдождь.png".encode())
    assert names_from(str(tmp_path / "names"), null=False) == ["a b.png", "дождь.png"]
    _stdin(monkeypatch, b"with\nline.png\0b.png\0")
    assert names_from("-", null=True) == ["with\nline.png", "b.png"]
    _stdin(monkeypatch, b"a.png\0")
    with pytest.raises(RestoreError, match="end with a NUL"):
        names_from("-", null=False)
    _stdin(monkeypatch, b"\n")
    with pytest.raises(RestoreError, match="no name in it"):
        names_from("-", null=False)
    with pytest.raises(RestoreError, match="cannot be read"):
        names_from(str(tmp_path / "gone"), null=False)


def test_lines_without_a_name_are_no_names(tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_bytes(b"\n a.png\r\n   \r\n\t\nb .png \n")
    assert names_from(str(listed), null=False) == [" a.png", "b .png "]
    listed.write_bytes(b"  \0\0a\nb\0")
    assert names_from(str(listed), null=True) == ["  ", "a\nb"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_lists_from_windows_are_read_in_their_encoding(encoding: str, tmp_path: Path) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (tmp_path / "names").write_bytes(f"{mark}é a.png\r\nдождь.png\r\n".encode(encoding))
    assert names_from(str(tmp_path / "names"), null=False) == ["é a.png", "дождь.png"]


def test_a_tga_needs_no_name_to_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    Image.new("RGB", (20, 10), (9, 99, 200)).save(file, "TGA")
    _stdin(monkeypatch, file.getvalue())
    with staged(["-"], "x.png", format=None, json=False) as stage:
        assert Path(stage.inputs[0]).suffix == ".tga"
