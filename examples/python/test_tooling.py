"""Tests of one's own tooling on the simulation. The fixtures come with the package."""

import podrole
import pytest
from podrole.testing import Memory, World


def give_bucket_access(client: podrole.Client, app: str) -> podrole.Receipt:
    """The tooling under test."""
    return client.apply(
        podrole.Grant(
            cluster="devops_aurora",
            service_account=f"devops-aurora-1/{app}",
            role=f"{app}-role",
            policies=[{"name": f"{app}-bucket", "s3": {"buckets": [f"{app}-data"], "access": "read"}}],
        )
    )


@pytest.fixture
def podrole_world() -> World:
    """Begin with one more namespace than the worked example."""

    def add_namespace(world: dict) -> None:  # type: ignore[type-arg]
        (cluster,) = world["clusters"].values()
        cluster["namespaces"]["staging"] = {}

    return World.seed().edited(add_namespace)


def test_it_writes_what_it_should_and_nothing_else(podrole_client: podrole.Client, podrole_memory: Memory) -> None:
    give_bucket_access(podrole_client, "importer")
    assert sorted(call.operation for call in podrole_memory.calls() if call.write) == [
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "kubernetes:patch serviceaccounts",
    ]
    assert "staging" in next(iter(podrole_memory.world().to_dict()["clusters"].values()))["namespaces"]


def test_a_missing_permission_is_reported(podrole_client: podrole.Client, podrole_memory: Memory) -> None:
    podrole_memory.script("iam:PutRolePolicy", "denied")
    with pytest.raises(PermissionError) as caught:
        give_bucket_access(podrole_client, "importer")
    assert isinstance(caught.value, podrole.PermissionDeniedError)
    assert caught.value.action == "iam:PutRolePolicy"


def test_a_crash_in_the_middle_costs_nothing(podrole_client: podrole.Client, podrole_memory: Memory) -> None:
    podrole_memory.script("iam:CreateRole", "lost_answer", nth=1)
    with pytest.raises(TimeoutError):
        give_bucket_access(podrole_client, "importer")
    assert give_bucket_access(podrole_client, "importer").is_complete
