"""
The native module.
"""

from _typeshed import SupportsGetItem
from typing import Any, Final, SupportsFloat, SupportsIndex, final

__all__ = ["VERSION", "Client", "Memory", "Reply", "Stop", "Work", "claim_errands", "comparable_world", "data_sync_statement", "forked", "grant_from_json", "grant_from_value", "grant_from_yaml", "grant_to_yaml", "grants_from_file", "grants_from_json", "grants_from_yaml", "kustomize_patch", "leave_interpreter", "next_errand", "plan_from_json", "plan_text", "receipt_from_json", "receipt_text", "report_from_json", "report_into_result", "report_text", "s3_policy", "seed_world", "service_account_yaml", "set_log_level", "trust_document", "unclaim_errands", "world_from_json"]

VERSION: Final[str]
"""
The version of the core.
"""

@final
class Client:
    """
    A client. Cheap to drop; work that began goes on.
    """
    def apply(self, /, value: str, settings: str) -> Work:
        """
        Plans and applies a grant.
        """
    def apply_plan(self, /, plan: str, settings: str) -> Work:
        """
        Applies a plan.
        """
    @staticmethod
    def connect(settings: str, credentials: Any | None, accounts: SupportsGetItem[int, str], defaults: bool, token: Any | None) -> Client:
        """
        A client of real services: see [`connect`](crate::connect::connect).
        """
    @staticmethod
    def in_memory(memory: Memory, settings: str) -> Client:
        """
        A client of a world in memory.
        """
    def plan(self, /, value: str) -> Work:
        """
        Plans a grant.
        """
    def plan_revoke(self, /, value: str) -> Work:
        """
        Plans the revocation of a grant.
        """
    def revoke(self, /, value: str, settings: str, given: str | None) -> Work:
        """
        Revokes a grant.
        """
    def verify(self, /, value: str) -> Work:
        """
        Verifies a grant.
        """

@final
class Memory:
    """
    A running simulation.
    """
    def __new__(cls, /, world: str) -> Memory:
        """
        Starts from a world.
        """
    def assume_role_with_web_identity(self, /, cluster: str, namespace: str, service_account: str, audience: str, role: str) -> str:
        """
        What a pod gets from STS, as JSON text.
        """
    def calls(self, /) -> str:
        """
        The calls so far.
        """
    def clear_calls(self, /) -> None:
        """
        Forgets them.
        """
    def clear_faults(self, /) -> None:
        """
        Forgets faults and stops.
        """
    def point_kubernetes_at(self, /, cluster: str, arn: str) -> None:
        """
        Leads the Kubernetes connection of a cluster to another one.
        """
    def replace(self, /, before: str, after: str) -> bool:
        """
        Replaces the world, if it is still as it was.
        """
    def restart(self, /) -> None:
        """
        Takes calls again after a stop.
        """
    def roll_out(self, /) -> None:
        """
        Lets all workloads roll out.
        """
    def script(self, /, fault: str) -> None:
        """
        Adds a fault.
        """
    def set_lag(self, /, lag: SupportsFloat | SupportsIndex) -> None:
        """
        How many seconds IAM takes to show a new role.
        """
    def set_latency(self, /, latency: SupportsFloat | SupportsIndex) -> None:
        """
        How many seconds each remote call takes.
        """
    def stop_after_call(self, /, nth: SupportsIndex, filter: str) -> Stop:
        """
        Lets the caller die after the n-th call took effect.
        """
    def stop_before_call(self, /, nth: SupportsIndex, filter: str) -> Stop:
        """
        Lets the caller die before the n-th call takes effect.
        """
    def world(self, /) -> str:
        """
        The world as it is now.
        """

@final
class Reply:
    """
    Where the answer to a question goes.
    """
    def give(self, /, answer: str) -> None:
        """
        Answers. The interpreter is held meanwhile, so that nobody is killed here.
        """

@final
class Stop:
    """
    A point at which the caller is made to die.
    """
    def is_reached(self, /) -> bool:
        """
        Whether it was reached.
        """

