"""The worked example through a boto3 session, on an AWS emulator and a real API server."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3 as untyped_boto3
import botocore.credentials
import pytest

import podrole
from podrole.errors import Leftovers
from podrole.events import Event

boto3: Any = untyped_boto3
ENV = pathlib.Path(__file__).parents[3] / "tests" / "env"
ACCOUNT, CLUSTER, REGION, NAMESPACE = "204393242335", "devops_aurora", "ca-central-1", "devops-aurora-1"


@contextmanager
def started(program: str, *arguments: str) -> Iterator[dict[str, Any]]:
    """Start a program of tests/env, which ends with its standard input; give what its ready line says."""
    command = [os.environ["PODROLE_TEST_PYTHON"], str(ENV / program), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        assert process.stdin is not None
        process.stdin.close()


class World:
    """The emulator, and the API server that it knows."""

    def __init__(self, plane: dict[str, Any], front: dict[str, Any]) -> None:
        self.plane, self.front = plane, front
        self.session = boto3.Session(
            aws_access_key_id=front["access_key"], aws_secret_access_key=front["secret_key"], region_name=REGION
        )
        self.control(
            f"clusters/{CLUSTER}",
            {
                "name": CLUSTER,
                "arn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLUSTER}",
                "status": "ACTIVE",
                "version": "1.36",
                "endpoint": plane["server"],
                "certificateAuthority": {"data": plane["ca"]},
                "identity": {"oidc": {"issuer": plane["issuer"]}},
            },
        )
        self.kubectl("create", "namespace", NAMESPACE)
        self.kubectl("create", "deployment", "connections-app", "--image=app", "--replicas=2", "-n", NAMESPACE)

    def control(self, path: str, body: object = None, method: str = "PUT") -> Any:
        """Tell or ask the front something."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.front['endpoint']}/_front/{path}", method=method, data=data)
        with urllib.request.urlopen(request) as answer:
            found = answer.read()
        return json.loads(found) if found else None

    def writes(self) -> list[str]:
        """Give the changing calls on AWS since the log was cleared."""
        calls = [call["action"] for call in self.control("log", method="GET")]
        return [one for one in calls if one.startswith(("Create", "Attach", "Put", "Tag", "Update", "Delete", "Detach"))]

    def kubectl(self, *arguments: str) -> str:
        """Look at the cluster with another tool."""
        command = [self.plane["kubectl"], "--kubeconfig", self.plane["kubeconfig"], *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def get(self, *what: str) -> Any:
        """Get an object of the cluster."""
        return json.loads(self.kubectl("get", *what, "-n", NAMESPACE, "-o", "json"))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Start both."""
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    with ExitStack() as stack:
        plane = stack.enter_context(started("control_plane.py", "--mark-ready"))
        front = stack.enter_context(started("aws_front.py", "--emulator", "moto"))
        yield World(plane, front)


def test_the_whole_job_through_a_boto3_session(world: World, grant: podrole.Grant) -> None:
    with podrole.Client(session=world.session, endpoint_url=world.front["endpoint"]) as client:
        kinds: list[str] = []
        receipt = client.apply(client.plan(grant), wait=120, on_event=lambda event: kinds.append(event.kind))
        assert receipt.is_complete
        assert "waiting" in kinds
        client.verify(grant).raise_for_failures()
        assert client.plan(grant).is_empty

        iam = world.session.client("iam", endpoint_url=world.front["endpoint"])
        role = iam.get_role(RoleName="connections-role-test")["Role"]
        conditions = role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"]
        assert f"system:serviceaccount:{NAMESPACE}:connections-serviceaccount-s3" in conditions.values()
        account = world.get("serviceaccount", "connections-serviceaccount-s3")
        assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == role["Arn"]
        deployment = world.get("deployment", "connections-app")
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "connections-serviceaccount-s3"

        client.revoke(grant, receipt=receipt)
        assert client.plan_revoke(grant).is_empty
        with pytest.raises(iam.exceptions.NoSuchEntityException):
            iam.get_role(RoleName="connections-role-test")


def test_the_same_with_asyncio_and_a_kubeconfig(world: World, grant: podrole.Grant) -> None:
    async def main() -> None:
        client = podrole.AsyncClient(
            session=world.session, endpoint_url=world.front["endpoint"], kubeconfig=world.plane["kubeconfig"]
        )
        async with client:
            receipt = await client.apply(grant, wait=120)
            (await client.verify(grant)).raise_for_failures()
            await client.revoke(grant, receipt=receipt)

    asyncio.run(main())


def test_credentials_that_end_are_asked_for_again(world: World, grant: podrole.Grant) -> None:
    asked: list[int] = []

    def short() -> podrole.AwsCredentials:
        asked.append(1)
        return podrole.AwsCredentials(
            access_key_id=world.front["access_key"],
            secret_access_key=world.front["secret_key"],
            expiration=datetime.now(timezone.utc) + timedelta(seconds=1),
        )

    with podrole.Client(credentials=short, region=REGION, endpoint_url=world.front["endpoint"]) as client:
        client.plan(grant)
        first = len(asked)
        client.plan(grant)
        assert len(asked) > first > 0


def test_what_a_credentials_function_raises_is_the_cause_and_shows_no_secret(
    world: World, grant: podrole.Grant
) -> None:
    def broken() -> podrole.AwsCredentials:
        raise ZeroDivisionError("no login")

    for source, cause in ((broken, ZeroDivisionError), (lambda: "hunter2", podrole.InvalidInputError)):
        with podrole.Client(credentials=source, region=REGION, endpoint_url=world.front["endpoint"]) as client:
            with pytest.raises(podrole.CredentialsError) as caught:
                client.plan(grant)
            assert isinstance(caught.value.__cause__, cause)
            assert "hunter2" not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"


def test_a_token_function_reaches_the_api_server_that_eks_tells(world: World, grant: podrole.Grant) -> None:
    world.kubectl("create", "serviceaccount", "admin", "-n", NAMESPACE)
    world.kubectl(
        "create", "clusterrolebinding", "admin", "--clusterrole=cluster-admin", f"--serviceaccount={NAMESPACE}:admin"
    )
    token = world.kubectl("create", "token", "admin", "-n", NAMESPACE).strip()
    requests = []

    def give(request: Any) -> str:
        requests.append(request)
        return token

    with podrole.Client(session=world.session, endpoint_url=world.front["endpoint"], token=give) as client:
        assert not client.plan(grant).is_empty
    assert {(request.name, request.endpoint) for request in requests} == {(CLUSTER, world.plane["server"])}


def test_the_wrong_cluster_gets_no_write(world: World, grant: podrole.Grant) -> None:
    elsewhere = pathlib.Path(world.plane["kubeconfig"]).read_text(encoding="utf-8").replace("127.0.0.1", "localhost")
    world.control("log", method="DELETE")
    with (
        podrole.Client(
            session=world.session, endpoint_url=world.front["endpoint"], kubeconfig=podrole.Kubeconfig(text=elsewhere)
        ) as client,
        pytest.raises(podrole.ConfigInvalidError, match="localhost"),
    ):
        client.apply(grant)
    assert world.writes() == []


def test_a_kubeconfig_by_path_and_by_context(world: World, grant: podrole.Grant) -> None:
    path = pathlib.Path(world.plane["kubeconfig"])
    context = world.kubectl("config", "current-context").strip()
    for kubeconfig in (path, podrole.Kubeconfig(path=path, context=context), {"path": str(path)}):
        with podrole.Client(
            session=world.session, endpoint_url=world.front["endpoint"], kubeconfig=kubeconfig
        ) as client:
            assert not client.plan(grant).is_empty
    with podrole.Client(
        session=world.session,
        endpoint_url=world.front["endpoint"],
        kubeconfig=podrole.Kubeconfig(path=path, context="nope"),
    ) as client, pytest.raises(podrole.ConfigInvalidError, match="nope"):
        client.plan(grant)


def test_credentials_of_botocore_that_refresh_themselves_are_asked_again_by_every_client(
    world: World, grant: podrole.Grant
) -> None:
    refreshable: Any = botocore.credentials.RefreshableCredentials
    keys = {
        "access_key": world.front["access_key"],
        "secret_key": world.front["secret_key"],
        "token": None,
        "expiry_time": (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat(),
    }
    fetched: list[str] = []

    def fetch() -> dict[str, Any]:
        fetched.append("fetch")
        return {**keys, "expiry_time": (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()}

    credentials = refreshable.create_from_metadata(
        {**keys, "expiry_time": datetime.now(timezone.utc).isoformat()}, fetch, "a test"
    )
    with podrole.Client(credentials=credentials, region=REGION, endpoint_url=world.front["endpoint"]) as client:
        assert not client.plan(grant).is_empty
    # They had ended: botocore fetched others, once.
    assert fetched == ["fetch"]


def test_an_interruption_and_a_lost_answer_and_going_on_from_there(world: World, grant: podrole.Grant) -> None:
    with podrole.Client(session=world.session, endpoint_url=world.front["endpoint"]) as client:
        # Long enough for the interruption to come while the role is being made.
        world.control("faults", [{"action": "CreateRole", "hang_seconds": 0.5}])

        def press(event: Event) -> None:
            if event.kind == "step_started":
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(podrole.Interrupted) as interrupted:
            client.apply(grant, on_event=press)
        assert interrupted.value.leftovers == Leftovers(state="remaining", resources=("create role connections-role-test",))
        assert interrupted.value.receipt is not None
        assert {step.outcome.kind for step in interrupted.value.receipt.steps} == {"done", "not_started"}

        refused = {"action": "AttachRolePolicy", "after": True, "status": 400, "code": "Strange", "message": "x"}
        world.control("faults", [refused])
        with pytest.raises(podrole.PodroleError) as failed:
            client.apply(grant)
        assert failed.value.aws_code == "Strange"

        receipt = client.apply(grant)
        assert receipt.is_complete
        client.revoke(grant, receipt=receipt)
        assert client.plan_revoke(grant).is_empty


def test_the_deployment_script_of_the_examples(world: World, grant: podrole.Grant, tmp_path: pathlib.Path) -> None:
    examples = ENV.parents[1] / "examples" / "python"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": world.front["access_key"],
        "AWS_SECRET_ACCESS_KEY": world.front["secret_key"],
        "AWS_ENDPOINT_URL": world.front["endpoint"],
        "AWS_REGION": REGION,
        "COLUMNS": "160",
    }
    command = [sys.executable, "-P", "-B", str(examples / "deploy.py"), str(examples / "grants.yaml"), "--yes"]
    first = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert (first.returncode, "create role connections-role-test" in first.stdout) == (0, True), first
    again = subprocess.run(
        [*command, "--kubeconfig", world.plane["kubeconfig"]], env=environment, capture_output=True, text=True, timeout=300
    )
    assert (again.returncode, "nothing to apply" in again.stdout) == (0, True), again
    with podrole.Client(session=world.session, endpoint_url=world.front["endpoint"]) as client:
        client.revoke(podrole.Grant.from_file(examples / "grants.yaml")[0])
