"""Grants, plans, receipts, reports and events as values."""

from __future__ import annotations

import copy
import dataclasses
import enum
import importlib
import inspect
import json
import pathlib
import pickle
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest

import podrole
from podrole._records import Document, Record
from podrole.grant import S3, DataSync, Policy, Role, ServiceAccount, Trust, Workload
from podrole.testing import Memory, World

CLIENT = podrole.Client.in_memory(Memory())


@pytest.fixture
def values(grant: podrole.Grant) -> list[Any]:
    """One of each kind of document."""
    client = podrole.Client.in_memory(Memory())
    plan = client.plan(grant)
    return [grant, plan, client.apply(plan), client.verify(grant), World.seed()]


def test_each_is_equal_to_its_copies_and_to_what_is_read_back(values: list[Any]) -> None:
    for value in values:
        twins = [
            copy.copy(value),
            copy.deepcopy(value),
            pickle.loads(pickle.dumps(value)),
            type(value).from_dict(value.to_dict()),
            type(value).from_json(value.to_json()),
        ]
        for twin in twins:
            assert twin == value
            assert hash(twin) == hash(value)
        assert value != "something else"
        assert len({value, *twins}) == 1


def test_none_can_be_changed(values: list[Any]) -> None:
    for value in values:
        with pytest.raises(AttributeError, match="cannot be changed"):
            value.plan = 1
        with pytest.raises(AttributeError):
            del value._data
        given = value.to_dict()
        given.clear()
        assert value.to_dict() != {}


def test_what_is_inside_is_frozen_and_has_a_dictionary_form(values: list[Any]) -> None:
    _, plan, receipt, report, _ = values
    for one in (*plan.steps, *plan.notices, *receipt.steps, *report.checks, plan.steps[0].target):
        assert type(one).from_dict(one.to_dict()) == one
        assert pickle.loads(pickle.dumps(one)) == one
        with pytest.raises(AttributeError):
            one.summary = "x"
    assert [step.to_dict()["dependsOn"] for step in plan.steps] == [list(step.depends_on) for step in plan.steps]


def test_every_public_value_is_a_frozen_record_or_a_document() -> None:
    others = {
        # They do something, or go on.
        *("Client", "AsyncClient", "Run", "AsyncRun", "Memory", "Stop"),
        # They hold secrets, which a dictionary would show.
        *("AwsCredentials", "BearerToken"),
    }
    seen = set()
    for module in pkgutil.iter_modules(podrole.__path__, "podrole."):
        if module.name.rpartition(".")[2].startswith("_"):
            continue
        for name, one in vars(importlib.import_module(module.name)).items():
            ours = inspect.isclass(one) and one.__module__ == module.name and not name.startswith("_")
            if not ours or issubclass(one, BaseException) or name in others | {"Connection", "Failures", "UnderWay"}:
                continue
            seen.add(name)
            if issubclass(one, Document):
                continue
            assert issubclass(one, Record), name
            untyped: Any = one
            settings = untyped.__dataclass_params__
            assert (settings.frozen, settings.eq) == (True, False), name
            assert all(field.kw_only for field in dataclasses.fields(untyped)), name
    assert {"Leftovers", "FieldConflict", "Check", "Step", "FinishedEvent", "TokenRequest", "CallRecord"} <= seen


def test_what_is_equal_has_the_same_hash() -> None:
    def granted(value: object) -> podrole.Grant:
        allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        condition = {"NumericLessThan": {"aws:MultiFactorAuthAge": value}}
        document = {"Version": "2012-10-17", "Statement": [{**allow, "Condition": condition}]}
        policy = {"name": "p", "document": document}
        return podrole.Grant(cluster="c", service_account="a/b", role="r", policies=[policy])

    for one, other in ((granted(1), granted(1.0)), (granted(1).policies[0], granted(1.0).policies[0])):
        assert one == other
        assert hash(one) == hash(other)
    assert granted(1) != granted(2)
    hash(podrole.Kubeconfig(path=pathlib.Path("config")))


def test_another_schema_version_is_refused(values: list[Any]) -> None:
    for value in values:
        with pytest.raises(podrole.InvalidInputError, match=r"schemaVersion:? 2"):
            type(value).from_dict({**value.to_dict(), "schemaVersion": 2})


def test_long_forms_say_the_same_as_mappings() -> None:
    long = podrole.Grant(
        cluster="c",
        service_account=ServiceAccount(namespace="a", name="b", labels={"team": "x"}),
        role=Role(name="r", max_session_duration=7200, tags={"k": "v"}),
        policies=[Policy(name="p", s3=S3(buckets=("bucket",), access="read_write")), Policy(aws_managed="ReadOnlyAccess")],
        workloads=[Workload(kind="stateful_set", name="w", restart=False)],
        data_syncs=[DataSync(role="other", external_id="ext")],
    )
    mapped = podrole.Grant.from_dict(
        {
            "cluster": "c",
            "serviceAccount": {"namespace": "a", "name": "b", "labels": {"team": "x"}},
            "role": {"name": "r", "maxSessionDuration": 7200, "tags": {"k": "v"}},
            "policies": [{"name": "p", "s3": {"buckets": ["bucket"], "access": "read_write"}}, "ReadOnlyAccess"],
            "statefulSets": [{"name": "w", "restart": False}],
            "dataSyncs": [{"role": "other", "externalId": "ext"}],
        }
    )
    assert long == mapped
    assert long.role.max_session_duration == 7200
    assert long.policies[0].s3 == S3(buckets=("bucket",), prefixes=(), access="read_write")
    assert long.service_account.labels == {"team": "x"}
    assert podrole.Grant.from_yaml(long.to_yaml()) == long


