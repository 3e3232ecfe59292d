"""Ctrl-C stops a run between steps. What is done stands, and `apply` goes on from there."""

import signal

import podrole
from podrole.events import Event
from podrole.testing import Memory

grant = podrole.Grant(
    cluster="devops_aurora",
    service_account="devops-aurora-1/connections-serviceaccount-s3",
    role="connections-role-test",
    policies=["AmazonS3FullAccess"],
    deployments=["connections-app"],
)
memory = Memory()
memory.set_latency(0.05)


def at_the_first_step(event: Event) -> None:
    """Press Ctrl-C, for the sake of this example."""
    if event.kind == "step_started" and event.step == 1:
        signal.raise_signal(signal.SIGINT)


with podrole.Client.in_memory(memory) as client:
    try:
        client.apply(grant, on_event=at_the_first_step)
    except podrole.Interrupted as interrupted:  # a KeyboardInterrupt
        print(interrupted)
        print(interrupted.receipt)
        print(f"left behind: {interrupted.leftovers.state}")

    receipt = client.apply(grant)
    print(f"\ngone on from there:\n{receipt}")
