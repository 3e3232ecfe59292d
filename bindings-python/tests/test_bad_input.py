"""Bad input: each is a typed error that names the argument's path, never a panic, a hang or a lost receipt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import boto3.session
import botocore.credentials
import pytest

import podrole
from podrole.events import Event
from podrole.testing import Memory

BASE: dict[str, Any] = {"cluster": "devops_aurora", "service_account": "devops-aurora-1/app", "role": "app"}
CYCLE: list[Any] = []
CYCLE.append(CYCLE)
DEEP: Any = {}
for _ in range(200):
    DEEP = {"a": DEEP}


async def later(*_: object) -> str:
    """Come too late."""
    return "secret"


class Hostile:
    """Fails at everything that is asked of it."""

    def to_dict(self) -> dict[str, Any]:
        """Fail."""
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cluster": 7}, "cluster"),
        ({"cluster": None}, "cluster is needed, this is None"),
        ({"role": None}, "role is needed"),
        ({"role": "a b"}, "role"),
        ({"service_account": "no-namespace"}, "service_account"),
        ({"service_account": {"namespace": "a", "nmae": "b"}}, "service_account.nmae"),
        ({"role": {"name": "a", "max_session_duration": 1}}, "did you mean `maxSessionDuration`"),
        ({"role": {"name": "a", "maxSessionDuration": 10**30}}, "role.maxSessionDuration must be a number of at most 64"),
        ({"role": {"name": "a", "maxSessionDuration": float("nan")}}, "role.maxSessionDuration must be a finite number"),
        ({"role": {"name": "a", "description": "\ud800"}}, "role.description holds half of a surrogate pair"),
        ({"role": {"name": "a", 7: "b"}}, "role must have keys that are text, one is 7"),
        ({"role": {"name": "a", "tags": {"k": b"v"}}}, "role.tags.k must be data, this is a value of type bytes"),
        ({"policies": "AmazonS3FullAccess"}, "policies must be a list"),
        ({"policies": [None]}, "policies[0]"),
        ({"policies": [7]}, "policies[0]"),
        ({"policies": CYCLE}, "policies[0][0] leads back"),
        ({"policies": [{"name": "p", "document": DEEP}]}, "levels deep"),
        ({"deployments": [object()]}, "deployments[0] must be data"),
        ({"data_syncs": [{"role": "a", "externalID": "x"}]}, "data_syncs[0].externalID"),
        ({"scope": "everything"}, "scope"),
        ({"mechanism": "pod_identity"}, "mechanism"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_grant_is_refused_by_the_path_of_what_is_wrong(change: dict[str, Any], named: str) -> None:
    with pytest.raises(podrole.InvalidInputError) as caught:
        podrole.Grant(**{**BASE, **change})
    assert named in f"{caught.value.message} {caught.value.remedy}"
    assert caught.value.kind == "invalid_input"


def test_an_unknown_argument_is_a_type_error_as_everywhere() -> None:
    with pytest.raises(TypeError, match="polices"):
        podrole.Grant(**BASE, polices=["AmazonS3FullAccess"])  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        podrole.Grant("devops_aurora")  # type: ignore[call-arg]


@pytest.mark.parametrize("verb", ["plan", "apply", "verify", "plan_revoke", "revoke", "start_apply", "start_revoke"])
@pytest.mark.parametrize("what", [None, 7, "grant", [], {"cluster": "a"}, CYCLE], ids=repr)
def test_what_is_no_grant_is_refused_by_every_verb(verb: str, what: Any) -> None:
    memory = Memory()
    with podrole.Client.in_memory(memory) as client, pytest.raises(podrole.InvalidInputError):
        getattr(client, verb)(what)
    assert memory.calls() == ()


def test_what_another_verb_gave_is_named_where_a_grant_or_a_receipt_is_needed(grant: podrole.Grant) -> None:
    client: Any = podrole.Client.in_memory(Memory())
    plan, report = client.plan(grant), client.verify(grant)
    receipt = client.apply(plan)
    for what, name in ((plan, "plan"), (receipt, "receipt"), (report, "report")):
        for verb in (client.plan, client.verify, client.plan_revoke, client.revoke):
            with pytest.raises(podrole.InvalidInputError, match=f"this is a {name}, and a grant is needed"):
                verb(what)
    for what, name in ((plan, "plan"), (report, "report")):
        with pytest.raises(podrole.InvalidInputError, match=f"receipt must be a receipt, this is a {name}"):
            client.revoke(grant, receipt=what)


def test_what_the_object_itself_raises_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        podrole.Client.in_memory(Memory()).plan(Hostile())  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", ["plan", "apply", "verify", "plan_revoke", "revoke"])
def test_a_closed_client_says_so(verb: str, grant: podrole.Grant) -> None:
    client = podrole.Client.in_memory(Memory())
    client.close()
    client.close()
    with pytest.raises(podrole.InvalidInputError, match="the client is closed"):
        getattr(client, verb)(grant)
    later = podrole.AsyncClient.in_memory(Memory())

    async def use() -> None:
        await later.close()
        await getattr(later, verb)(grant)

    with pytest.raises(podrole.InvalidInputError, match="the client is closed"):
        asyncio.run(use())


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"wait": -1}, "wait must be seconds from 0"),
        ({"wait": float("nan")}, "wait"),
        ({"wait": 10**400}, "wait"),
        ({"wait": "soon"}, "wait must be a number of seconds"),
        ({"wait": True}, "wait must be a number of seconds"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_options_of_a_run(options: dict[str, Any], named: str, grant: podrole.Grant) -> None:
    memory = Memory()
    with pytest.raises(podrole.InvalidInputError, match=named):
        podrole.Client.in_memory(memory).apply(grant, **options)
    assert memory.calls() == ()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"region": 7}, "region must be text"),
        ({"region": "nowhere else"}, "region"),
        ({"owner": "a b"}, "owner"),
        ({"aws_attempts": 0}, "aws_attempts"),
        ({"aws_timeout": 0}, "aws_timeout"),
        ({"aws_timeout": -1}, "aws_timeout"),
        ({"kubeconfig": 7}, "kubeconfig"),
        ({"kubeconfig": {"contxt": "a"}}, "kubeconfig.contxt"),
        ({"kubeconfig": True, "in_cluster": True}, "in_cluster"),
        ({"in_cluster": "yes"}, "in_cluster must be True or False"),
        ({"token": "secret-token"}, "token must be a function"),
        ({"token": str, "kubeconfig": True}, "token excludes"),
        ({"token": later}, "token must be a plain function"),
        ({"credentials": later}, "credentials must be a plain function"),
        ({"session": object()}, "session must be a boto3"),
        ({"session": boto3.session.Session}, "session must be a boto3 or botocore session, this is the class Session"),
        ({"credentials": object()}, "credentials must be AwsCredentials"),
        ({"credentials": podrole.AwsCredentials(access_key_id="", secret_access_key="s")}, "credentials.access_key_id"),
        ({"credentials": podrole.AwsCredentials(access_key_id="a", secret_access_key="s"), "profile": "p"}, "excludes"),
        ({"account_credentials": {"12": lambda: None}}, "account_credentials"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_arguments_of_a_client(options: dict[str, Any], named: str) -> None:
    for kind in (podrole.Client, podrole.AsyncClient):
        with pytest.raises(podrole.InvalidInputError, match=named) as caught:
            kind(**options)
        assert "secret" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    credentials = podrole.AwsCredentials(access_key_id="AKIA", secret_access_key="hunter2", session_token="hunter2")
    token = podrole.BearerToken(token="hunter2")
    config = podrole.Kubeconfig(text="token: hunter2")
    client = podrole.Client(region="eu-west-1", credentials=credentials)
    assert "hunter2" not in f"{credentials!r} {token!r} {config!r} {client!r} {vars(client)!r}"


@pytest.mark.parametrize(
    "call",
    [
        lambda memory: memory.script("iam:CreateRole", "explode"),
        lambda memory: memory.script(7, "denied"),
        lambda memory: memory.script("iam:CreateRole", "denied", nth=0.5),
        lambda memory: memory.stop_before_call(0),
        lambda memory: memory.stop_after_call(1, "some"),
        lambda memory: memory.set_latency(-1),
        lambda memory: memory.edit(7),
        lambda memory: memory.edit(lambda world: {"accounts": 7}),
        lambda memory: memory.point_kubernetes_at("x", "no arn"),
        lambda memory: Memory({"unknown": 1}),
        lambda memory: podrole.Client.in_memory(7),  # type: ignore[arg-type]
    ],
)
def test_the_simulation_refuses_it_too(call: Callable[[Memory], object]) -> None:
    with pytest.raises(podrole.InvalidInputError):
        call(Memory())


def test_a_listener_that_raises_costs_nothing(grant: podrole.Grant, caplog: pytest.LogCaptureFixture) -> None:
    told = []

    def listener(event: Event) -> None:
        told.append(event.kind)
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, logger="podrole"):
        receipt = podrole.Client.in_memory(Memory()).apply(grant, on_event=listener)
        later = asyncio.run(podrole.AsyncClient.in_memory(Memory()).apply(grant, on_event=listener))
    assert receipt.is_complete
    assert later.is_complete
    assert told[0] == "started"
    assert told[-1] == "finished"
    assert len([record for record in caplog.records if "a listener of events failed" in record.message]) == len(told)


def test_two_event_loops_share_a_client_and_a_run(grant: podrole.Grant) -> None:
    memory = Memory()
    client = podrole.AsyncClient.in_memory(memory)

    async def start() -> podrole.AsyncRun:
        return client.start_apply(grant)

    run = asyncio.run(start())
    assert asyncio.run(run.finish()).is_complete
    assert asyncio.run(client.verify(grant)).passed


@pytest.mark.parametrize("given", [object(), "3", True, 1.5])
def test_attempts_that_are_no_whole_number_are_refused_by_name(given: Any) -> None:
    with pytest.raises(podrole.InvalidInputError, match="^aws_attempts must be a whole number"):
        podrole.Client(region="ca-central-1", aws_attempts=given)


def test_a_number_that_is_too_long_to_be_written_is_named() -> None:
    given: Any = 10**5000
    with pytest.raises(podrole.InvalidInputError, match="^aws_attempts must be a whole number of at most 64 bits, this is a huge"):
        podrole.Client(region="ca-central-1", aws_attempts=given)
    with pytest.raises(podrole.InvalidInputError, match="^a key of account_credentials must be text, this is a huge number"):
        podrole.Client(region="ca-central-1", account_credentials={given: lambda: None})


@pytest.mark.parametrize("name", ["access_key_id", "secret_access_key", "session_token"])
def test_credentials_that_are_no_text_are_named_by_their_field(name: str) -> None:
    fields: dict[str, Any] = {"access_key_id": "a", "secret_access_key": "s", name: "secret\ud800"}
    with pytest.raises(podrole.InvalidInputError, match=f"^{name} holds half of a surrogate pair") as caught:
        podrole.AwsCredentials(**fields)
    assert "secret\\ud800" not in ascii(caught.value)
    with pytest.raises(podrole.InvalidInputError, match="^token holds half of a surrogate pair"):
        podrole.BearerToken(token="\ud800")
    untyped: Any = botocore.credentials.Credentials
    with pytest.raises(podrole.InvalidInputError, match="^credentials.secret_key holds half of a surrogate pair"):
        podrole.Client(credentials=untyped("a", "\ud800").get_frozen_credentials())


def test_frozen_credentials_of_botocore_are_credentials() -> None:
    untyped: Any = botocore.credentials.Credentials
    frozen = untyped("AKIA", "hunter2", "token").get_frozen_credentials()
    podrole.Client(region="ca-central-1", credentials=frozen)
    with pytest.raises(podrole.InvalidInputError, match=r"^credentials\.secret_key must be text that is not empty"):
        podrole.Client(region="ca-central-1", credentials=frozen._replace(secret_key=""))


@pytest.mark.parametrize(
    "make",
    [
        lambda value: podrole.grant.Role(name="app", tags=value),
        lambda value: podrole.grant.Policy(name="p", document=value),
        lambda value: podrole.grant.Policy.from_dict({"name": "p", "document": value}),
        lambda value: podrole.grant.Trust(conditions={"StringEquals": value}),
        lambda value: podrole.Grant(**BASE, trust={"conditions": value}),
    ],
)
@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("endless", [False, True])
def test_what_is_nested_without_end_is_refused_inside_of_a_value_too(
    make: Callable[[Any], object], lists: bool, endless: bool
) -> None:
    inner: dict[str, Any] = {}
    nested = inner
    for _ in range(100_000):
        nested = {"a": [nested] if lists else nested}
    if endless:
        nested = inner
        inner["a"] = [inner] if lists else inner
    with pytest.raises(podrole.InvalidInputError, match="(tags|document|conditions).*(levels deep|leads back)"):
        make(nested)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"name": 7}, "Role: name must be text, this is 7"),
        ({"name": "a", "maxSessionDuration": "1"}, "Role: maxSessionDuration must be a whole number, this is the text '1'"),
        ({"name": "a", "maxSessionDuration": True}, "Role: maxSessionDuration must be a whole number, this is True"),
        ({"name": "a", "manage": ["own"]}, "Role: manage must be text"),
        ({"name": "a", "tags": "no"}, "Role: tags must be a mapping, this is the text 'no'"),
    ],
)
def test_a_record_is_read_from_values_of_its_own_types(data: dict[str, Any], named: str) -> None:
    with pytest.raises(podrole.InvalidInputError) as caught:
        podrole.grant.Role.from_dict(data)
    assert named in caught.value.message


@pytest.mark.parametrize("indent", [-1, True, "  ", 10**9, 1.5])
def test_an_indentation_is_a_number_of_spaces(indent: Any, grant: podrole.Grant) -> None:
    with pytest.raises(podrole.InvalidInputError, match="^indent must be"):
        grant.to_json(indent=indent)
    assert grant.to_json(indent=0).startswith("{\n")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        [],
        {"kind": "conflict"},
        {"kind": 7, "message": "a"},
        {"kind": "conflict", "message": "a", "action": 7},
        {"kind": "conflict", "message": "a", "conflicts": 7},
        {"kind": "conflict", "message": "a", "leftovers": 7},
    ],
    ids=repr,
)
def test_what_is_no_error_payload_is_refused(fields: Any) -> None:
    with pytest.raises(podrole.InvalidInputError):
        podrole.errors.from_payload(fields)


def test_the_console_names_what_it_cannot_show(grant: podrole.Grant) -> None:
    console: Any = podrole.console
    receipt = podrole.Client.in_memory(Memory()).apply(grant)
    with pytest.raises(podrole.InvalidInputError, match="a grant, plan, receipt or report is needed, this is 5"):
        console.show(5)
    with pytest.raises(podrole.InvalidInputError, match="a run is needed, this is a value of type Receipt"):
        console.follow(receipt)
