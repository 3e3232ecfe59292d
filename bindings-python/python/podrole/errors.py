"""What can go wrong: `PodroleError`, and one class of it for each kind.

Where Python has a class for the same thing, the error is of that class too: `except PermissionError` catches a denial,
`except TimeoutError` a missing answer, `except ValueError` illegal input.

| class | kind | also a |
|---|---|---|
| `InvalidInputError` | `invalid_input` | `ValueError` |
| `ConfigInvalidError` | `config_invalid` | `ValueError` |
| `CredentialsError` | `credentials` | |
| `PermissionDeniedError` | `permission_denied` | `PermissionError` |
| `NotFoundError` | `not_found` | `LookupError` |
| `AlreadyExistsError` | `already_exists` | |
| `ConflictError` | `conflict` | |
| `LimitExceededError` | `limit_exceeded` | |
| `ThrottledError` | `throttled` | |
| `TimedOutError` | `timeout` | `TimeoutError` |
| `UnavailableError` | `unavailable` | `ConnectionError` |
| `RunCancelledError` | `cancelled` | |
| `PlanStaleError` | `plan_stale` | |
| `VerificationFailedError` | `verification_failed` | |
| `UnsupportedError` | `unsupported` | |
| `UnexpectedError` | `unexpected` | `RuntimeError` |
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from podrole._records import Record

if TYPE_CHECKING:
    from podrole.receipt import Receipt
    from podrole.report import Report

ErrorKind: TypeAlias = Literal[
    "invalid_input",
    "config_invalid",
    "credentials",
    "permission_denied",
    "not_found",
    "already_exists",
    "conflict",
    "limit_exceeded",
    "throttled",
    "timeout",
    "unavailable",
    "cancelled",
    "plan_stale",
    "verification_failed",
    "unsupported",
    "unexpected",
]
"""What kind of failure it was: a stable word. Later versions add kinds."""

Retry: TypeAlias = Literal["never", "safe", "exhausted"]
"""Whether calling again can help: `safe` may succeed and does no harm; `exhausted` was retried already: later, perhaps."""

LeftoversState: TypeAlias = Literal["none", "remaining", "unknown"]
"""What is left behind: nothing, changes that stand, or changes of which nobody knows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Leftovers(Record):
    """What a failed or cancelled run left behind.

    Attributes:
        state: `none` when nothing was changed; `remaining` for changes that stand (`apply` continues from there, `revoke`
            takes them back); `unknown` when the answer to a change was lost (`plan` tells).
        resources: The changes that stand, or, when the state is `unknown`, those that may or may not have been made, in words.
        remaining: The changes that stand for certain, in words, whatever the state; with `remaining` they are the resources.
    """

    state: LeftoversState = "none"
    resources: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Fill `remaining` in."""
        super().__post_init__()
        if self.state == "remaining":
            object.__setattr__(self, "remaining", self.resources)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Leftovers:
        """Read what `to_dict` wrote, or the leftovers of an error payload. Errors as for every record."""
        made = super().from_dict(data)
        made.__post_init__()
        return made


@dataclass(frozen=True, kw_only=True, eq=False)
class FieldConflict(Record):
    """A field that another field manager owns.

    Attributes:
        manager: The field manager that owns it (`argocd-controller`).
        field: The field's path.
    """

    manager: str
    field: str


class PodroleError(Exception):
    """A failure of podrole: `str()` is the message, and a traceback shows the remedy too.

    >>> import podrole, podrole.testing
    >>> client = podrole.Client.in_memory(podrole.testing.Memory())
    >>> try:
    ...     client.plan(podrole.Grant(cluster="no-such", service_account="default/app", role="app"))
    ... except podrole.NotFoundError as error:
    ...     print(error.kind, error.resource)
    not_found cluster no-such

    Attributes:
        kind: What kind of failure it was, a stable word (`permission_denied`).
        message: What happened, in words.
        operation: The remote call that failed (`iam:CreateRole`), or None.
        resource: The thing it was about (`role connections-role-test`), or None.
        aws_code: The service's own code (`AccessDenied`), or None.
        action: The IAM action or Kubernetes verb that is missing, on a denial; or None.
        remedy: What to do about it, or None.
        retry: Whether calling again can help, exactly.
        retryable: Whether calling again can help: `retry` is not `never`.
        conflicts: The fields that others own, on a conflict.
        leftovers: What a failed or cancelled run left behind.
        receipt: The receipt of the run that failed, or None.
    """

    _KIND: ClassVar[ErrorKind] = "unexpected"

    kind: ErrorKind
    message: str
    operation: str | None
    resource: str | None
    aws_code: str | None
    action: str | None
    remedy: str | None
    retry: Retry
    conflicts: tuple[FieldConflict, ...]
    leftovers: Leftovers
    receipt: Receipt | None

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        resource: str | None = None,
        aws_code: str | None = None,
        action: str | None = None,
        remedy: str | None = None,
        retry: Retry = "never",
        conflicts: tuple[FieldConflict, ...] = (),
        leftovers: Leftovers | None = None,
        receipt: Receipt | None = None,
    ) -> None:
        """Make an error; your own tests may, too."""
        super().__init__(message)
        self.kind = self._KIND
        self.message = message
        self.operation = operation
        self.resource = resource
        self.aws_code = aws_code
        self.action = action
        self.remedy = remedy
        self.retry = retry
        self.conflicts = conflicts
        self.leftovers = leftovers or Leftovers()
        self.receipt = receipt
        if remedy is not None:
            self.add_note(f"remedy: {remedy}")

    @property
    def retryable(self) -> bool:
        """Whether calling again can help."""
        return self.retry != "never"

    def __str__(self) -> str:
        """Give the thing and the message."""
        return f"{self.resource}: {self.message}" if self.resource else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Let copies and pickles be whole."""
        named = (
            "operation", "resource", "aws_code", "action", "remedy", "retry", "conflicts", "leftovers", "receipt",
        )  # fmt: skip
        return _again, (type(self), self.message, {name: getattr(self, name) for name in named})


