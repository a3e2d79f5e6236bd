"""The shape of the house: tests mirror the package, files stay small, imports stay readable."""

import ast
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "restore_cli"
TESTS = ROOT / "tests"
# Tests of the repository as a whole; they stand at the top and mirror no module.
WHOLE = {
    "test_layout.py",
    "test_roundtrip.py",
    "test_docs.py",
    "test_examples.py",
    "test_shipped.py",
    "test_blocks.py",
    "test_cases.py",
    "test_dng_formulas.py",
    "test_colours.py",
    "test_mutations.py",
    "test_action.py",
    "test_failing.py",
    "test_fuzz.py",
    "test_hostile.py",
    "test_kills.py",
    "test_suite.py",
    "test_zoo.py",
    "test_vanishing.py",
    "test_manual.py",
}
LONGEST = {"restore_cli": 350}
LONGEST_ELSEWHERE = 400
LONGEST_FUNCTION = 60
"""Lines, docstrings among them; options and help of a command aside."""

MODULES = sorted(PACKAGE.rglob("*.py"))
CHECKED = sorted(
    path
    for folder in ("restore_cli", "tests", "benchmarks", "examples", "scripts")
    for path in (ROOT / folder).rglob("*.py")
)


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def test_every_module_has_its_test_and_every_test_its_module() -> None:
    mirrored = {
        (TESTS / path.relative_to(PACKAGE)).with_name(f"test_{path.stem.strip('_')}.py")
        for path in MODULES
        if path.name != "__init__.py"
    }
    present = {
        path for path in TESTS.rglob("test_*.py") if path.parent != TESTS or path.name not in WHOLE
    }
    # A package's __init__.py may be tested, as test_<package>.py beside its folder's other tests.
    packages = {
        (TESTS / path.parent.relative_to(PACKAGE)) / f"test_{path.parent.name}.py"
        for path in MODULES
        if path.name == "__init__.py"
    }
    assert sorted(map(_relative, mirrored - present)) == [], "modules without a test"
    assert sorted(map(_relative, present - mirrored - packages)) == [], "tests without a module"


def test_every_test_file_tests_something() -> None:
    def has_test(path: Path) -> bool:
        nodes = ast.walk(_tree(path))
        return any(isinstance(n, ast.FunctionDef) and n.name.startswith("test_") for n in nodes)

    assert [_relative(path) for path in TESTS.rglob("test_*.py") if not has_test(path)] == []


def test_every_package_folder_says_what_it_is() -> None:
    folders = {path.parent for path in MODULES}
    missing = [
        _relative(folder)
        for folder in folders
        if not (folder / "__init__.py").exists()
        or not ast.get_docstring(_tree(folder / "__init__.py"))
    ]
    assert missing == []


@pytest.mark.parametrize("path", CHECKED, ids=_relative)
def test_files_stay_readable(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST.get(path.relative_to(ROOT).parts[0], LONGEST_ELSEWHERE)
    assert path.stem not in {"utils", "helpers", "misc", "common"}, "name it after what it holds"


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_functions_stay_readable(path: Path) -> None:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef):
            begin = node.lineno
            if path.parent.name == "commands" and ast.get_docstring(node):
                begin = (node.body[0].end_lineno or 0) + 1
            assert (node.end_lineno or 0) - begin < LONGEST_FUNCTION, f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_modules_import_by_full_name_and_raise_for_users(path: Path) -> None:
    for node in ast.walk(_tree(path)):
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"line {node.lineno}"
        # An assert may tell the type checker something. One with a message is meant for a user,
        # and `python -O` removes it: raise RestoreError instead.
        assert not (isinstance(node, ast.Assert) and node.msg), f"line {node.lineno}"


@pytest.mark.parametrize("module", ["click", "torchvision"])
def test_the_core_never_imports(module: str) -> None:
    pattern = re.compile(rf"^\s*(import|from)\s+{module}\b", re.MULTILINE)
    assert [
        _relative(path) for path in MODULES if pattern.search(path.read_text(encoding="utf-8"))
    ] == []


def test_no_path_of_one_machine_is_committed() -> None:
    personal = re.compile(r"(?<![\w.])/(?:home|Users|root|work)/\w+")
    found = [
        _relative(path)
        for path in [*CHECKED, *ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("models/*/*.*")]
        if path.suffix in {".py", ".md", ".toml"}
        and path.name != "test_layout.py"
        and personal.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_file_takes_from_the_package_is_there(path: Path) -> None:
    """Scripts in benchmarks and scripts run rarely; what they import may have moved since."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.level:
            continue
        home, _, _ = (node.module or "").partition(".")
        if home == PACKAGE.name:
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                assert hasattr(module, alias.name) or importlib.util.find_spec(inside), inside
