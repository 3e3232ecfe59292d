"""Clients: they plan, apply, verify and revoke grants."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeAlias

from podrole import _logging, _podrole
from podrole._errands import QUESTIONS, attend
from podrole._input import data_of, described, flag, invalid, optional_text, path_text, seconds, whole
from podrole.connection import (
    AwsCredentials,
    Connection,
    CredentialsSource,
    Failures,
    Kubeconfig,
    TokenProvider,
    connection_of,
    session_region,
)
from podrole.errors import InvalidInputError, PodroleError, carrying
from podrole.grant import Grant, GrantLike, grant_json, in_words_of_python
from podrole.plan import Plan
from podrole.receipt import Receipt
from podrole.report import Report
from podrole.run import (
    RUNS,
    AsyncRun,
    EventListener,
    Explain,
    Run,
    UnderWay,
    carry,
    finish,
    finish_async,
    start,
    wait,
    wait_async,
    wait_for_all,
    wait_for_all_async,
)
from podrole.testing import Memory

Seconds: TypeAlias = float | timedelta
"""A length of time: seconds, or a timedelta."""


class _Base:
    """What the clients for threads and for asyncio share: everything but waiting."""

    def __init__(
        self,
        *,
        region: str | None = None,
        profile: str | None = None,
        session: object | None = None,
        credentials: CredentialsSource | None = None,
        account_credentials: Mapping[str, CredentialsSource] | None = None,
        endpoint_url: str | None = None,
        aws_timeout: Seconds | None = None,
        aws_attempts: int | None = None,
        kubeconfig: bool | str | os.PathLike[str] | Kubeconfig | Mapping[str, Any] | None = None,
        in_cluster: bool = False,
        token: TokenProvider | None = None,
        allow_any_endpoint: bool = False,
        kubernetes_timeout: Seconds | None = None,
        owner: str | None = None,
        propagation: Seconds | None = None,
        file_root: str | os.PathLike[str] | None = None,
    ) -> None:
        """Set a client of real services up.

        Without arguments, the environment says everything: AWS's usual settings, and EKS's endpoint with a token minted
        in-process, so that no other program is needed. Nothing is called or read yet: credentials are looked up at the first call
        that needs them.

        Args:
            region: The region of clusters whose grant names none; else the session's, `AWS_REGION` or the profile's.
            profile: The profile of the shared AWS configuration; else `AWS_PROFILE`.
            session: A `boto3.Session` or a botocore session: its region and its credentials, asked for again when they end.
            credentials: The default AWS credentials: `AwsCredentials`, botocore credentials, or a function that gives either and is
                called again when they end. Excludes `session` and `profile`.
            account_credentials: The credentials of single accounts, by their 12 digits.
            endpoint_url: Where AWS calls go instead of AWS (an emulator, a proxy); else `AWS_ENDPOINT_URL`.
            aws_timeout: Seconds that one AWS call may take, retries included; default 30.
            aws_attempts: How often an AWS call is tried; default 5.
            kubeconfig: Reaches API servers by a kubeconfig: True for that of the environment, a path, or a `Kubeconfig`.
            in_cluster: Reaches the API server by the service account of the pod that this runs in.
            token: Reaches API servers by EKS's endpoint, with tokens of this function instead of those minted in-process.
            allow_any_endpoint: Goes on even where the API server is not the one that EKS tells: for tunnels. Nothing then keeps a
                change from the wrong cluster.
            kubernetes_timeout: Seconds that one Kubernetes call may take, retries included; default 30.
            owner: Who runs podrole: marks and trust statements are theirs, and two owners do not touch each other's things. 1–128
                letters, digits and any of `_.:/=+-@`; default `podrole`.
            propagation: Seconds that IAM may take until every part of it knows what was just created; default 60.
            file_root: The folder that paths of kustomizations are relative to, and that no path leads out of; default: the working
                directory.

        Raises:
            InvalidInputError: An argument is illegal; the message begins with its name.
        """
        settings = {
            "owner": optional_text(owner, "owner"),
            "propagation": seconds(propagation, "propagation"),
            "fileRoot": None if file_root is None else path_text(file_root, "file_root"),
            "region": optional_text(region, "region") or session_region(session),
            "profile": optional_text(profile, "profile"),
            "endpointUrl": optional_text(endpoint_url, "endpoint_url"),
            "awsTimeout": seconds(aws_timeout, "aws_timeout"),
            "awsAttempts": whole(aws_attempts, "aws_attempts"),
            "inCluster": flag(in_cluster, "in_cluster"),
            "allowAnyEndpoint": flag(allow_any_endpoint, "allow_any_endpoint"),
            "kubernetesTimeout": seconds(kubernetes_timeout, "kubernetes_timeout"),
        }
        connection = connection_of(
            {key: value for key, value in settings.items() if value is not None},
            session=session,
            credentials=credentials,
            account_credentials=account_credentials,
            kubeconfig=kubeconfig,
            token=token,
        )
        try:
            native = _podrole.Client.connect(*connection.arguments())
        except InvalidInputError as error:
            raise in_words_of_python(error, settings) from None
        self._open(native, connection)

    def _open(self, native: _podrole.Client, connection: Connection | None = None) -> None:
        self._native: _podrole.Client | None = native
        self._asks = connection is not None and connection.asks
        self._failures = Failures() if connection is None else connection.failures
        self._runs = UnderWay()

    @classmethod
    def in_memory(cls, memory: Memory, *, owner: str | None = None, propagation: Seconds | None = None) -> Self:
        """Make a client of a simulated account and cluster: see `podrole.testing`.

        Args:
            memory: The simulation.
            owner: Who runs podrole; default `podrole`.
            propagation: Seconds that IAM may take until every part of it knows what was just created; default 60.
        """
        if not isinstance(memory, Memory):
            raise invalid(f"memory must be a Memory of podrole.testing, this is {described(memory)}")
        settings = {"owner": optional_text(owner, "owner"), "propagation": seconds(propagation, "propagation")}
        made = cls.__new__(cls)
        made._open(_podrole.Client.in_memory(memory._native, json.dumps(settings)))
        return made

    def __repr__(self) -> str:
        """Say whether it is open."""
        return f"<{type(self).__name__}{'' if self._native is not None else ', closed'}>"

    def _begin(self, begin: Callable[[_podrole.Client], _podrole.Work]) -> _podrole.Work:
        if self._native is None:
            raise invalid("the client is closed", "make another client")
        _logging.follow()
        if self._asks:
            attend(QUESTIONS)
        return begin(self._native)

    def _begin_run(self, begin: Callable[[], _podrole.Work]) -> _podrole.Work:
        # What begins while another thread closes the client is either waited for or refused.
        with self._runs.lock():
            work = begin()
            for runs in (self._runs, RUNS):
                runs.add(work)
        return work

    def _closed(self) -> list[_podrole.Work]:
        with self._runs.lock():
            self._native = None
            return self._runs.now()

    def _reading(self, verb: str, grant: GrantLike) -> Callable[[], _podrole.Work]:
        value = _grant_alone(grant)
        return partial(self._begin, lambda native: getattr(native, verb)(value))

    def _applying(self, what: Plan | GrantLike, wait: Seconds | None) -> Callable[[], _podrole.Work]:
        options = _options(wait)
        if isinstance(what, Plan):
            plan = what._json()
            return partial(self._begin, lambda native: native.apply_plan(plan, options))
        if isinstance(what, Receipt | Report):
            raise invalid(f"this is a {type(what).__name__.lower()}, and a plan or grant is needed")
        if not isinstance(what, Grant):
            what = data_of(what, "the plan or grant")
            # What `json.loads` made of a saved plan is a plan as well.
            if "verb" in what and "steps" in what:
                plan = json.dumps(what)
                return partial(self._begin, lambda native: native.apply_plan(plan, options))
        value = grant_json(what)
        return partial(self._begin, lambda native: native.apply(value, options))

    def _revoking(
        self, grant: GrantLike, wait: Seconds | None, receipt: Receipt | Mapping[str, Any] | None, remove_provider: bool
    ) -> Callable[[], _podrole.Work]:
        value = _grant_alone(grant)
        options = _options(wait, flag(remove_provider, "remove_provider"))
        given = None
        if isinstance(receipt, Plan | Report):
            raise invalid(f"receipt must be a receipt, this is a {type(receipt).__name__.lower()}")
        if receipt is not None:
            given = receipt._json() if isinstance(receipt, Receipt) else json.dumps(data_of(receipt, "receipt"))
        return partial(self._begin, lambda native: native.revoke(value, options, given))

    def _explaining(self) -> Explain:
        """Explain the error of a call that begins now."""
        return partial(self._explain, self._failures.now)

    def _explain(self, since: int, error: PodroleError) -> None:
        """Give an error of credentials the exception of the caller's function that caused it. What ends the program does so."""
        cause = self._failures.told(error, since) if error.kind == "credentials" else None
        if isinstance(cause, KeyboardInterrupt | SystemExit):
            carrying(cause, error.receipt, error)
            raise cause
        if cause is not None:
            error.__cause__ = cause


