"""What a step of a case must come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import podrole
from tests.conformance.cases import ABSENT, meaning, only, pointed

if TYPE_CHECKING:
    from tests.conformance.runner import CaseRun


@dataclass
class Given:
    """What a step gave."""

    plan: podrole.Plan | None = None
    receipt: podrole.Receipt | None = None
    report: podrole.Report | None = None
    grant: podrole.Grant | None = None
    events: list[str] | None = None
    text: str | None = None
    document: dict[str, Any] | None = None
    error: podrole.PodroleError | None = None

    def there(self, name: str) -> Any:
        """Give something of it; a case that expects it of another step is wrong."""
        found = getattr(self, name)
        assert found is not None, f"there is no {name}"
        return found


def check_step(run: CaseRun, given: Given, expect: dict[str, Any]) -> None:
    """Fail where something that is expected does not hold."""
    only(expect, {"error", *_CHECKS})
    if "error" not in expect:
        if given.error is not None:
            raise given.error
    else:
        assert given.error is not None, f"succeeds instead of failing as {expect['error']['kind']}"
        _error(given.error, expect["error"])
    for key, wanted in expect.items():
        if key != "error":
            _CHECKS[key](run, given, wanted)


def _contains(what: str, text: str | None, words: list[str]) -> None:
    for word in words:
        assert text is not None and word in text, f"{what} lacks {word!r}: {text}"


def _error(error: podrole.PodroleError, wanted: dict[str, Any]) -> None:
    only(wanted, {"kind", "code", "resource", "action", "leftovers", "retry", "message", "remedy", "conflicts"})
    assert error.kind == wanted["kind"], repr(error)
    _contains("the message", error.message, wanted.get("message", []))
    _contains("the remedy", error.remedy, wanted.get("remedy", []))
    found = {
        "code": error.aws_code,
        "resource": error.resource,
        "action": error.action,
        "leftovers": error.leftovers.state,
        "retry": error.retry,
        "conflicts": [{"manager": one.manager, "field": one.field} for one in error.conflicts],
    }
    for key, value in found.items():
        if key in wanted:
            assert value == wanted[key], key


def _empty(_: CaseRun, given: Given, wanted: bool) -> None:
    assert given.there("plan").is_empty == wanted


def _steps(_: CaseRun, given: Given, wanted: list[dict[str, Any]]) -> None:
    steps = given.there("plan").steps
    assert [(step.kind, step.summary) for step in steps] == [(one["kind"], one["summary"]) for one in wanted]
    for step, one in zip(steps, wanted, strict=True):
        only(one, {"kind", "summary", "after"})
        if "after" in one:
            assert list(step.depends_on) == one["after"], step.summary


def _notices(_: CaseRun, given: Given, wanted: list[dict[str, Any]]) -> None:
    notices = given.there("plan").notices
    assert len(notices) == len(wanted), notices
    for one in wanted:
        only(one, {"level", "resource", "contains"})
        assert any(
            (note.level, note.resource) == (one["level"], one["resource"]) and one["contains"] in note.message
            for note in notices
        ), (one, notices)


def _printed(_: CaseRun, given: Given, wanted: list[str]) -> None:
    _contains("what is printed", str(given.plan if given.plan is not None else given.there("report")), wanted)


def _outcomes(_: CaseRun, given: Given, wanted: list[str]) -> None:
    assert [step.outcome.kind for step in given.there("receipt").steps] == wanted


def _events(_: CaseRun, given: Given, wanted: list[str]) -> None:
    assert given.there("events") == wanted


def _depth(_: CaseRun, given: Given, wanted: int) -> None:
    assert given.there("receipt").depth == wanted


def _passed(_: CaseRun, given: Given, wanted: bool) -> None:
    assert given.there("report").passed == wanted, str(given.report)


def _checks(_: CaseRun, given: Given, wanted: list[dict[str, Any]]) -> None:
    checks = given.there("report").checks
    assert [(one.kind, one.status) for one in checks] == [(one["kind"], one["status"]) for one in wanted]
    for check, one in zip(checks, wanted, strict=True):
        only(one, {"kind", "status", "contains"})
        _contains(check.kind, check.message, [one["contains"]] if "contains" in one else [])


def _calls(run: CaseRun, _: Given, wanted: dict[str, int]) -> None:
    calls = [call.operation for call in run.memory.calls()]
    for operation, count in wanted.items():
        begin = operation.removesuffix("*")
        covered = [one for one in calls if (one.startswith(begin) if operation.endswith("*") else one == operation)]
        assert len(covered) == count, operation


def _writes(run: CaseRun, _: Given, wanted: list[str]) -> None:
    assert sorted(call.operation for call in run.memory.calls() if call.write) == sorted(wanted)


def _world(run: CaseRun, _: Given, wanted: dict[str, Any]) -> None:
    world = run.memory.world().to_dict()
    for pointer, value in wanted.items():
        assert pointed(run.index, world, pointer) == value, pointer


def _absent(run: CaseRun, _: Given, wanted: list[str]) -> None:
    world = run.memory.world().to_dict()
    for pointer in wanted:
        assert pointed(run.index, world, pointer) is ABSENT, pointer


def _documents(run: CaseRun, _: Given, wanted: dict[str, Any]) -> None:
    world = run.memory.world().to_dict()
    for pointer, value in wanted.items():
        assert meaning(pointed(run.index, world, pointer)) == meaning(value), pointer


def _world_is(run: CaseRun, _: Given, name: str) -> None:
    assert run.memory.world().comparable() == run.worlds[name].comparable()


def _grant(run: CaseRun, given: Given, wanted: dict[str, Any]) -> None:
    grant = given.there("grant").to_dict()
    for pointer, value in wanted.items():
        found = pointed(run.index, grant, pointer)
        assert (None if found is ABSENT else found) == value, pointer


def _text(_: CaseRun, given: Given, wanted: str) -> None:
    assert given.there("text") == wanted


def _document(_: CaseRun, given: Given, wanted: dict[str, Any]) -> None:
    assert meaning(given.there("document")) == meaning(wanted)


_CHECKS: dict[str, Any] = {
    "empty": _empty,
    "steps": _steps,
    "notices": _notices,
    "printed": _printed,
    "outcomes": _outcomes,
    "events": _events,
    "depth": _depth,
    "passed": _passed,
    "checks": _checks,
    "calls": _calls,
    "writes": _writes,
    "world": _world,
    "absent": _absent,
    "documents": _documents,
    "worldIs": _world_is,
    "grant": _grant,
    "text": _text,
    "document": _document,
}
