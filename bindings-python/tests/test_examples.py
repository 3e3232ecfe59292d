"""The examples, run as a user runs them."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "examples" / "python"


def run(
    *arguments: str, answer: str = "", folder: pathlib.Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run an example in a folder of its own, without credentials or a cluster within reach."""
    return subprocess.run(
        [sys.executable, "-P", "-B", str(FOLDER / arguments[0]), *arguments[1:]],
        input=answer,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true", **environment},
        timeout=120,
    )


def test_every_example_is_named_in_the_readme_and_run_here() -> None:
    named = {path.name for path in FOLDER.glob("*.py")}
    assert named == {"quickstart.py", "deploy.py", "progress.py", "notebook.py", "test_tooling.py"}
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in named)


@pytest.mark.parametrize("columns", ["50", "160"])
def test_quickstart(tmp_path: pathlib.Path, columns: str) -> None:
    done = run("quickstart.py", folder=tmp_path, COLUMNS=columns)
    assert done.returncode == 0, done.stderr
    assert "create role connections-role-test" in " ".join(done.stdout.split())
    assert "sts:AssumeRoleWithWebIdentity" in done.stdout
    assert "a second plan has nothing to do: True" in done.stdout
    assert "✓ 1" in done.stderr


def test_deploy(tmp_path: pathlib.Path) -> None:
    file = str(FOLDER / "grants.yaml")
    refused = run("deploy.py", file, "--simulated", folder=tmp_path)
    assert refused.returncode == 3, refused
    assert "Apply this plan?" in refused.stdout
    applied = run("deploy.py", file, "--simulated", answer="y\n", folder=tmp_path)
    assert applied.returncode == 0, applied
    assert run("deploy.py", folder=tmp_path).returncode == 2
    absent = run("deploy.py", "absent.yaml", folder=tmp_path)
    assert (absent.returncode, "absent.yaml" in absent.stderr) == (1, True)
    (tmp_path / "typo.yaml").write_text("cluster: a\nserviceAcount: b/c\nrole: d\n")
    typo = run("deploy.py", "typo.yaml", folder=tmp_path)
    assert typo.returncode == 1
    assert "line 2" in typo.stderr
    assert "serviceAccount" in typo.stderr
    alone = run("deploy.py", file, "--region", "eu-west-1", folder=tmp_path)
    assert alone.returncode == 1
    assert "remedy: " in alone.stderr, alone


def test_progress(tmp_path: pathlib.Path) -> None:
    done = run("progress.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("<Receipt of apply: 3 of 3 steps done>") == 2


def test_notebook(tmp_path: pathlib.Path) -> None:
    done = run("notebook.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("<table>") == 3


def test_tests_of_ones_own_tooling(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-P", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(FOLDER / "test_tooling.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "3 passed" in done.stdout, done.stdout
