"""Runs: events, cancel, Ctrl-C, cancelled tasks, threads and forks."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

import podrole
from podrole.testing import Memory


def test_events_can_be_read_late_and_again(grant: podrole.Grant) -> None:
    run = podrole.Client.in_memory(Memory()).start_apply(grant)
    receipt = run.finish()
    kinds = [event.kind for event in run]
    assert kinds == [event.kind for event in run]
    assert (kinds[0], kinds[-1]) == ("started", "finished")
    taken = []
    while (event := run.next_event()) is not None:
        taken.append(event.kind)
    assert taken == kinds
    assert run.finish() == receipt
    run.cancel()
    assert repr(run) == "<Run, ended>"


def test_cancel_finishes_the_step_in_flight_and_starts_no_other(grant: podrole.Grant) -> None:
    memory = Memory()
    client = podrole.Client.in_memory(memory)
    memory.set_latency(0.5)
    run = client.start_apply(client.plan(grant))
    for event in run:
        if event.kind == "step_started":
            run.cancel()
            break
    with pytest.raises(podrole.RunCancelledError) as caught:
        run.finish()
    receipt = caught.value.receipt
    assert receipt is not None
    outcomes = [step.outcome.kind for step in receipt.steps]
    assert outcomes[0] == "done"
    assert set(outcomes[1:]) == {"not_started"}
    assert "cancelling" in [event.kind for event in run]
    assert caught.value.leftovers.state == "remaining"


def test_a_second_cancel_ends_a_run_that_hangs(grant: podrole.Grant) -> None:
    memory = Memory()
    client = podrole.Client.in_memory(memory)
    plan = client.plan(grant)
    memory.script("iam:CreateRole", "hang_before")
    run = client.start_apply(plan)
    for event in run:
        if event.kind == "step_started":
            run.cancel()
            run.cancel()
            break
    with pytest.raises(podrole.RunCancelledError) as caught:
        run.finish()
    assert caught.value.leftovers.state == "unknown"
    assert caught.value.receipt is not None
    assert caught.value.receipt.steps[0].outcome.kind == "unknown"


def test_cancelling_a_task_gives_the_receipt(grant: podrole.Grant) -> None:
    memory = Memory()
    client = podrole.AsyncClient.in_memory(memory)

    async def main() -> asyncio.CancelledError:
        plan = await client.plan(grant)
        memory.set_latency(0.5)
        begun = asyncio.Event()
        task = asyncio.create_task(
            client.apply(plan, on_event=lambda event: begun.set() if event.kind == "step_started" else None)
        )
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert task.cancelled()
        return caught.value

    cancelled = asyncio.run(main())
    receipt = podrole.receipt_of(cancelled)
    assert receipt is not None
    assert receipt.steps[0].outcome.kind == "done"
    assert receipt.steps[-1].outcome.kind == "not_started"
    assert cancelled.leftovers.state == "remaining"  # type: ignore[attr-defined]


def test_a_read_that_hangs_is_cancelled_with_its_task(grant: podrole.Grant) -> None:
    memory = Memory()
    memory.script("eks:DescribeCluster", "hang_before")
    client = podrole.AsyncClient.in_memory(memory)

    async def main() -> None:
        async with asyncio.timeout(0.1):
            await client.plan(grant)

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_leaving_an_iteration_does_not_cancel(grant: podrole.Grant) -> None:
    memory = Memory()

    async def main() -> podrole.Receipt:
        run = podrole.AsyncClient.in_memory(memory).start_apply(grant)
        async for _ in run:
            break
        return await run

    assert asyncio.run(main()).is_complete


def test_many_threads_share_a_client() -> None:
    client = podrole.Client.in_memory(Memory())

    def work(number: int) -> bool:
        grant = podrole.Grant(cluster="devops_aurora", service_account=f"devops-aurora-1/a-{number}", role=f"r-{number}")
        return client.apply(grant).is_complete and client.verify(grant).passed

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(48)))


def test_closing_waits_for_runs(grant: podrole.Grant) -> None:
    memory = Memory()
    memory.set_latency(0.02)
    with podrole.Client.in_memory(memory) as client:
        client.start_apply(grant)
    assert "connections-role-test" in memory.world().to_dict()["accounts"]["204393242335"]["roles"]


def test_threads_that_share_the_events_of_a_run_get_each_in_its_place(
    grant: podrole.Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = podrole.Client.in_memory(Memory()).start_apply(grant)
    run.finish()
    kept = podrole.events.event_of
    others: list[podrole.Event] = []

    def meanwhile(one: Any) -> podrole.Event:
        monkeypatch.setattr("podrole.run.event_of", kept)
        others.extend(run)
        return kept(one)

    monkeypatch.setattr("podrole.run.event_of", meanwhile)
    events = list(run)
    assert events == others == list(run)
    assert [event.kind for event in events].count("started") == 1


def test_threads_that_take_the_events_of_a_run_share_them(grant: podrole.Grant, monkeypatch: pytest.MonkeyPatch) -> None:
    run = podrole.Client.in_memory(Memory()).start_apply(grant)
    kept = podrole.Run._event  # noqa: SLF001
    taken: list[podrole.Event | None] = []

    def meanwhile(self: podrole.Run, index: int) -> podrole.Event | None:
        event = kept(self, index)
        monkeypatch.setattr(podrole.Run, "_event", kept)
        taken.append(run.next_event())
        return event

    monkeypatch.setattr(podrole.Run, "_event", meanwhile)
    taken.append(run.next_event())
    while (event := run.next_event()) is not None:
        taken.append(event)
    assert taken == list(run)


def _program(text: str, *, interrupt_at: str | None = None, times: int = 1) -> subprocess.CompletedProcess[str]:
    """Run a program, and interrupt it when it prints a line."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-u", "-c", textwrap.dedent(text)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    seen = []
    if interrupt_at is not None:
        for _ in range(times):
            for line in process.stdout:
                seen.append(line)
                if line.strip() == interrupt_at:
                    process.send_signal(signal.SIGINT)
                    break
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess([], process.returncode, "".join(seen) + out, err)


