"""Runs the cases of tests/conformance through the public API, with either client. The format is documented in the README there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

import podrole
from podrole.testing import Memory, World
from tests.conformance.cases import Index, edited, only
from tests.conformance.expect import Given, check_step

Style = Literal["sync", "async"]


class Verbs:
    """The verbs of a client, whether it is for threads or for asyncio."""

    def __init__(self, memory: Memory, style: Style, **settings: Any) -> None:
        self._style = style
        if style == "sync":
            self._client = podrole.Client.in_memory(memory, **settings)
        else:
            self._async = podrole.AsyncClient.in_memory(memory, **settings)

    def call(self, verb: str, *arguments: Any) -> Any:
        """Call a verb that reads."""
        if self._style == "sync":
            return getattr(self._client, verb)(*arguments)
        return asyncio.run(getattr(self._async, verb)(*arguments))

    def run(self, verb: str, given: Given, *arguments: Any, **options: Any) -> None:
        """Start a verb that writes, and keep its events and its receipt."""
        events: list[str] = []
        given.events = events
        if self._style == "sync":
            run = getattr(self._client, verb)(*arguments, **options)
            events.extend(event.kind for event in run)
            given.receipt = run.finish()
            return

        async def carry_out() -> podrole.Receipt:
            run: podrole.AsyncRun = getattr(self._async, verb)(*arguments, **options)
            async for event in run:
                events.append(event.kind)
            return await run

        given.receipt = asyncio.run(carry_out())


def run_case(index: Index, case: dict[str, Any], style: Style) -> None:
    """Run a case; fail where it does not hold."""
    only(case, {"name", "why", "world", "edits", "client", "grants", "steps"})
    run = CaseRun(index, case, style)
    for number, step in enumerate(case["steps"], 1):
        run.memory.clear_calls()
        try:
            run.step(step)
        except BaseException as error:
            error.add_note(f"in step {number} of {case['name']!r}")
            raise


class CaseRun:
    """The state of a case between its steps."""

    def __init__(self, index: Index, case: dict[str, Any], style: Style) -> None:
        only(case.get("client", {}), {"owner"})
        world = case.get("world", "seed")
        begun = World.seed() if world == "seed" else World.from_dict(world)
        self.index = index
        self.style: Style = style
        self.memory = Memory(edited(index, begun.to_dict(), case.get("edits", [])))
        self.verbs = Verbs(self.memory, style, **case.get("client", {}))
        self.grants: dict[str, Any] = {**index["grants"], **case.get("grants", {})}
        self.plans: dict[str, str] = {}
        self.receipts: dict[str, str] = {}
        self.worlds: dict[str, World] = {}

    def grant(self, name: str) -> podrole.Grant:
        """Read a grant by its name."""
        return podrole.Grant.from_json(json.dumps(self.grants[name]))

    def step(self, step: dict[str, Any]) -> None:
        """Do a step and look at what it came to."""
        step = dict(step)
        perform, keys, setup = _STEPS[step.pop("do")]
        expect = step.pop("expect", None)
        only(step, keys)
        given = Given()
        try:
            perform(self, given, **step)
        except podrole.PodroleError as error:
            if setup:
                raise
            given.error = error
            given.receipt = given.receipt or error.receipt
        if given.receipt is not None:
            given.plan = given.plan or given.receipt.plan
            if "save" in step:
                self.receipts[step["save"]] = given.receipt.to_json()
        assert not (setup and expect is not None), "a preparation expects nothing"
        check_step(self, given, expect or {})


def _read(_: CaseRun, given: Given, text: str, format: str) -> None:
    given.grant = {"yaml": podrole.Grant.from_yaml, "json": podrole.Grant.from_json}[format](text)


def _plan(run: CaseRun, given: Given, grant: str, save: str = "") -> None:
    given.plan = run.verbs.call("plan", run.grant(grant))
    run.plans[save] = given.there("plan").to_json()


def _plan_revoke(run: CaseRun, given: Given, grant: str, save: str = "") -> None:
    given.plan = run.verbs.call("plan_revoke", run.grant(grant))
    run.plans[save] = given.there("plan").to_json()


def _apply(run: CaseRun, given: Given, grant: str, save: str = "") -> None:
    run.verbs.run("start_apply", given, run.grant(grant))


def _apply_plan(run: CaseRun, given: Given, plan: str, owner: str | None = None) -> None:
    verbs = run.verbs if owner is None else Verbs(run.memory, run.style, owner=owner)
    verbs.run("start_apply", given, podrole.Plan.from_json(run.plans[plan]))


def _verify(run: CaseRun, given: Given, grant: str) -> None:
    given.report = run.verbs.call("verify", run.grant(grant))


def _revoke(
    run: CaseRun, given: Given, grant: str, receipt: str | None = None, removeProvider: bool = False  # noqa: N803
) -> None:
    kept = None if receipt is None else podrole.Receipt.from_json(run.receipts[receipt])
    run.verbs.run("start_revoke", given, run.grant(grant), receipt=kept, remove_provider=removeProvider)


def _edit_world(run: CaseRun, _: Given, edits: list[dict[str, Any]]) -> None:
    run.memory.edit(lambda world: edited(run.index, world, edits))


def _remember(run: CaseRun, _: Given, **named: str) -> None:
    run.worlds[named["as"]] = run.memory.world()


def _fault(run: CaseRun, _: Given, fault: dict[str, Any]) -> None:
    only(fault, {"operation", "nth", "effect"})
    effect = dict(fault["effect"])
    run.memory.script(fault["operation"], effect.pop("type"), nth=fault.get("nth"), **effect)


def _clear(run: CaseRun, _: Given) -> None:
    run.memory.clear_faults()


def _point(run: CaseRun, _: Given, cluster: str, arn: str) -> None:
    run.memory.point_kubernetes_at(cluster, arn)


def _artifact(_: CaseRun, given: Given, artifact: str, arguments: dict[str, Any]) -> None:
    only(arguments, {camel(name) for name in ARTIFACTS[artifact]})
    named = {name: arguments[camel(name)] for name in ARTIFACTS[artifact] if camel(name) in arguments}
    made = getattr(podrole, artifact)(**named)
    if isinstance(made, str):
        given.text = made
    else:
        given.document = made


def camel(name: str) -> str:
    """Write a name of Python as the cases do."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


ARTIFACTS = {
    "trust_document": ["provider_arn", "service_account"],
    "service_account_yaml": ["service_account", "role_arn"],
    "data_sync_statement": ["role_arn", "source_account", "external_id"],
    "s3_policy": ["partition", "buckets", "access"],
    "kustomize_patch": ["service_account"],
}
"""The pure functions with their arguments in order."""

_STEPS: dict[str, tuple[Callable[..., None], set[str], bool]] = {
    "read": (_read, {"text", "format"}, False),
    "plan": (_plan, {"grant", "save"}, False),
    "planRevoke": (_plan_revoke, {"grant", "save"}, False),
    "apply": (_apply, {"grant", "save"}, False),
    "applyPlan": (_apply_plan, {"plan", "owner"}, False),
    "verify": (_verify, {"grant"}, False),
    "revoke": (_revoke, {"grant", "receipt", "removeProvider"}, False),
    "editWorld": (_edit_world, {"edits"}, True),
    "rememberWorld": (_remember, {"as"}, True),
    "fault": (_fault, {"fault"}, True),
    "clearFaults": (_clear, set(), True),
    "pointKubernetesAt": (_point, {"cluster", "arn"}, True),
    "artifact": (_artifact, {"artifact", "arguments"}, False),
}
