"""The cases of tests/conformance, through both clients."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from tests.conformance.cases import only
from tests.conformance.runner import Style, run_case

FOLDER = pathlib.Path(__file__).parents[2] / "tests" / "conformance"


def _load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


INDEX = _load("index.json")
FILES = {name: _load(name) for name in INDEX["files"]}
CASES = [case for file in FILES.values() for case in file["cases"]]


def test_every_case_of_the_index_is_there() -> None:
    only(INDEX, {"formatVersion", "cases", "files", "shorthands", "grants"})
    assert INDEX["formatVersion"] == 1
    assert {path.name for path in FOLDER.iterdir()} - {"README.md", "index.json"} == set(FILES)
    for name, file in FILES.items():
        only(file, {"formatVersion", "theme", "cases"})
        assert (file["formatVersion"], len(file["cases"])) == (1, INDEX["files"][name]), name
    assert len({case["name"] for case in CASES}) == len(CASES) == INDEX["cases"]


@pytest.mark.parametrize("style", ["sync", "async"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(case: dict[str, Any], style: Style) -> None:
    run_case(INDEX, case, style)


@pytest.mark.parametrize(
    "expect",
    [
        {"empty": True},
        {"steps": []},
        {"notices": [{"level": "info", "resource": "x", "contains": "y"}]},
        {"printed": ["no such words"]},
        {"calls": {"iam:GetRole": 7}},
        {"writes": ["iam:CreateRole"]},
        {"world": {"@account/roles/none": 1}},
        {"absent": ["@account/oidcProviders"]},
        {"error": {"kind": "not_found"}},
        {"checks": []},
        {"outcomes": []},
        {"document": {}},
        {"text": ""},
        {"typo": 1},
    ],
    ids=json.dumps,
)
def test_a_wrong_expectation_fails(expect: dict[str, Any]) -> None:
    case = {"name": "x", "steps": [{"do": "plan", "grant": "seed", "expect": expect}]}
    with pytest.raises((AssertionError, ValueError)):
        run_case(INDEX, case, "sync")
