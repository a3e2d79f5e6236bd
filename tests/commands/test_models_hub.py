"""`restore models pull` and `push` through the installed command, with a hub on this machine."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from restore_cli.__main__ import main
from restore_cli.models import zoo

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address where it can be had as owner/name."""
    there = tmp_path / "there"
    there.mkdir()

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            path, headers = self.path.partition("?")[0], {"X-Repo-Commit": COMMIT}
            if path == "/api/models/owner/name/revision/main":
                files = [{"rfilename": one.name} for one in sorted(there.iterdir())]
                data = json.dumps({"id": "owner/name", "sha": COMMIT, "siblings": files}).encode()
            elif path.startswith(f"/owner/name/resolve/{COMMIT}/"):
                data = (there / path.rpartition("/")[2]).read_bytes()
                headers["ETag"] = f'"{hashlib.sha256(data).hexdigest()}"'
            else:
                self.send_error(404)
                return
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield there, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_model_goes_to_the_hub_and_comes_back(
    hub: tuple[Path, str],
    tiny_model: str,
    tmp_path: Path,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("huggingface_hub", reason="needs the extra [hub]")
    there, address = hub
    pushed = start("models", "push", tiny_model, "-o", str(there))
    told = pushed.communicate(timeout=120)[1]
    assert pushed.returncode == 0
    assert "nothing was uploaded" in told
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    pulled = start(
        "models", "pull", "owner/name", "-o", str(tmp_path / "got"), "--allow-download", "--json"
    )
    out, err = pulled.communicate(timeout=120)
    assert pulled.returncode == 0, err
    first, _ = map(json.loads, out.splitlines())
    assert (first["revision"], first["file"]) == (COMMIT, "model.safetensors")
    assert zoo.load(str(tmp_path / "got")).sha256 == zoo.load(tiny_model).sha256


def test_nothing_is_downloaded_unasked(tmp_path: Path, start: Start) -> None:
    process = start("models", "pull", "owner/name", "-o", str(tmp_path / "got"))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "--allow-download" in err
    assert not (tmp_path / "got").exists()


def test_asking_for_nothing_to_be_downloaded_imports_no_library() -> None:
    code = (
        "import sys; from restore_cli.__main__ import main;"
        "main(['models', 'pull', 'owner/name', '-o', 'got']);"
        "sys.exit('torch' in sys.modules or 'huggingface_hub' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, check=False)
    assert done.returncode == 0


def test_a_folder_that_is_not_empty_is_spared(
    tiny_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    assert main(["models", "push", tiny_model, "-o", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["models", "push", tiny_model, "-o", str(tmp_path), "--overwrite"]) == 0
    assert (tmp_path / "mine").read_text() == "mine"