def _again(made: type[PodroleError], message: str, named: dict[str, Any]) -> PodroleError:
    return made(message, **named)


class InvalidInputError(PodroleError, ValueError):
    """A grant, document, file or argument breaks a rule. Nothing was called or written."""

    _KIND = "invalid_input"


class ConfigInvalidError(PodroleError, ValueError):
    """The client is set up in a way that cannot work: kubeconfig, profile, endpoint, wrong cluster."""

    _KIND = "config_invalid"


class CredentialsError(PodroleError):
    """There are no usable AWS or Kubernetes credentials."""

    _KIND = "credentials"


class PermissionDeniedError(PodroleError, PermissionError):
    """The call was denied; `action` names the missing permission."""

    _KIND = "permission_denied"


class NotFoundError(PodroleError, LookupError):
    """A thing that must exist does not."""

    _KIND = "not_found"


class AlreadyExistsError(PodroleError):
    """A thing exists and is not podrole's to change."""

    _KIND = "already_exists"


class ConflictError(PodroleError):
    """Somebody else owns what would be written; `conflicts` names them."""

    _KIND = "conflict"


class LimitExceededError(PodroleError):
    """A quota of AWS would be, or was, exceeded."""

    _KIND = "limit_exceeded"


class ThrottledError(PodroleError):
    """The service asked to slow down and the retries are spent."""

    _KIND = "throttled"


class TimedOutError(PodroleError, TimeoutError):
    """No answer came in time."""

    _KIND = "timeout"


class UnavailableError(PodroleError, ConnectionError):
    """The service failed or cannot be reached."""

    _KIND = "unavailable"


class RunCancelledError(PodroleError):
    """The run or call was cancelled."""

    _KIND = "cancelled"


class PlanStaleError(PodroleError):
    """What the plan was made from has changed since."""

    _KIND = "plan_stale"


