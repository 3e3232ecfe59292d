"""What `verify` found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from podrole import _podrole
from podrole._html import escaped, table
from podrole._records import Document, Record
from podrole.errors import VerificationFailedError
from podrole.grant import Grant

if TYPE_CHECKING:
    from rich.console import RenderableType

CheckKind: TypeAlias = Literal[
    "provider",
    "audience",
    "role",
    "trust",
    "pod_identity",
    "boundary",
    "attachment",
    "document",
    "annotation",
    "workload",
    "rollout",
    "credentials",
    "kustomization",
    "data_sync",
]
"""What a check looked at. Later versions add kinds."""

Status: TypeAlias = Literal["passed", "warned", "skipped", "failed"]
"""How a check came out.

`passed` is as it should be; `warned` works, but somebody should look at it; `skipped` could not be looked at; with `failed`, pods
will not get, or not keep to, what the grant says.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Check(Record):
    """One finding of a report.

    Attributes:
        kind: What was looked at.
        resource: The thing, in words.
        status: How it came out.
        message: What was found.
        remedy: What to do about it.
    """

    kind: CheckKind
    resource: str
    status: Status
    message: str
    remedy: str | None = None


class Report(Document):
    """What `verify` found. `print(report)` is for people, `to_json` saves it.

    >>> import podrole, podrole.testing
    >>> client = podrole.Client.in_memory(podrole.testing.Memory())
    >>> grant = podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app")
    >>> client.verify(grant).passed
    False
    >>> receipt = client.apply(grant)
    >>> client.verify(grant).raise_for_failures().passed
    True
    """

    __slots__ = ()

    def __init__(self) -> None:
        """Refuse: a client makes reports."""
        raise TypeError("a report comes from Client.verify, Report.from_json or Report.from_dict")

    @classmethod
    def _checked(cls, text: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(_podrole.report_from_json(text))
        return found

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The grants that were verified."""
        return tuple(Grant._of(one) for one in self._data["grants"])

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks, in the order in which a credential comes about."""
        return tuple(Check.from_dict(one) for one in self._data["checks"])

    @property
    def passed(self) -> bool:
        """Whether no check failed. Warned and skipped checks do not count as failures."""
        return not self.failures

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "failed")

    def raise_for_failures(self) -> Report:
        """Give the report itself, unless a check failed.

        Raises:
            VerificationFailedError: With message and remedy of the first failed check and the count of the others, and the report.
        """
        try:
            _podrole.report_into_result(self._json())
        except VerificationFailedError as error:
            error.report = self
            raise
        return self

    def __str__(self) -> str:
        """Print it for people: every check with a mark, remedies, and a line of totals."""
        return _podrole.report_text(self._json())

    def __repr__(self) -> str:
        """Say what it is, in a line."""
        failed = len(self.failures)
        return f"<Report: {len(self.checks)} checks, {failed} failed>"

    def _repr_html_(self) -> str:
        """Show it as a table, in a notebook."""
        rows = [
            (escaped(one.status), escaped(one.kind), escaped(one.resource), escaped(one.message), escaped(one.remedy or ""))
            for one in self.checks
        ]
        return table("Verification", ("status", "check", "thing", "found", "remedy"), rows)

    def __rich__(self) -> RenderableType:
        """Show it as a table, when `rich` prints it."""
        from podrole.console import report_table

        return report_table(self)
