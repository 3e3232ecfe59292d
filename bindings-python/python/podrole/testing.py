"""A simulation of AWS accounts and EKS clusters, as strict as they are: for dry runs and tests of your own tooling.

With pytest, the fixtures `podrole_memory` and `podrole_client` are there by themselves.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeAlias

from podrole import _podrole
from podrole._input import described, invalid, json_of, seconds, text
from podrole._records import Document, Record
from podrole.errors import ErrorKind

CallFilter: TypeAlias = Literal["all", "reads", "writes"]
"""Which calls a `Stop` counts."""

EffectType: TypeAlias = Literal[
    "denied",
    "throttled",
    "server_error",
    "network",
    "garbled",
    "invalid_principal",
    "lost_answer",
    "hang_before",
    "hang_after",
    "error",
]
"""What a fault does.

Nothing happens with `denied`, `throttled`, `server_error`, `network`, `invalid_principal` (the trust policy names a principal that
IAM does not know yet), `error` (a refusal of your choice) and `hang_before` (no answer, ever). The effect happens with `garbled`
(the answer cannot be read), `lost_answer` (the caller sees a timeout) and `hang_after`.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class CallRecord(Record):
    """A call that the simulation received.

    Attributes:
        operation: `iam:CreateRole`, `kubernetes:patch serviceaccounts`, `files:write`.
        resource: What it was about (`role connections-role-test`).
        write: Whether it changes something.
    """

    operation: str
    resource: str
    write: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class AssumedRole(Record):
    """Whom the credentials stand for that `AssumeRoleWithWebIdentity` gave.

    Attributes:
        arn: `arn:aws:sts::204393242335:assumed-role/connections-role-test/podrole`.
        role_unique_id: The role's unique id.
        statement: Position of the trust statement that let the token in, from 0.
    """

    arn: str
    role_unique_id: str
    statement: int