HANGS = """
    import podrole, podrole.testing
    memory = podrole.testing.Memory()
    client = podrole.Client.in_memory(memory)
    plan = client.plan(podrole.Grant(
        cluster="devops_aurora", service_account="devops-aurora-1/app", role="app"))
    def told(event):
        if event.kind in ("step_started", "cancelling"):
            print(event.kind, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_finishes_the_step_and_gives_the_receipt() -> None:
    ended = _program(
        HANGS
        + """
    memory.set_latency(0.5)
    try:
        client.apply(plan, on_event=told)
    except podrole.Interrupted as interrupted:
        print([step.outcome.kind for step in interrupted.receipt.steps], interrupted.leftovers.state)
    """,
        interrupt_at="step_started",
    )
    assert "['done', 'not_started'] remaining" in ended.stdout, ended


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_second_ctrl_c_does_not_wait() -> None:
    ended = _program(
        """
    import threading, time, os, signal
    """
        + HANGS
        + """
    memory.script("iam:CreateRole", "hang_before")
    run = client.start_apply(plan)
    def twice():
        # When the main thread waits, it has taken Ctrl-C over.
        while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            pass
        for event in run:
            if event.kind == "step_started":
                os.kill(os.getpid(), signal.SIGINT)
            if event.kind == "cancelling":
                os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=twice, daemon=True).start()
    try:
        run.finish()
    except KeyboardInterrupt as interrupted:
        print([step.outcome.kind for step in interrupted.receipt.steps], interrupted.leftovers.state)
    """
    )
    assert "['unknown', 'not_started'] unknown" in ended.stdout, ended


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_after_a_fork_a_client_says_what_to_do_and_a_new_one_works() -> None:
    ended = _program(
        """
    import os, sys, warnings, podrole, podrole.testing
    warnings.simplefilter("ignore")
    grant = podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app")
    client = podrole.Client.in_memory(podrole.testing.Memory())
    run = client.start_apply(grant)
    run.finish()
    child = os.fork()
    if child == 0:
        for use in (lambda: client.plan(grant), run.finish):
            try:
                use()
            except podrole.ConfigInvalidError as error:
                print(error.message, "|", error.remedy)
        new = podrole.Client.in_memory(podrole.testing.Memory())
        print("works", new.apply(grant).is_complete, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print("parent works", client.verify(grant).passed)
    """
    )
    assert "this client was made before this process was forked | make a client in this process" in ended.stdout, ended
    assert "this run was made before" in ended.stdout, ended
    assert "works True" in ended.stdout, ended
    assert "parent works True" in ended.stdout, ended


def test_logging_gets_spans_of_the_core_and_nothing_when_it_is_not_asked() -> None:
    ended = _program(
        """
    import logging, podrole, podrole.testing
    grant = podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app")
    class Kept(logging.Handler):
        def emit(self, record): print(record.name, record.levelname, record.getMessage(), flush=True)
    logging.getLogger("podrole").addHandler(Kept())
    client = podrole.Client.in_memory(podrole.testing.Memory())
    client.plan(grant)
    print("---", flush=True)
    logging.getLogger("podrole").setLevel(logging.DEBUG)
    client.plan(grant)
    """
    )
    before, _, after = ended.stdout.partition("---")
    assert before == "", ended
    assert "INFO plan cluster=devops_aurora" in after, ended


def test_a_logger_below_podrole_has_a_level_of_its_own() -> None:
    ended = _program(
        """
    import logging, podrole, podrole.testing
    grant = podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app")
    logging.basicConfig(format="%(name)s %(levelname)s", force=True)
    logging.getLogger("podrole.ports").setLevel(logging.DEBUG)
    podrole.Client.in_memory(podrole.testing.Memory()).plan(grant)
    """
    )
    assert set(ended.stderr.splitlines()) == {"podrole.ports.calls DEBUG"}, ended


def test_the_module_says_what_it_is() -> None:
    shown = subprocess.run(
        [sys.executable, "-I", "-m", "podrole", "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert podrole.__version__ in shown
    assert "no command line" in shown


def test_the_pytest_plugin_is_there_by_itself(tmp_path: pathlib.Path) -> None:
    (tmp_path / "test_tool.py").write_text(
        textwrap.dedent(
            """
            import podrole

            def test_my_tool(podrole_client, podrole_memory):
                grant = podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app")
                podrole_client.apply(grant)
                assert [call.operation for call in podrole_memory.calls() if call.write][0] == "iam:CreateRole"
            """
        )
    )
    done: Any = subprocess.run(
        [sys.executable, "-P", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
