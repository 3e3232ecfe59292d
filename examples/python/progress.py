"""Several grants at a time with asyncio: their progress, and a deadline for all of them."""

import asyncio

import podrole
from podrole.testing import Memory


async def apply(client: podrole.AsyncClient, grant: podrole.Grant) -> podrole.Receipt:
    """Apply a grant and tell how it goes."""
    name = grant.service_account.name
    run = client.start_apply(grant)
    async for event in run:
        match event.kind:
            case "started":
                print(f"{name}: {event.steps} steps")
            case "step_started":
                print(f"{name}: {event.step} {event.summary}")
            case "waiting":
                print(f"{name}: waiting: {event.reason}")
            case "step_finished":
                print(f"{name}: {event.step} {event.outcome.kind}")
            case _:  # later versions add kinds
                pass
    return await run


async def main() -> None:
    """Give three services their roles."""
    memory = Memory()
    memory.set_latency(0.02)  # so that there is something to see
    grants = [
        podrole.Grant(cluster="devops_aurora", service_account=f"devops-aurora-1/{name}", role=name, policies=[policy])
        for name, policy in (
            ("reader", "AmazonS3ReadOnlyAccess"),
            ("uploads", {"name": "uploads", "s3": {"buckets": ["my-uploads"], "access": "write"}}),
            ("queue", "AmazonSQSFullAccess"),
        )
    ]
    async with podrole.AsyncClient.in_memory(memory) as client, asyncio.timeout(60), asyncio.TaskGroup() as group:
        tasks = [group.create_task(apply(client, grant)) for grant in grants]
    for grant, task in zip(grants, tasks, strict=True):
        receipt = task.result()
        print(f"{grant.service_account.name}: {len(receipt.done)} of {len(receipt.steps)} done, {receipt.calls} calls")


if __name__ == "__main__":
    asyncio.run(main())
