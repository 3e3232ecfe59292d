"""Benchmarks, as ratios of one run: see scripts/python-bench, which builds what they need.

Prints a line for each budget, and fails when one is passed.
"""

from __future__ import annotations

import json
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import podrole
from podrole import _podrole
from podrole.testing import Memory, World

GRANT: dict[str, Any] = {
    "cluster": "devops_aurora",
    "serviceAccount": "devops-aurora-1/connections-serviceaccount-s3",
    "role": "connections-role-test",
    "policies": ["AmazonS3FullAccess"],
    "deployments": ["connections-app"],
}
# The benchmarks' build has the core alone beside the package's own functions.
core_plans: Callable[[Any, str, int], list[float]] = getattr(_podrole, "core_plans")  # noqa: B009
over = 0


def say(what: str, found: str, budget: str, *, good: bool) -> None:
    """Print a line."""
    global over
    over += not good
    print(f"{'✓' if good else '✗'} {what}: {found} (budget: {budget})")


def times(count: int, work: Callable[[], object]) -> list[float]:
    """Give the microseconds of each of so many calls."""
    found = []
    for _ in range(count):
        begun = time.perf_counter()
        work()
        found.append((time.perf_counter() - begun) * 1e6)
    return found


def overhead() -> None:
    """Measure what a call costs over the core: a plan of the worked example."""
    memory, core = Memory(), _podrole.Memory(World.seed().to_json())
    client = podrole.Client.in_memory(memory)
    grant, value = podrole.Grant.from_dict(GRANT), json.dumps(GRANT)
    times(300, lambda: client.plan(grant))
    core_plans(core, value, 300)
    own: list[float] = []
    theirs: list[float] = []
    # By turns, so that what else the machine does hits both.
    for _ in range(10):
        own += times(200, lambda: client.plan(grant))
        theirs += core_plans(core, value, 200)
        memory.clear_calls()
        core.clear_calls()
    python, alone = statistics.median(own), statistics.median(theirs)
    found = f"plan {python:.0f} µs, core alone {alone:.0f} µs, ratio {python / alone:.2f}, overhead {python - alone:.0f} µs"
    say("overhead of a call", found, "≤ 100 µs", good=python - alone <= 100)


def conversion() -> None:
    """Measure what a plan of 1,000 steps costs on its way to Python."""
    world = World.seed().to_dict()
    [cluster] = world["clusters"].values()
    deployments = {f"app-{number}": {"replicas": 1} for number in range(1000)}
    cluster["namespaces"]["devops-aurora-1"]["deployments"] |= deployments
    grant = podrole.Grant.from_dict({**GRANT, "deployments": list(deployments)})
    client, core = podrole.Client.in_memory(Memory(world)), _podrole.Memory(json.dumps(world))
    own = statistics.median(times(9, lambda: client.plan(grant)))
    alone = statistics.median(core_plans(core, grant.to_json(), 9))
    plan = client.plan(grant)
    [steps] = times(1, lambda: plan.steps)
    taken = own - alone
    found = f"{own / 1e3:.1f} ms for {len(plan.steps)} steps, core alone {alone / 1e3:.1f} ms, difference {taken / 1e3:.1f} ms"
    say("a plan of 1,000 steps", found, "conversion ≤ 10 ms", good=taken <= 10_000)
    print(f"  its steps as objects, when they are first asked for: {steps / 1e3:.1f} ms")


def loading() -> None:
    """Measure what an import takes."""
    sets = {"nothing": "pass", "podrole": "import podrole", "theirs": "import boto3, kubernetes"}
    found: dict[str, list[float]] = {name: [] for name in sets}
    for _ in range(11):
        for name, code in sets.items():
            command = [sys.executable, "-I", "-c", code]
            found[name] += times(1, lambda command=command: subprocess.run(command, check=True))  # type: ignore[misc]
    taken = {name: statistics.median(one) for name, one in found.items()}
    own, theirs = taken["podrole"] - taken["nothing"], taken["theirs"] - taken["nothing"]
    text = f"{own / 1e3:.0f} ms, boto3 + kubernetes {theirs / 1e3:.0f} ms: {theirs / own:.1f} × faster"
    say("import", text, "at least 5 × faster", good=theirs / own >= 5)


def size(wheels: pathlib.Path) -> None:
    """Compare wheels."""

    def of(*names: str) -> float:
        return sum(path.stat().st_size for name in names for path in wheels.glob(f"{name}-[0-9]*")) / 2**20

    own, theirs = of("podrole"), of("botocore", "kubernetes")
    everything = sum(path.stat().st_size for path in wheels.iterdir()) / 2**20 - own
    text = f"{own:.1f} MB, botocore + kubernetes {theirs:.1f} MB ({everything:.1f} MB with what they need)"
    say("wheel", text, "not larger", good=0 < own <= theirs)


overhead()
conversion()
loading()
size(pathlib.Path(sys.argv[1]))
sys.exit(over > 0)