@final
class Work:
    """
    Work. A run begins with the call that gives it, and letting go of it does not stop it; reading begins when somebody waits for it.
    """
    def answer(self, /) -> str | None:
        """
        What it came to, as JSON text; `None` while it goes on.
        """
    def cancel(self, /) -> None:
        """
        Stops it: gently the first time, at once the second time.
        """
    def events(self, /, index: SupportsIndex, seconds: SupportsFloat | SupportsIndex) -> str | None:
        """
        The events from an index on, as a JSON array, after waiting at most so many seconds for the first of them; `None` after the last.
        """
    def forget(self, /, listening: SupportsIndex) -> None:
        """
        Calls a listener no more.
        """
    def listen(self, /, listener: Any) -> int:
        """
        Calls `listener` from another thread at every event from now on and at the end; its number.
        """
    def wait(self, /, seconds: SupportsFloat | SupportsIndex) -> bool:
        """
        Waits at most so many seconds for the end; whether it has ended.
        """

def claim_errands(lane: SupportsIndex) -> bool | None:
    """
    Whether the caller must start a thread that takes the errands of a lane: nobody does yet. `None` when there will be none any more.
    """

def comparable_world(world: str) -> str:
    """
    A world without what differs between two ways to the same state.
    """

def data_sync_statement(role_arn: str, source_account: str | None, external_id: str | None) -> str:
    """
    The trust policy of a data-sync role as JSON text.
    """

def forked() -> None:
    """
    Forgets the threads of the process that this one was forked from. `os.register_at_fork` calls it, in the child.
    """

def grant_from_json(text: str) -> str:
    """
    The one grant of a JSON text.
    """

def grant_from_value(value: str) -> str:
    """
    The long form of a grant that a program made.
    """

def grant_from_yaml(text: str) -> str:
    """
    The one grant of a YAML text.
    """

def grant_to_yaml(grant: str) -> str:
    """
    A grant as YAML.
    """

def grants_from_file(path: str) -> str:
    """
    The grants of a file.
    """

def grants_from_json(text: str) -> str:
    """
    The grants of a JSON text.
    """

def grants_from_yaml(text: str) -> str:
    """
    The grants of a YAML text.
    """

def kustomize_patch(service_account: str) -> str:
    """
    A JSON6902 patch as YAML.
    """

def leave_interpreter() -> None:
    """
    Waits for the records that are not written yet, then closes the lanes and waits for those inside. `atexit` calls it.
    """

def next_errand(lane: SupportsIndex) -> Any | None:
    """
    Waits for an errand of a lane, and gives its arguments; the one before is done. `None` when no more come.
    """

def plan_from_json(text: str) -> str:
    """
    Checks the JSON text of a plan, and writes it in full.
    """

def plan_text(plan: str, width: SupportsIndex | None, color: bool) -> str:
    """
    A plan for people.
    """

def receipt_from_json(text: str) -> str:
    """
    Checks the JSON text of a receipt, and writes it in full.
    """

def receipt_text(text: str) -> str:
    """
    A receipt for people.
    """

def report_from_json(text: str) -> str:
    """
    Checks the JSON text of a report, and writes it in full.
    """

def report_into_result(text: str) -> None:
    """
    Fails as `verify` would have it when a check of the report failed.
    """

def report_text(text: str) -> str:
    """
    A report for people.
    """

def s3_policy(partition: str, buckets: SupportsGetItem[int, str], access: str) -> str:
    """
    A policy for S3 buckets as JSON text; `access` is JSON text too.
    """

def seed_world() -> str:
    """
    The world of the worked example.
    """

def service_account_yaml(service_account: str, role_arn: str) -> str:
    """
    A service account's manifest as YAML.
    """

def set_log_level(level: SupportsIndex) -> None:
    """
    Lets records of this level and above cross over: the core asks no interpreter about the others.
    """

def trust_document(provider_arn: str, service_account: str) -> str:
    """
    A trust policy as JSON text.
    """

def unclaim_errands(lane: SupportsIndex) -> None:
    """
    Takes that back: there is no thread to be had.
    """

def world_from_json(text: str) -> str:
    """
    Checks the JSON text of a world.
    """