class World(Document):
    """Everything that exists in a simulation: accounts with their IAM, clusters, files.

    >>> from podrole.testing import World
    >>> sorted(World.seed().to_dict()["accounts"])
    ['204393242335']
    """

    __slots__ = ()

    def __init__(self) -> None:
        """Refuse: worlds are read."""
        raise TypeError("a world comes from World.seed, World.from_dict or World.from_json")

    @classmethod
    def seed(cls) -> World:
        """Give the world of the worked example: one account, one cluster, one deployment, and nothing of podrole's."""
        return cls._of(json.loads(_podrole.seed_world()))

    @classmethod
    def _checked(cls, text: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(_podrole.world_from_json(text))
        return found

    def comparable(self) -> dict[str, Any]:
        """Give it without what differs between two ways to the same state (ids, versions, times)."""
        found: dict[str, Any] = json.loads(_podrole.comparable_world(self._json()))
        return found

    def edited(self, change: Callable[[dict[str, Any]], object]) -> World:
        """Give another world, changed by a function that gets the dictionary. What the change leaves out is filled in."""
        data = self.to_dict()
        change(data)
        return World.from_dict(data)

    def __repr__(self) -> str:
        """Say what there is."""
        return f"<World of {len(self._data['accounts'])} accounts and {len(self._data['clusters'])} clusters>"


class Stop:
    """A point at which the caller is made to die: no call is answered and none has an effect, until `Memory.restart`."""

    def __init__(self, native: _podrole.Stop) -> None:
        """Take over a point that a simulation was told."""
        self._native = native

    @property
    def is_reached(self) -> bool:
        """Whether the point was reached."""
        return self._native.is_reached()


class Memory:
    """A running simulation.

    >>> import podrole
    >>> from podrole.testing import Memory
    >>> memory = Memory()
    >>> memory.script("iam:CreateRole", "denied")
    >>> client = podrole.Client.in_memory(memory)
    >>> try:
    ...     client.apply(podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app"))
    ... except PermissionError as error:
    ...     print(error.action)
    iam:CreateRole
    >>> [call.operation for call in memory.calls() if call.write]
    ['iam:CreateRole']

    Args:
        world: What there is at the beginning; default `World.seed()`. What a mapping leaves out is filled in, but for
            `schemaVersion`, which is 1.

    Raises:
        InvalidInputError: It is no world.
    """

    def __init__(self, world: World | Mapping[str, Any] | None = None) -> None:
        """Start from a world."""
        self._native = _podrole.Memory(json_of(World.seed() if world is None else world, "the world"))

    def world(self) -> World:
        """Give the world as it is now."""
        return World._of(json.loads(self._native.world()))

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the world as somebody else would, without a call.

        What the change leaves out is filled in, and workloads that it touches roll out.

        Args:
            change: Changes the dictionary that it gets, or gives another mapping. Should the world change meanwhile, it is called
                again.
        """
        if not callable(change):
            raise invalid(f"change must be a function, this is {described(change)}")
        while True:
            before = self._native.world()
            draft: dict[str, Any] = json.loads(before)
            given = change(draft)
            after = given if isinstance(given, Mapping | World) else draft
            if self._native.replace(before, json_of(after, "the world")):
                return

    def calls(self) -> tuple[CallRecord, ...]:
        """Give the calls received so far, in the order in which they arrived."""
        return tuple(CallRecord.from_dict(one) for one in json.loads(self._native.calls()))

    def clear_calls(self) -> None:
        """Forget the calls received so far."""
        self._native.clear_calls()

    def set_latency(self, latency: float | timedelta) -> None:
        """Let each remote call take so many seconds: the effect comes after half of it, the answer at its end. Default 0."""
        self._native.set_latency(seconds(latency, "latency") or 0.0)

    def set_lag(self, lag: float | timedelta) -> None:
        """Let IAM take so many seconds to show a new role to readers, to trust policies and to STS. Default 0."""
        self._native.set_lag(seconds(lag, "lag") or 0.0)

    def script(
        self,
        operation: str,
        effect: EffectType,
        *,
        nth: int | None = None,
        error: ErrorKind | None = None,
        code: str | None = None,
        message: str | None = None,
    ) -> None:
        """Add a fault. Of several that cover a call, the one added first is played.

        Args:
            operation: The operations it is played at: `iam:CreateRole`, or a beginning and a star (`iam:*`, `*`).
            effect: What happens.
            nth: At which of them, counted from 1 since the fault was scripted; default: at each.
            error: For `error`: the kind that the error has.
            code: For `error`: the service's code.
            message: For `error`: the service's message.
        """
        what: dict[str, Any] = {"type": effect, "error": error, "code": code, "message": message}
        fault = {
            "operation": text(operation, "operation"),
            "nth": nth,
            "effect": {key: value for key, value in what.items() if value is not None},
        }
        self._native.script(json_of({key: value for key, value in fault.items() if value is not None}, "the fault"))

    def clear_faults(self) -> None:
        """Forget all faults and stops."""
        self._native.clear_faults()

    def stop_before_call(self, nth: int, calls: CallFilter = "all") -> Stop:
        """Let the caller die just before the n-th call from now (counted from 1) takes effect, until `restart`."""
        return Stop(self._native.stop_before_call(_count(nth), json.dumps(text(calls, "calls"))))

    def stop_after_call(self, nth: int, calls: CallFilter = "all") -> Stop:
        """Let the caller die just after the n-th call from now (counted from 1) took effect, and before its answer."""
        return Stop(self._native.stop_after_call(_count(nth), json.dumps(text(calls, "calls"))))

    def restart(self) -> None:
        """Take calls again after a `Stop` was reached: those of a new run."""
        self._native.restart()

    def roll_out(self) -> None:
        """Let all workloads roll out, also those of clusters whose `autoRollout` is false."""
        self._native.roll_out()

    def point_kubernetes_at(self, name: str, arn: str) -> None:
        """Lead who asks for the API server of the cluster `name` to that of the cluster with this ARN.

        A kubeconfig that points to the wrong cluster does the same.
        """
        self._native.point_kubernetes_at(text(name, "name"), text(arn, "arn"))

    def assume_role_with_web_identity(
        self, cluster: str, service_account: str, role: str, audience: str = "sts.amazonaws.com"
    ) -> AssumedRole:
        """Do what a pod of a service account does: ask STS for the role, with a token for an audience.

        Args:
            cluster: The cluster's ARN.
            service_account: The service account as `namespace/name`.
            role: The role's ARN.
            audience: The token's audience.

        Raises:
            NotFoundError: The cluster or service account is not in the world.
            PermissionDeniedError: As STS says it, where the token is not let in.
        """
        namespace, _, name = text(service_account, "service_account").partition("/")
        found = self._native.assume_role_with_web_identity(
            text(cluster, "cluster"), namespace, name, text(audience, "audience"), text(role, "role")
        )
        return AssumedRole.from_dict(json.loads(found))

    def __copy__(self) -> Memory:
        """Start another simulation from the same world."""
        return Memory(self.world())

    def __deepcopy__(self, memo: object) -> Memory:
        """Start another simulation from the same world."""
        return copy.copy(self)


def _count(nth: object) -> int:
    if isinstance(nth, bool) or not isinstance(nth, int) or not 1 <= nth < 2**32:
        raise invalid(f"nth must be a whole number from 1, this is {described(nth)}")
    return nth
