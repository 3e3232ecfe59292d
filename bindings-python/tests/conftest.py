"""What the tests share."""

from __future__ import annotations

import signal

import pytest

import podrole

# A job that a shell starts in the background ignores Ctrl-C, and so would the programs that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