class VerificationFailedError(PodroleError):
    """`verify` found failed checks.

    Attributes:
        report: The report that has them, or None.
    """

    _KIND = "verification_failed"

    report: Report | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Let copies and pickles be whole."""
        return *super().__reduce__(), {"report": self.report}


class UnsupportedError(PodroleError):
    """podrole cannot do this (yet)."""

    _KIND = "unsupported"


class UnexpectedError(PodroleError, RuntimeError):
    """An answer that nobody expected."""

    _KIND = "unexpected"


_CLASSES: dict[str, type[PodroleError]] = {made._KIND: made for made in PodroleError.__subclasses__()}  # noqa: SLF001


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended a call. The step in flight was finished and no further one started.

    Attributes:
        receipt: The receipt of the run, or None when nothing had begun.
        error: The error that the cancelled run ended with, or None when every step was done by then.
    """

    def __init__(self, receipt: Receipt | None = None, error: PodroleError | None = None) -> None:
        """Carry the receipt."""
        super().__init__(_interrupted(receipt, error))
        self.receipt = receipt
        self.error = error

    def __reduce__(self) -> tuple[Any, ...]:
        """Let copies and pickles be whole."""
        return type(self), (self.receipt, self.error)

    @property
    def leftovers(self) -> Leftovers:
        """What is left behind."""
        return self.error.leftovers if self.error is not None else Leftovers()


def carrying(stopped: BaseException, receipt: Receipt | None, error: PodroleError | None) -> None:
    """Let what stopped a run carry its receipt: the cancellation of a task, or what a signal handler raised.

    It must stay what it is: `asyncio.timeout` knows no subclass of `CancelledError`.
    """
    stopped.add_note(_interrupted(receipt, error))
    carried: Any = stopped
    # An exception of the caller's own may take no attributes.
    with contextlib.suppress(AttributeError, TypeError):
        carried.receipt = receipt
        carried.leftovers = error.leftovers if error is not None else Leftovers()


def receipt_of(error: BaseException) -> Receipt | None:
    """Give the receipt that an exception carries, itself or in what it was raised from.

    Those of `PodroleError` and `Interrupted`, of the `CancelledError` of a task, and so of the `TimeoutError` that
    `asyncio.timeout` makes of it.

    >>> import podrole
    >>> podrole.receipt_of(ZeroDivisionError()) is None
    True
    """
    from podrole.receipt import Receipt

    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        found = getattr(one, "receipt", None)
        if isinstance(found, Receipt):
            return found
        one = one.__cause__ or one.__context__
    return None


def _interrupted(receipt: Receipt | None, error: PodroleError | None) -> str:
    if receipt is None:
        return "interrupted before anything was written"
    if error is None:
        return "interrupted; every step was done by then"
    return f"interrupted after {len(receipt.done)} of {len(receipt.steps)} steps; the receipt tells which"


def from_payload(fields: Mapping[str, Any], receipt: Receipt | None = None) -> PodroleError:
    """Make the exception of an error payload, such as a receipt holds of a failed step.

    Args:
        fields: The payload, as in `receipt.to_dict()`.
        receipt: The receipt of the run that failed.

    Raises:
        InvalidInputError: It is no error payload.
    """
    # Not at the top: what is given is checked with errors.
    from podrole._input import described, invalid, optional_text, text

    if not isinstance(fields, Mapping):
        raise invalid(f"an error payload must be a mapping, this is {described(fields)}")
    for name in ("kind", "message"):
        text(fields.get(name), f"{name} of an error payload")
    for name in ("operation", "resource", "awsCode", "action", "remedy", "retry"):
        optional_text(fields.get(name), f"{name} of an error payload")
    if not isinstance(fields.get("conflicts", ()), list | tuple):
        raise invalid(f"conflicts of an error payload must be a list, this is {described(fields['conflicts'])}")
    made = _CLASSES.get(fields["kind"], UnexpectedError)
    return made(
        fields["message"],
        operation=fields.get("operation"),
        resource=fields.get("resource"),
        aws_code=fields.get("awsCode"),
        action=fields.get("action"),
        remedy=fields.get("remedy"),
        retry=fields.get("retry", "never"),
        conflicts=tuple(map(FieldConflict.from_dict, fields.get("conflicts", ()))),
        leftovers=Leftovers.from_dict(fields.get("leftovers", {})),
        receipt=receipt,
    )


def from_failure(failure: str) -> PodroleError:
    """Make the exception of a failure of the native half, which calls this."""
    from podrole.receipt import Receipt

    fields: dict[str, Any] = json.loads(failure)
    receipt = Receipt._of(fields["receipt"]) if "receipt" in fields else None  # noqa: SLF001
    error = from_payload(fields, receipt)
    above: BaseException = error
    for cause in fields.get("causes", []):
        above.__cause__ = RuntimeError(cause)
        above = above.__cause__
    return error
