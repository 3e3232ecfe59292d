"""asyncio: two grants at the same time, with their events as they come."""

import asyncio

import podrole
from podrole.testing import Memory


async def follow(run: podrole.AsyncRun, name: str) -> podrole.Receipt:
    """Print the events of a run."""
    async for event in run:
        match event.kind:
            case "step_started":
                print(f"{name}: … {event.summary}")
            case "step_finished":
                print(f"{name}: {event.outcome.kind} after {event.duration_ms} ms")
            case _:  # later versions add kinds
                pass
    return await run


async def main() -> None:
    """Apply both."""
    memory = Memory()
    memory.set_latency(0.02)
    async with podrole.AsyncClient.in_memory(memory) as client:
        runs = {
            name: client.start_apply(
                podrole.Grant(
                    cluster="devops_aurora",
                    service_account=f"devops-aurora-1/{name}",
                    role=name,
                    policies=["AmazonS3ReadOnlyAccess"],
                )
            )
            for name in ("importer", "exporter")
        }
        receipts = await asyncio.gather(*(follow(run, name) for name, run in runs.items()))
    for receipt in receipts:
        print(repr(receipt))


asyncio.run(main())
