"""Tests of one's own tooling on the simulation. The fixtures come with podrole."""

import pytest

import podrole
from podrole.testing import Memory, World

ACCOUNT = "204393242335"
NAMESPACE = "devops-aurora-1"


def grant_all(client: podrole.Client, team: str, services: list[str]) -> dict[str, str | None]:
    """Give every service of a team its role: the tooling under test. Returns the missing permission of those that failed."""
    failed = {}
    for service in services:
        grant = podrole.Grant(
            cluster="devops_aurora",
            service_account=f"{NAMESPACE}/{service}",
            role={"name": f"{NAMESPACE}-{service}", "tags": {"team": team}},
            policies=["AmazonS3ReadOnlyAccess"],
        )
        try:
            client.apply(grant)
        except podrole.PermissionDeniedError as error:
            failed[service] = error.action
    return failed


def test_every_service_gets_a_role_with_the_tag_of_its_team(
    podrole_client: podrole.Client, podrole_memory: Memory
) -> None:
    assert grant_all(podrole_client, "data", ["api", "worker"]) == {}
    roles = podrole_memory.world().to_dict()["accounts"][ACCOUNT]["roles"]
    assert roles[f"{NAMESPACE}-api"]["tags"]["team"] == "data"
    assert roles[f"{NAMESPACE}-worker"]["attachedPolicies"] == ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]


def test_its_pods_get_credentials_and_those_of_others_do_not(
    podrole_client: podrole.Client, podrole_memory: Memory
) -> None:
    grant_all(podrole_client, "data", ["api"])
    cluster = f"arn:aws:eks:ca-central-1:{ACCOUNT}:cluster/devops_aurora"
    role = f"arn:aws:iam::{ACCOUNT}:role/{NAMESPACE}-api"
    assumed = podrole_memory.assume_role_with_web_identity(cluster, f"{NAMESPACE}/api", role)
    assert f"assumed-role/{NAMESPACE}-api" in assumed.arn
    with pytest.raises(podrole.PermissionDeniedError):
        podrole_memory.assume_role_with_web_identity(cluster, f"{NAMESPACE}/default", role)


def test_a_denial_names_the_permission_and_the_others_go_on(
    podrole_client: podrole.Client, podrole_memory: Memory
) -> None:
    podrole_memory.script("iam:CreateRole", "denied", nth=1)
    assert grant_all(podrole_client, "data", ["api", "worker"]) == {"api": "iam:CreateRole"}


def test_doing_it_again_writes_nothing(podrole_client: podrole.Client, podrole_memory: Memory) -> None:
    grant_all(podrole_client, "data", ["api"])
    before = podrole_memory.world()
    podrole_memory.clear_calls()
    grant_all(podrole_client, "data", ["api"])
    assert [call for call in podrole_memory.calls() if call.write] == []
    assert podrole_memory.world().comparable() == before.comparable()


class TestAnotherCluster:
    """A test begins with a world of its own by overriding the fixture."""

    @pytest.fixture
    def podrole_world(self) -> World:
        """The seed's world, with its cluster's provider gone from IAM."""
        return World.seed().edited(lambda world: world["accounts"][ACCOUNT]["oidcProviders"].clear())

    def test_a_missing_provider_is_made(self, podrole_client: podrole.Client, podrole_memory: Memory) -> None:
        assert grant_all(podrole_client, "data", ["api"]) == {}
        assert "iam:CreateOpenIDConnectProvider" in [call.operation for call in podrole_memory.calls()]
