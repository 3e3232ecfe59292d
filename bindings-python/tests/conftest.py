"""What the tests share."""

from __future__ import annotations

import pytest

import podrole


@pytest.fixture
def grant() -> podrole.Grant:
    """The worked example."""
    return podrole.Grant(
        cluster="devops_aurora",
        service_account="devops-aurora-1/connections-serviceaccount-s3",
        role="connections-role-test",
        policies=["AmazonS3FullAccess"],
        deployments=["connections-app"],
    )
