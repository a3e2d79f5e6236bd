"""What may follow some words."""

import os
import subprocess
import sys

import pytest

from restore_cli.models.shipped import TASKS, folders
from restore_cli.offers import offers

MODELS = [folder.name for folder in folders()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("infer --task de", [name for name in TASKS if name.startswith("de")]),
        ("infer --task derain,den", ["derain,denoise"]),
        ("infer --task=der", ["--task=derain"]),
        ("infer --task = der", ["derain"]),
        ("infer --backend =", ["auto", "torch", "openvino"]),
        ("infer --model ", MODELS),
        ("eval a b --metrics psnr,delta", ["psnr,delta-e"]),
        ("infer --backend open", ["openvino"]),
        ("infer --format jp", ["jpg"]),
        ("infer --files", ["--files-from"]),
        ("infer photo", []),
        ("models show de", [name for name in MODELS if name.startswith("de")]),
        ("models ex", ["export"]),
        ("train --set data.cr", ["data.crop="]),
        ("train --init odcr", ["odcr-dehaze", "odcr-published"]),
        ("do", ["doctor"]),
        ("--install-completion z", ["zsh"]),
    ],
)
def test_offers(line: str, offered: list[str]) -> None:
    assert offers(line.split(" ")) == offered


def test_without_words_the_commands_are_offered() -> None:
    assert {"infer", "models", "doctor"} <= set(offers([]))


def test_a_task_costs_neither_torch_nor_the_types() -> None:
    code = (
        "import sys\n"
        "from restore_cli.__main__ import main\n"
        "main(sys.argv[1:])\n"
        "print(sorted({'torch', 'numpy', 'rich', 'pydantic'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "infer", "--task", "d"],
        env={**os.environ, "_RESTORE_COMPLETE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "derain" in done.stdout.split()
    assert done.stderr == "[]\n"
