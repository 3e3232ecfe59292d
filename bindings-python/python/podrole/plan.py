"""What will be done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from podrole import _podrole
from podrole._html import escaped, table
from podrole._input import described, flag, invalid
from podrole._records import Document, Record
from podrole.grant import Cluster, Grant

if TYPE_CHECKING:
    from rich.console import RenderableType

    from podrole.receipt import Receipt

Verb: TypeAlias = Literal["apply", "revoke"]
"""What a plan is for: `apply` makes the world what the grants say, `revoke` takes back what podrole did for them."""

NoticeLevel: TypeAlias = Literal["info", "warning"]
"""How much a reader should care."""

ActionKind: TypeAlias = Literal[
    "create_provider",
    "add_client_id",
    "delete_provider",
    "create_policy",
    "update_policy",
    "tag_policy",
    "untag_policy",
    "delete_policy",
    "create_role",
    "update_trust",
    "update_role",
    "put_boundary",
    "delete_boundary",
    "tag_role",
    "untag_role",
    "delete_role",
    "attach_policy",
    "detach_policy",
    "put_inline_policy",
    "delete_inline_policy",
    "apply_service_account",
    "restore_service_account",
    "delete_service_account",
    "apply_workload",
    "restore_workload",
    "edit_file",
]
"""What a step does. Later versions add kinds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Change(Record):
    """One field before and after.

    Attributes:
        field: The field, in the service's words.
        before: What it reads like now; None when absent.
        after: What it will read like; None when removed.
    """

    field: str
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Target(Record):
    """Where a step works.

    Attributes:
        resource: The thing, in words (`role connections-role-test`).
        account: The AWS account, for steps on AWS.
        cluster: The cluster, for steps on Kubernetes.
        credentials: Which credentials are used: the account that the grant named, if it named one.
    """

    resource: str
    account: str | None = None
    cluster: Cluster | None = None
    credentials: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Step(Record):
    """A change and why it is made.

    Attributes:
        id: Its number in the plan, from 1.
        summary: What is done, in words (`create role connections-role-test`).
        why: Why.
        target: Where.
        depends_on: The ids of the steps that must be done before.
        changes: What changes, field by field, for people.
        action: What is done, for the machine: `kind` tells which call, the rest are its arguments.
    """

    id: int
    summary: str
    why: str
    target: Target
    depends_on: tuple[int, ...] = ()
    changes: tuple[Change, ...] = ()
    action: Mapping[str, Any]

    @property
    def kind(self) -> ActionKind:
        """Which action it is."""
        found: ActionKind = self.action["kind"]
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Notice(Record):
    """Something that the plan does not change and the reader should know.

    Attributes:
        level: How much to care.
        resource: What it is about (`role connections-role-test`).
        message: What to know, in one sentence.
    """

    level: NoticeLevel
    resource: str
    message: str


class Plan(Document):
    """What will be done. A plan does nothing until it is applied, and cannot be changed.

    `print(plan)` is for people; `to_json` saves it, and `from_json` reads it back to be applied later.

    >>> import podrole, podrole.testing
    >>> client = podrole.Client.in_memory(podrole.testing.Memory())
    >>> grant = podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app")
    >>> plan = client.plan(grant)
    >>> [step.kind for step in plan.steps]
    ['create_role', 'apply_service_account']
    >>> saved = plan.to_json()
    >>> podrole.Plan.from_json(saved) == plan
    True
    """

    __slots__ = ("_steps",)

    _steps: tuple[Step, ...]

    def __init__(self) -> None:
        """Refuse: a client makes plans."""
        raise TypeError("a plan comes from Client.plan, Plan.from_json or Plan.from_dict")

    @classmethod
    def _checked(cls, text: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(_podrole.plan_from_json(text))
        return found

    @property
    def verb(self) -> Verb:
        """What it is for."""
        found: Verb = self._data["verb"]
        return found

    @property
    def grants(self) -> tuple[Grant, ...]:
        """The grants it was made from."""
        return tuple(Grant._of(one) for one in self._data["grants"])

    @property
    def owner(self) -> str:
        """Who runs podrole."""
        found: str = self._data["options"]["owner"]
        return found

    @property
    def remove_provider(self) -> bool:
        """For `revoke`: whether the OIDC provider goes too."""
        found: bool = self._data["options"]["removeProvider"]
        return found

    @property
    def steps(self) -> tuple[Step, ...]:
        """The changes, each after those it depends on."""
        try:
            return self._steps
        except AttributeError:
            found = tuple(Step.from_dict(one) for one in self._data["steps"])
            object.__setattr__(self, "_steps", found)
            return found

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is not changed and should be known."""
        return tuple(Notice.from_dict(one) for one in self._data["notices"])

    def _clusters(self) -> list[str]:
        """Give the ARNs of its clusters: names of clusters and roles are the same in many accounts and regions."""
        return sorted({cluster["arn"] for _, cluster in self._data.get("hints", {}).get("clusters", ())})

    @property
    def receipt(self) -> Receipt | None:
        """For `revoke`: the receipt it was given."""
        from podrole.receipt import Receipt

        found = self._data.get("receipt")
        return None if found is None else Receipt._of(found)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self._data["steps"]

    def render(self, *, width: int | None = None, color: bool = False) -> str:
        """Print it for people: what changes, before → after, and why.

        Args:
            width: Columns to fill, at least 40; default 100.
            color: Whether to colour with ANSI codes; default no. Decide by terminal and `NO_COLOR`.
        """
        if width is not None and (isinstance(width, bool) or not isinstance(width, int) or not 0 <= width < 2**31):
            raise invalid(f"width must be a whole number of columns, this is {described(width)}")
        return _podrole.plan_text(self._json(), width, flag(color, "color"))

    def __str__(self) -> str:
        """Print it for people, without colour."""
        return self.render()

    def __repr__(self) -> str:
        """Say what it is, in a line."""
        count = len(self._data["steps"])
        return f"<Plan to {self.verb}: {count} step{'' if count == 1 else 's'}>"

    def _repr_html_(self) -> str:
        """Show it as a table, in a notebook."""
        rows = [(str(step.id), step.summary, "<br>".join(_change(one) for one in step.changes), step.why) for step in self.steps]
        notes = "".join(f"<p>cluster: {escaped(arn)}</p>" for arn in self._clusters())
        notes += "".join(f"<p>{escaped(note.level)}: {escaped(note.resource)}: {escaped(note.message)}</p>" for note in self.notices)
        if not rows:
            return f"<p>Nothing to {escaped(self.verb)}.</p>{notes}"
        cells = [(escaped(number), escaped(summary), changes, escaped(why)) for number, summary, changes, why in rows]
        return table(f"Plan to {self.verb}", ("step", "what", "before → after", "why"), cells) + notes

    def __rich__(self) -> RenderableType:
        """Show it as a tree, when `rich` prints it."""
        from podrole.console import plan_tree

        return plan_tree(self)


def _change(change: Change) -> str:
    before, after = change.before, change.after
    name = escaped(change.field)
    if before is None:
        return f"{name}: {escaped(after or '')}"
    if after is None:
        return f"{name}: <s>{escaped(before)}</s>"
    return f"{name}: {escaped(before)} → {escaped(after)}"
