"""The examples of examples/python, each as its reader runs it."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "python"


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the examples, in a folder of its own."""
    return shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))


def _run(folder: pathlib.Path, *arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    # No credentials, no cluster and no home of whoever runs the tests.
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1", "PYTHONUTF8": "1"}
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
    return subprocess.run(
        [sys.executable, "-B", *arguments],
        cwd=folder,
        env=environment,
        input=answer,
        capture_output=True,
        text=True,
        timeout=120,
    )


PROGRAMS = {
    "quickstart.py": ["create role connections-role-test", "9 passed", "planning again: 0 steps", "revoked: 0 steps left"],
    "progress.py": ["reader: 3 steps", "queue: 3 of 3 done", "uploads: 3 of 3 done"],
    "interrupt.py": ["interrupted after 1 of 4 steps", "left behind: remaining", "gone on from there", "3 of 3 steps"],
    "notebook.py": [],
}


def test_every_example_is_run_and_is_in_the_table() -> None:
    there = {path.name for path in EXAMPLES.glob("*.py")}
    assert there == {*PROGRAMS, "deploy.py", "test_tooling.py"}
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in table for name in there)


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_runs_and_says_what_it_does(folder: pathlib.Path, name: str) -> None:
    ended = _run(folder, name)
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    for words in PROGRAMS[name]:
        assert words in ended.stdout, ended.stdout


def test_the_tests_of_the_tooling_pass(folder: pathlib.Path) -> None:
    ended = _run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_tooling.py")
    assert "5 passed" in ended.stdout, ended


@pytest.mark.parametrize(
    ("arguments", "answer", "code", "said"),
    [
        (["grant.yaml", "--simulated", "--yes"], "", 0, "create role connections-role-test"),
        (["grant.yaml", "--simulated"], "y\n", 0, "create role connections-role-test"),
        (["grant.yaml", "--simulated"], "n\n", 3, "create role connections-role-test"),
        (["grant.yaml", "--simulated"], "", 3, "create role connections-role-test"),
        ([], "", 2, "usage"),
        (["missing.yaml", "--simulated"], "", 1, "not_found"),
        (["typo.yaml", "--simulated"], "", 1, "did you mean `serviceAccount`"),
        (["grant.yaml", "--region", "ca-central-1"], "", 1, "credentials: cluster devops_aurora: no usable AWS"),
    ],
    ids=str,
)
def test_the_deployment_script(folder: pathlib.Path, arguments: list[str], answer: str, code: int, said: str) -> None:
    (folder / "typo.yaml").write_text("cluster: a\nserviceAcount: b/c\nrole: d\n")
    ended = _run(folder, "deploy.py", *arguments, answer=answer)
    assert ended.returncode == code, ended
    assert said in ended.stdout + ended.stderr, ended
    assert "Traceback" not in ended.stderr, ended.stderr
