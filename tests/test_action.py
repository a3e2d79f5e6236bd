"""The GitHub action's steps, run as a runner runs them, and the snippets in the docs."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from eval_sets import sets

yaml = pytest.importorskip("yaml", reason="pyyaml comes with the extra [docs]")

ROOT = Path(__file__).parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")


def snippet(file: str) -> dict[str, Any]:
    """What the page says to put into a file."""
    (block,) = re.findall(
        rf"^```yaml\n# {re.escape(file)}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL
    )
    return yaml.safe_load(block)


def filled(text: str, inputs: dict[str, str]) -> str:
    """What a runner makes of `${{ inputs.name }}`."""
    return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], text)


def act(folder: Path, **given: str) -> tuple[int, str]:
    """Run the steps that have a condition that holds; gives the exit code and the summary."""
    inputs = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()}
    inputs |= {name.replace("_", "-"): value for name, value in given.items()}
    assert all(inputs[name] for name, one in ACTION["inputs"].items() if one.get("required"))
    summary = folder / "step-summary"
    summary.write_text("before\n")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for step in ACTION["runs"]["steps"]:
        if step.get("if") == "inputs.install != 'none'" and inputs["install"] == "none":
            continue
        environment = {name: filled(value, inputs) for name, value in step["env"].items()}
        # As GitHub starts `shell: bash`.
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", filled(step["run"], inputs)],
            cwd=folder,
            env={
                **os.environ,
                "PATH": path,
                "PYTHONPATH": str(ROOT),
                "GITHUB_STEP_SUMMARY": str(summary),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return done.returncode, summary.read_text()
    return 0, summary.read_text()


def test_the_action_makes_a_baseline_passes_the_same_and_stops_what_is_worse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sets("a; echo $HOME `id`", "b")
    same = {"outputs": "good", "reference": "truth", "install": "none"}
    code, summary = act(tmp_path, **same)
    assert code == 0
    assert (tmp_path / "quality.json").is_file()
    assert summary.startswith("before\n## Quality\n")
    code, summary = act(tmp_path, **same)
    assert code == 0
    assert "## Quality: passed" in summary
    code, summary = act(tmp_path, **{**same, "outputs": "worse"})
    assert code == 3
    assert "## Quality: failed" in summary
    kept = {path.name for path in (tmp_path / "quality").iterdir()}
    assert kept == {"numbers.csv", "report.html", "summary.md", "tests.xml"}
    code, _ = act(tmp_path, **{**same, "outputs": "worse"}, max_drop="", max_drop_each="psnr=0.2")
    assert code == 0


def test_inputs_reach_the_shell_only_through_the_environment() -> None:
    """Pasted into the script, an input could hold commands."""
    assert [step["name"] for step in ACTION["runs"]["steps"] if "${{" in step["run"]] == []


def test_the_page_uses_inputs_that_the_action_has() -> None:
    (block,) = re.findall(
        r"^```yaml\n# .github/workflows/quality.yml\n(.*?)^```", PAGE, re.M | re.S
    )
    steps = [step for job in yaml.safe_load(block)["jobs"].values() for step in job["steps"]]
    used = [step["with"] for step in steps if "restore" in step.get("uses", "") and "with" in step]
    assert used
    assert all(set(one) <= set(ACTION["inputs"]) for one in used)


def test_the_workflow_runs_what_is_there() -> None:
    text = (ROOT / ".github" / "workflows" / "check.yml").read_text(encoding="utf-8")
    steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
    commands = [shlex.split(step["run"]) for step in steps if "run" in step]
    found = [command[0] for command in commands]
    assert found == [".ci/run", "pip", "python", *found[3:]]
    assert set(found[3:]) <= {"pip", "python"}
    assert all((ROOT / c[1]).is_file() for c in commands if c[0] == "python")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    _, script, *words = commands[2]
    done = subprocess.run(
        [sys.executable, ROOT / script, words[0], "--help"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "--torch" in words
    assert "--torch" in done.stdout


def test_the_gitlab_job_runs_commands_that_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sets("a")
    Path("restored").symlink_to("good")
    job = snippet(".gitlab-ci.yml")["quality"]
    lines = [line for line in job["script"] if line.startswith("restore eval")]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        ["restore", "eval", "good", "truth", "--save-baseline", "quality.json"],
        check=True, env=environment, capture_output=True,
    )  # fmt: skip
    for line in lines:
        subprocess.run(["sh", "-ec", line], check=True, env=environment, capture_output=True)
    artefacts = job["artifacts"]
    for name in [*artefacts["paths"], artefacts["reports"]["junit"]]:
        assert (tmp_path / name).is_file(), name
