"""What a run did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from podrole import _podrole
from podrole._html import escaped, table
from podrole._records import Document, Record
from podrole.plan import Plan, Verb

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, kw_only=True, eq=False)
class DoneOutcome(Record):
    """The change was made."""

    kind: Literal["done"] = "done"


@dataclass(frozen=True, kw_only=True, eq=False)
class AlreadyDoneOutcome(Record):
    """The change turned out to be there already: made by an earlier attempt whose answer was lost."""

    kind: Literal["already_done"] = "already_done"


@dataclass(frozen=True, kw_only=True, eq=False)
class FailedOutcome(Record):
    """It failed.

    Attributes:
        kind: `failed`.
        error: Why, as data; `podrole.errors.from_payload` makes an exception of it.
        effect_unknown: Whether the answer was lost, so that the change may have been made all the same.
    """

    kind: Literal["failed"] = "failed"
    error: Mapping[str, Any]
    effect_unknown: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class NotStartedOutcome(Record):
    """It was not started: an earlier step failed, or the run was cancelled."""

    kind: Literal["not_started"] = "not_started"


@dataclass(frozen=True, kw_only=True, eq=False)
class UnknownOutcome(Record):
    """It was under way when the run was abandoned: whether it took effect is not known."""

    kind: Literal["unknown"] = "unknown"


Outcome: TypeAlias = DoneOutcome | AlreadyDoneOutcome | FailedOutcome | NotStartedOutcome | UnknownOutcome
"""What became of a step: `match outcome.kind`. Later versions add kinds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Call(Record):
    """A remote call.

    Attributes:
        operation: `iam:CreateRole`, `kubernetes:patch serviceaccounts`.
        depth: Its place in the longest chain of calls that waited for one another, from 1.
    """

    operation: str
    depth: int


@dataclass(frozen=True, kw_only=True, eq=False)
class StepReceipt(Record):
    """One step of a receipt.

    Attributes:
        step: The step's id in the plan.
        summary: What it changes, in words.
        outcome: What became of it.
        duration_ms: How long it took, in milliseconds.
        calls: The remote calls it made.
    """

    step: int
    summary: str
    outcome: Outcome
    duration_ms: int
    calls: tuple[Call, ...]


class Receipt(Document):
    """What a run did: every step's outcome, duration and calls.

    It holds its plan, so that `revoke` can tell what was put where. `to_json` saves it, and `print(receipt)` is for people.
    """

    __slots__ = ()

    def __init__(self) -> None:
        """Refuse: runs make receipts."""
        raise TypeError("a receipt comes from Client.apply, Client.revoke, Receipt.from_json or Receipt.from_dict")

    @classmethod
    def _checked(cls, text: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(_podrole.receipt_from_json(text))
        return found

    @property
    def plan(self) -> Plan:
        """The plan that was carried out."""
        return Plan._of(self._data["plan"])

    @property
    def verb(self) -> Verb:
        """Whether the run was for `apply` or for `revoke`."""
        found: Verb = self._data["plan"]["verb"]
        return found

    @property
    def steps(self) -> tuple[StepReceipt, ...]:
        """Its steps, in the plan's order."""
        return tuple(StepReceipt.from_dict(one) for one in self._data["steps"])

    @property
    def duration_ms(self) -> int:
        """How long the whole run took, in milliseconds."""
        found: int = self._data["durationMs"]
        return found

    @property
    def depth(self) -> int:
        """The longest chain of calls that waited for one another."""
        found: int = self._data["depth"]
        return found

    @property
    def calls(self) -> int:
        """How many remote calls were made."""
        found: int = self._data["calls"]
        return found

    @property
    def is_complete(self) -> bool:
        """Whether every step is done."""
        return len(self.done) == len(self._data["steps"])

    @property
    def done(self) -> tuple[str, ...]:
        """The steps whose change stands, in words."""
        return tuple(one.summary for one in self.steps if one.outcome.kind in ("done", "already_done"))

    @property
    def unknown(self) -> tuple[str, ...]:
        """The steps of which nobody knows whether their change was made, in words."""
        return tuple(one.summary for one in self.steps if _is_unknown(one.outcome))

    def __str__(self) -> str:
        """Print it for people: every step with a mark, and a line of totals."""
        return _podrole.receipt_text(self._json())

    def __repr__(self) -> str:
        """Say what it is, in a line."""
        return f"<Receipt of {self.verb}: {len(self.done)} of {len(self._data['steps'])} steps done>"

    def _repr_html_(self) -> str:
        """Show it as a table, in a notebook."""
        rows = [
            (str(one.step), escaped(one.summary), escaped(one.outcome.kind.replace("_", " ")), f"{one.duration_ms} ms")
            for one in self.steps
        ]
        return table(f"Receipt of {self.verb}", ("step", "what", "outcome", "took"), rows)

    def __rich__(self) -> RenderableType:
        """Show it as a table, when `rich` prints it."""
        from podrole.console import receipt_table

        return receipt_table(self)


def _is_unknown(outcome: Outcome) -> bool:
    return isinstance(outcome, UnknownOutcome) or (isinstance(outcome, FailedOutcome) and outcome.effect_unknown)