def test_a_file_holds_several_grants(tmp_path: Any) -> None:
    file = tmp_path / "grants.yaml"
    file.write_text("cluster: a\nserviceAccount: b/c\nrole: d\n---\ncluster: e\nserviceAccount: f/g\nrole: h\n")
    assert [grant.subject for grant in podrole.Grant.from_file(file)] == ["b/c", "f/g"]
    with pytest.raises(podrole.NotFoundError, match=r"absent\.yaml"):
        podrole.Grant.from_file(tmp_path / "absent.yaml")


def test_text_for_people(values: list[Any]) -> None:
    grant, plan, receipt, report, _ = values
    assert "create role connections-role-test" in str(plan)
    assert "\x1b[" in plan.render(color=True)
    assert max(map(len, plan.render(width=60).splitlines())) <= 60
    assert "✓" in str(receipt)
    assert "✓" in str(report)
    assert repr(plan) == f"<Plan to apply: {len(plan.steps)} steps>"
    assert repr(grant) == (
        "<Grant devops-aurora-1/connections-serviceaccount-s3 on devops_aurora as connections-role-test>"
    )
    assert repr(report) == f"<Report: {len(report.checks)} checks, 0 failed>"


def test_notebooks_show_tables_in_which_everything_is_escaped() -> None:
    hostile = podrole.Grant(
        cluster="devops_aurora",
        service_account="devops-aurora-1/app",
        role={"name": "app", "description": "<script>alert(1)</script>"},
    )
    plan = CLIENT.plan(hostile)
    page = plan._repr_html_()
    assert page.startswith("<table>")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    # Names of clusters and roles are the same in many accounts.
    assert "<p>cluster: arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora</p>" in page
    asked = hostile._repr_html_()
    assert asked.startswith("<table><caption>Grant devops-aurora-1/app on devops_aurora as app</caption>")
    assert "description: &lt;script&gt;" in asked
    assert "<script>" not in asked
    report = CLIENT.verify(hostile)
    assert "<table>" in report._repr_html_()


def test_documents_are_not_made_by_hand() -> None:
    for kind in (podrole.Plan, podrole.Receipt, podrole.Report, World):
        with pytest.raises(TypeError, match="comes from"):
            kind()


class Names(str, enum.Enum):
    """An enumeration of texts, as before `StrEnum`."""

    ROLE = "app"
    KEY = "name"


def test_a_member_of_an_enumeration_of_texts_is_its_value() -> None:
    made = [
        podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/b", role=Names.ROLE),
        podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/b", role={Names.KEY: Names.ROLE}),
        podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/b", role="app"),
    ]
    assert [one.to_dict()["role"]["name"] for one in (CLIENT.plan(it).grants[0] for it in made)] == ["app"] * 3


def test_what_a_value_was_made_from_can_change_and_the_value_stays() -> None:
    tags = {"team": "a"}
    conditions: dict[str, dict[str, Any]] = {"StringLike": {"sts:RoleSessionName": ["x"]}}
    buckets: Any = ["one"]
    values: list[Record] = [
        Role(name="app", tags=tags),
        Role.from_dict({"name": "app", "tags": tags}),
        Trust(conditions=conditions),
        S3(buckets=buckets, access="read"),
    ]
    before = [value.to_dict() for value in values]
    hashes = [hash(value) for value in values]
    tags["team"] = "b"
    conditions["StringLike"]["sts:RoleSessionName"].append("y")
    buckets.append("two")
    for value in values:
        # What is given out is a copy too.
        value.to_dict().clear()
    values[2].to_dict()["conditions"]["StringLike"]["sts:RoleSessionName"].append("z")
    assert [value.to_dict() for value in values] == before
    assert [hash(value) for value in values] == hashes


def test_a_mapping_of_a_value_cannot_be_changed_and_is_copied_and_pickled_whole() -> None:
    role = Role(name="app", tags={"team": "a"})
    tags: Any = role.tags
    changes: list[Callable[[], object]] = [
        lambda: tags.update(team="b"),
        lambda: tags.__setitem__("team", "b"),
        lambda: tags.pop("team"),
        lambda: tags.setdefault("other", "b"),
        tags.clear,
    ]
    for change in changes:
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    assert tags == {"team": "a"}
    for copied in (copy.copy(tags), copy.deepcopy(tags), pickle.loads(pickle.dumps(tags))):
        assert copied == tags
        assert type(copied) is type(tags)
    assert json.dumps(tags) == '{"team": "a"}'
    # As the error says.
    assert dict(tags) | {"more": "b"} == {"team": "a", "more": "b"}
    for value in (copy.copy(role), copy.deepcopy(role), pickle.loads(pickle.dumps(role))):
        assert value == role
