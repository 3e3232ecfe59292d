"""That Python has the words of tests/parity.json, all of them and no others."""

from __future__ import annotations

import dataclasses
import inspect
import json
import pathlib
import typing
from typing import Any

import podrole
from podrole import errors, events, grant, plan, receipt, report
from tests.conformance.runner import ARTIFACTS, camel

PARITY: dict[str, Any] = json.loads((pathlib.Path(__file__).parents[2] / "tests/parity.json").read_text(encoding="utf-8"))


def _fields(record: Any) -> set[str]:
    return {camel(field.name) for field in dataclasses.fields(record)}


def _kinds(union: Any) -> list[str]:
    return [one.__dataclass_fields__["kind"].default for one in typing.get_args(union)]


def test_kinds_and_values() -> None:
    literals = {
        "actions": plan.ActionKind,
        "checks": report.CheckKind,
        "errors": errors.ErrorKind,
        "leftovers": errors.LeftoversState,
    }
    for name, literal in literals.items():
        assert list(typing.get_args(literal)) == PARITY[name], name
    assert _kinds(events.Event) == PARITY["events"]
    assert _kinds(receipt.Outcome) == PARITY["outcomes"]
    values = {
        "manage": grant.Manage,
        "mechanism": grant.Mechanism,
        "noticeLevel": plan.NoticeLevel,
        "policySource": grant.PolicySource,
        "retry": errors.Retry,
        "s3Access": grant.S3Access,
        "scope": grant.Scope,
        "status": report.Status,
        "verb": plan.Verb,
        "workloadKind": grant.WorkloadKind,
    }
    assert {name: list(typing.get_args(literal)) for name, literal in values.items()} == PARITY["values"]


def test_every_kind_of_error_has_a_class_and_a_line_in_the_table() -> None:
    for kind in PARITY["errors"]:
        made = errors.from_payload({"kind": kind, "message": "x"})
        assert made.kind == kind
        assert type(made).__name__ in podrole.__all__
        assert f"| `{type(made).__name__}` | `{kind}` |" in (errors.__doc__ or "")


def test_fields_of_a_grant() -> None:
    records = {
        "cluster": grant.Cluster,
        "dataSyncs[]": grant.DataSync,
        "kustomizations[]": grant.Kustomization,
        "policies[]": grant.Policy,
        "policies[].s3": grant.S3,
        "provider": grant.Provider,
        "role": grant.Role,
        "serviceAccount": grant.ServiceAccount,
        "token": grant.Token,
        "trust": grant.Trust,
        "workloads[]": grant.Workload,
    }
    fields = dict(PARITY["grant"])
    top = set(fields.pop("")) - {"schemaVersion"}
    assert top <= {camel(name) for name in vars(podrole.Grant)}
    assert set(fields) == set(records)
    for path, names in fields.items():
        # The short forms of a policy come on top.
        short = {"awsManaged", "customer"} if path == "policies[]" else set()
        assert _fields(records[path]) == set(names) | short, path


def test_verbs_and_their_options() -> None:
    for client in (podrole.Client, podrole.AsyncClient):
        verbs = {name for name in vars(client) if not name.startswith("_")}
        assert verbs == {*PARITY["client"], "start_apply", "start_revoke", "close"}
        for verb, options in PARITY["client"].items():
            named = inspect.signature(getattr(client, verb)).parameters
            assert {name for name, one in named.items() if one.kind is one.KEYWORD_ONLY} - {"on_event"} == set(options)
    for run in (podrole.Run, podrole.AsyncRun):
        assert {name for name in vars(run) if not name.startswith("_")} == set(PARITY["run"])


def test_pure_functions_have_their_arguments_in_order() -> None:
    assert ARTIFACTS == PARITY["artifacts"]
    for name, arguments in ARTIFACTS.items():
        assert list(inspect.signature(getattr(podrole, name)).parameters) == arguments