def _grant_alone(grant: GrantLike) -> str:
    if isinstance(grant, Plan | Receipt | Report):
        what = type(grant).__name__.lower()
        raise invalid(f"this is a {what}, and a grant is needed", "give one of the `grants` of a plan or report")
    return grant_json(grant)


def _options(wait: Seconds | None, remove_provider: bool = False) -> str:
    options: dict[str, Any] = {"wait": seconds(wait, "wait"), "removeProvider": remove_provider}
    return json.dumps({key: value for key, value in options.items() if value is not None})


def _check_listener(listener: object, *, awaited: bool) -> None:
    if listener is not None and not callable(listener):
        raise invalid(f"on_event must be a function, this is {described(listener)}")
    if inspect.iscoroutinefunction(listener) and not awaited:
        raise invalid("on_event must be a plain function here, this is an `async def`", "use AsyncClient, or a plain function")


class Client(_Base):
    """Plans, applies, verifies and revokes grants. Many threads may share one; calls release the interpreter.

    Ctrl-C during `apply` or `revoke` finishes the step in flight, starts no further one, and raises `Interrupted` (a
    `KeyboardInterrupt`) with the receipt; a second Ctrl-C does not wait for the step.

    >>> import podrole, podrole.testing
    >>> grant = podrole.Grant(
    ...     cluster="devops_aurora",
    ...     service_account="devops-aurora-1/connections-serviceaccount-s3",
    ...     role="connections-role-test",
    ...     policies=["AmazonS3FullAccess"],
    ...     deployments=["connections-app"],
    ... )
    >>> with podrole.Client.in_memory(podrole.testing.Memory()) as client:
    ...     plan = client.plan(grant)
    ...     receipt = client.apply(plan)
    ...     client.verify(grant).raise_for_failures()
    ...     client.revoke(grant, receipt=receipt).is_complete
    <Report: 10 checks, 0 failed>
    True
    """

    def plan(self, grant: GrantLike) -> Plan:
        """Say what would be done to bring a grant about. Nothing is written.

        Raises:
            InvalidInputError: The grant breaks a rule.
            PodroleError: Of any kind, for what the reads met, and for what can be known to fail before the first write.
        """
        return Plan._of_text(self._read("plan", grant))

    def apply(
        self, what: Plan | GrantLike, *, wait: Seconds | None = None, on_event: EventListener | None = None
    ) -> Receipt:
        """Carry a plan out, or plan and carry out a grant in one go, and wait for the end.

        A plan that was made earlier is compared with the world first, and refused as `PlanStaleError` when it moved.

        Args:
            what: The plan, or the grant.
            wait: After the writes, wait at most so many seconds until the rollouts are complete; default: return when the writes
                are accepted.
            on_event: Receives the events, in this thread. What it raises is logged: it costs neither the run nor the receipt.

        Raises:
            PodroleError: What the first failed step met, with `leftovers` and `receipt`.
            Interrupted: Ctrl-C, with the receipt.
        """
        _check_listener(on_event, awaited=False)
        return self._finished(self._applying(what, wait), on_event)

    def start_apply(self, what: Plan | GrantLike, *, wait: Seconds | None = None) -> Run:
        """Start what `apply` does, and give the run: its events, its cancel, and the receipt at the end."""
        return self._start(self._applying(what, wait))

    def verify(self, grant: GrantLike) -> Report:
        """Look whether a grant is in force, as far as the configuration tells. Reads only.

        A failed check is not an error: see `Report.raise_for_failures`.

        Raises:
            InvalidInputError: The grant breaks a rule.
            PodroleError: Of any kind, for what the reads met.
        """
        return Report._of_text(self._read("verify", grant))

    def plan_revoke(self, grant: GrantLike) -> Plan:
        """Say what `revoke` would do. Nothing is written. Errors as `plan`."""
        return Plan._of_text(self._read("plan_revoke", grant))

    def revoke(
        self,
        grant: GrantLike,
        *,
        wait: Seconds | None = None,
        receipt: Receipt | Mapping[str, Any] | None = None,
        remove_provider: bool = False,
        on_event: EventListener | None = None,
    ) -> Receipt:
        """Take back what podrole did for a grant: only what carries its marks. What is gone already is not an error.

        Args:
            grant: The grant.
            wait: As for `apply`.
            receipt: The receipt of the apply, which tells what was put where no mark can be (attachments on a role that podrole did
                not create).
            remove_provider: Whether the cluster's OIDC provider goes too, if podrole made it and no role's trust names it.
            on_event: As for `apply`.

        Raises:
            PodroleError: As `apply`.
        """
        _check_listener(on_event, awaited=False)
        return self._finished(self._revoking(grant, wait, receipt, remove_provider), on_event)

    def start_revoke(
        self,
        grant: GrantLike,
        *,
        wait: Seconds | None = None,
        receipt: Receipt | Mapping[str, Any] | None = None,
        remove_provider: bool = False,
    ) -> Run:
        """Start what `revoke` does, and give the run."""
        return self._start(self._revoking(grant, wait, receipt, remove_provider))

    def close(self) -> None:
        """Close the client: runs under way go on to their end, which this waits for, and every further call is refused.

        Those count too that `apply` and `revoke` wait for in other threads. In a process that was forked since, nothing is waited for.

        Raises:
            Interrupted: Ctrl-C, which cancels the runs under way.
        """
        wait_for_all(self._closed)

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; when an exception leaves the block, cancel the runs under way first, and let it carry the receipt."""
        under_way = wait_for_all(self._closed, cancel=error is not None)
        if error is not None:
            carry(error, under_way)

    def _read(self, verb: str, grant: GrantLike) -> str:
        explain = self._explaining()
        try:
            return wait(self._reading(verb, grant))
        except PodroleError as error:
            explain(error)
            raise

    def _start(self, begin: Callable[[], _podrole.Work]) -> Run:
        explain = self._explaining()
        return Run(start(lambda: self._begin_run(begin)), explain)

    def _finished(self, begin: Callable[[], _podrole.Work], listener: EventListener | None) -> Receipt:
        explain = self._explaining()
        try:
            return finish(lambda: self._begin_run(begin), listener)
        except PodroleError as error:
            explain(error)
            raise


class AsyncClient(_Base):
    """Plans, applies, verifies and revokes grants, for asyncio: as `Client`, with `await`.

    It may be used from several event loops. Cancelling a task that awaits `apply` or `revoke` finishes the step in flight, starts
    no further one, and raises `asyncio.CancelledError` with `receipt` and `leftovers` (see `podrole.receipt_of`); a second
    cancellation does not wait for the step.

    >>> import asyncio, podrole, podrole.testing
    >>> async def main():
    ...     async with podrole.AsyncClient.in_memory(podrole.testing.Memory()) as client:
    ...         grant = podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app")
    ...         receipt = await client.apply(await client.plan(grant))
    ...         return (await client.verify(grant)).passed
    >>> asyncio.run(main())
    True
    """

    async def plan(self, grant: GrantLike) -> Plan:
        """As `Client.plan`."""
        return Plan._of_text(await self._read("plan", grant))

    async def apply(
        self, what: Plan | GrantLike, *, wait: Seconds | None = None, on_event: EventListener | None = None
    ) -> Receipt:
        """As `Client.apply`; events are received in the event loop."""
        _check_listener(on_event, awaited=True)
        return await self._finished(self._applying(what, wait), on_event)

    def start_apply(self, what: Plan | GrantLike, *, wait: Seconds | None = None) -> AsyncRun:
        """As `Client.start_apply`."""
        return self._start(self._applying(what, wait))

    async def verify(self, grant: GrantLike) -> Report:
        """As `Client.verify`."""
        return Report._of_text(await self._read("verify", grant))

    async def plan_revoke(self, grant: GrantLike) -> Plan:
        """As `Client.plan_revoke`."""
        return Plan._of_text(await self._read("plan_revoke", grant))

    async def revoke(
        self,
        grant: GrantLike,
        *,
        wait: Seconds | None = None,
        receipt: Receipt | Mapping[str, Any] | None = None,
        remove_provider: bool = False,
        on_event: EventListener | None = None,
    ) -> Receipt:
        """As `Client.revoke`; events are received in the event loop."""
        _check_listener(on_event, awaited=True)
        return await self._finished(self._revoking(grant, wait, receipt, remove_provider), on_event)

    def start_revoke(
        self,
        grant: GrantLike,
        *,
        wait: Seconds | None = None,
        receipt: Receipt | Mapping[str, Any] | None = None,
        remove_provider: bool = False,
    ) -> AsyncRun:
        """As `Client.start_revoke`."""
        return self._start(self._revoking(grant, wait, receipt, remove_provider))

    async def close(self) -> None:
        """As `Client.close`; the cancellation of the task is its Ctrl-C."""
        await wait_for_all_async(self._closed())

    async def __aenter__(self) -> Self:
        """Give itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As `Client.__exit__`."""
        under_way = self._closed()
        await wait_for_all_async(under_way, cancel=error is not None)
        if error is not None:
            carry(error, under_way)

    async def _read(self, verb: str, grant: GrantLike) -> str:
        explain = self._explaining()
        try:
            return await wait_async(self._reading(verb, grant)())
        except PodroleError as error:
            explain(error)
            raise

    def _start(self, begin: Callable[[], _podrole.Work]) -> AsyncRun:
        explain = self._explaining()
        return AsyncRun(self._begin_run(begin), explain)

    async def _finished(self, begin: Callable[[], _podrole.Work], listener: EventListener | None) -> Receipt:
        explain = self._explaining()
        try:
            return await finish_async(self._begin_run(begin), listener)
        except PodroleError as error:
            explain(error)
            raise


__all__ = ["AsyncClient", "AwsCredentials", "Client", "Kubeconfig"]
