"""Every Python block of README.md and of docs/ runs; blocks of a page share their names."""

import re
from pathlib import Path

import pytest
from small_raw import write_small_raw

from restore_cli.images.picture import Picture

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- slow -->\n)?^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = {
    page.relative_to(ROOT).as_posix(): BLOCK.findall(page.read_text(encoding="utf-8"))
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
}
PHOTOS = ("astronaut", "chelsea", "coffee")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the blocks speak of, small enough to be quick."""
    for folder, kind in (("restored", "photos"), ("truth", "clean"), ("photos", "clean")):
        (tmp_path / folder).mkdir()
        for name in PHOTOS:
            pixels = Picture.read(ROOT / "examples" / kind / f"{name}.jpg").pixels
            Picture(pixels[100:164, 60:156].copy()).save(tmp_path / folder / f"{name}.png")
    rainy = Picture.read(ROOT / "examples" / "photos" / "coffee.jpg").pixels[100:164, 60:156]
    Picture(rainy.copy()).save(tmp_path / "rainy.jpg")
    write_small_raw(tmp_path / "photo.dng")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(page: str, *, slow: bool) -> None:
    names: dict[str, object] = {"__name__": "block"}
    for mark, code in PAGES[page]:
        if slow or not mark:
            exec(compile(code, page, "exec"), names)


@pytest.mark.parametrize("page", [page for page, blocks in PAGES.items() if blocks])
def test_python_blocks_run(page: str, workplace: Path) -> None:
    assert workplace == Path.cwd()
    _run(page, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page, blocks in PAGES.items() if any(mark for mark, _ in blocks)]
)
def test_slow_python_blocks_run(page: str, workplace: Path) -> None:
    assert workplace == Path.cwd()
    _run(page, slow=True)


def test_the_pages_that_promise_python_have_it() -> None:
    assert len(PAGES["README.md"]) >= 1
    assert len(PAGES["docs/python.md"]) >= 6
