"""What a run tells while it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from podrole._records import Record
from podrole.receipt import Outcome


@dataclass(frozen=True, kw_only=True, eq=False)
class StartedEvent(Record):
    """The run begins: always the first event.

    Attributes:
        kind: `started`.
        steps: How many steps there are.
    """

    kind: Literal["started"] = "started"
    steps: int


@dataclass(frozen=True, kw_only=True, eq=False)
class StepStartedEvent(Record):
    """A step begins.

    Attributes:
        kind: `step_started`.
        step: Its id.
        summary: What it changes, in words.
    """

    kind: Literal["step_started"] = "step_started"
    step: int
    summary: str


@dataclass(frozen=True, kw_only=True, eq=False)
class WaitingEvent(Record):
    """A step waits for something outside to become effective.

    Attributes:
        kind: `waiting`.
        step: Its id; 0 for the wait after all steps.
        reason: For what.
    """

    kind: Literal["waiting"] = "waiting"
    step: int
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class StepFinishedEvent(Record):
    """A step ended.

    Attributes:
        kind: `step_finished`.
        step: Its id.
        outcome: What became of it.
        duration_ms: How long it took, in milliseconds.
    """

    kind: Literal["step_finished"] = "step_finished"
    step: int
    outcome: Outcome
    duration_ms: int


@dataclass(frozen=True, kw_only=True, eq=False)
class CancellingEvent(Record):
    """A cancel was asked for; the steps under way finish, and no other begins."""

    kind: Literal["cancelling"] = "cancelling"


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishedEvent(Record):
    """The run ended: always the last event.

    Attributes:
        kind: `finished`.
        complete: Whether every step is done.
        done: How many steps are done.
        duration_ms: How long it took, in milliseconds.
    """

    kind: Literal["finished"] = "finished"
    complete: bool
    done: int
    duration_ms: int


Event: TypeAlias = (
    StartedEvent | StepStartedEvent | WaitingEvent | StepFinishedEvent | CancellingEvent | FinishedEvent
)
"""What a run tells: `match event.kind`. Later versions add kinds."""

_CLASSES: dict[object, type[Any]] = {
    one.__dataclass_fields__["kind"].default: one
    for one in (StartedEvent, StepStartedEvent, WaitingEvent, StepFinishedEvent, CancellingEvent, FinishedEvent)
}


def event_of(data: dict[str, Any]) -> Event:
    """Make the event of its JSON form."""
    made: Event = _CLASSES[data["kind"]].from_dict(data)
    return made
