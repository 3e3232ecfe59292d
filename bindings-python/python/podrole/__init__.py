"""Give a Kubernetes workload on Amazon EKS an AWS IAM role, in-process.

>>> import podrole, podrole.testing
>>> grant = podrole.Grant(
...     cluster="devops_aurora",
...     service_account="devops-aurora-1/connections-serviceaccount-s3",
...     role="connections-role-test",
...     policies=["AmazonS3FullAccess"],
...     deployments=["connections-app"],
... )
>>> with podrole.Client.in_memory(podrole.testing.Memory()) as client:  # podrole.Client() for real services
...     plan = client.plan(grant)
...     receipt = client.apply(plan)
...     print(client.verify(grant).raise_for_failures().passed)
True

`Client` works for threads, `AsyncClient` for asyncio. Errors are `PodroleError`: see `podrole.errors`. The long forms of a grant
are in `podrole.grant`, a simulation for tests in `podrole.testing`, output for terminals in `podrole.console`.
"""

import atexit as _atexit
import os as _os
import typing as _typing

from podrole import _errands, _interrupts, _podrole
from podrole.artifacts import data_sync_statement, kustomize_patch, s3_policy, service_account_yaml, trust_document
from podrole.client import AsyncClient, Client
from podrole.connection import AwsCredentials, BearerToken, Kubeconfig
from podrole.errors import (
    AlreadyExistsError,
    ConfigInvalidError,
    ConflictError,
    CredentialsError,
    Interrupted,
    InvalidInputError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    PlanStaleError,
    PodroleError,
    RunCancelledError,
    ThrottledError,
    TimedOutError,
    UnavailableError,
    UnexpectedError,
    UnsupportedError,
    VerificationFailedError,
    receipt_of,
)
from podrole.events import Event
from podrole.grant import Grant
from podrole.plan import Plan, Step
from podrole.receipt import Receipt
from podrole.report import Check, Report
from podrole.run import AsyncRun, Run
from podrole.run import leave as _leave

__all__ = [
    "AlreadyExistsError",
    "AsyncClient",
    "AsyncRun",
    "AwsCredentials",
    "BearerToken",
    "Check",
    "Client",
    "ConfigInvalidError",
    "ConflictError",
    "CredentialsError",
    "Event",
    "Grant",
    "Interrupted",
    "InvalidInputError",
    "Kubeconfig",
    "LimitExceededError",
    "NotFoundError",
    "PermissionDeniedError",
    "Plan",
    "PlanStaleError",
    "PodroleError",
    "Receipt",
    "Report",
    "Run",
    "RunCancelledError",
    "Step",
    "ThrottledError",
    "TimedOutError",
    "UnavailableError",
    "UnexpectedError",
    "UnsupportedError",
    "VerificationFailedError",
    "__version__",
    "data_sync_statement",
    "kustomize_patch",
    "receipt_of",
    "s3_policy",
    "service_account_yaml",
    "trust_document",
]

__version__: str = _podrole.VERSION

# What is registered last is called first.
_atexit.register(_podrole.leave_interpreter)
_atexit.register(_leave)
if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(
        before=_errands.before_fork,
        after_in_parent=_errands.after_fork_in_parent,
        after_in_child=_errands.after_fork_in_child,
    )
    _os.register_at_fork(after_in_child=_podrole.forked)
    _os.register_at_fork(after_in_child=_interrupts.forked)


if _typing.TYPE_CHECKING:
    # As the submodules are at run time; the console is loaded when it is used, as most programs print nothing.
    from podrole import artifacts as artifacts
    from podrole import client as client
    from podrole import connection as connection
    from podrole import console as console
    from podrole import errors as errors
    from podrole import events as events
    from podrole import grant as grant
    from podrole import plan as plan
    from podrole import receipt as receipt
    from podrole import report as report
    from podrole import run as run
    from podrole import testing as testing
else:
    # Type checkers would take every misspelt name for one that this gives.

    def __getattr__(name: str) -> object:
        if name == "console":
            import importlib

            return importlib.import_module(f"podrole.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
