"""Endings from outside: the end of the interpreter, signals of one's own, deadlines. No abort, no lost receipt, no further step."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import pytest

import podrole
from podrole.connection import connection_of
from podrole.events import Event
from podrole.testing import Memory

PREPARED = """
    import asyncio, os, signal, sys, threading, podrole
    from podrole.testing import Memory
    grant = podrole.Grant(
        cluster="devops_aurora", service_account="devops-aurora-1/app", role="app", policies=["AmazonS3FullAccess"])
    memory = Memory()
    client = podrole.Client.in_memory(memory)
    def main_thread_waits():
        # It takes Ctrl-C over then.
        while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            pass
    def outcomes(receipt):
        return [step.outcome.kind for step in receipt.steps]
"""


def program(text: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own."""
    return subprocess.run(
        [sys.executable, "-I", "-c", textwrap.dedent(PREPARED) + textwrap.dedent(text)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "text",
    [
        # A loop that is told by our threads, which are just about to leave.
        """
        later = podrole.AsyncClient.in_memory(memory)
        print(asyncio.run(later.start_apply(grant).finish()).is_complete)
        """,
        # Records that are handed over while everything ends.
        """
        import logging
        logging.basicConfig(level=1, filename=os.devnull)
        for _ in range(20):
            client.start_apply(grant)
        """,
        # Daemons that are in the middle of calls, the last of which the end cancels.
        """
        import logging
        logging.getLogger("podrole").setLevel(logging.ERROR)
        threading.excepthook = lambda _: None
        def busy():
            while True:
                podrole.Client.in_memory(Memory()).apply(grant)
        for _ in range(4):
            threading.Thread(target=busy, daemon=True).start()
        """,
        # Daemons that are in the middle of failures, the last of which may be another one.
        """
        threading.excepthook = lambda _: None
        def busy():
            while True:
                try:
                    podrole.Grant(cluster="", service_account="a/b", role="r")
                except podrole.InvalidInputError:
                    pass
        for _ in range(4):
            threading.Thread(target=busy, daemon=True).start()
        """,
    ],
    ids=["asyncio", "logging", "daemons", "failures"],
)
@pytest.mark.parametrize("time", range(3))
def test_the_interpreter_ends_in_peace(text: str, time: int) -> None:
    ended = program(text)
    assert (ended.returncode, ended.stderr) == (0, ""), time


NEVER_RETURNS = """
    import logging
    entered = threading.Event()
    def looping(*_):
        entered.set()
        while True:
            pass
    def blocking(*_):
        entered.set()
        threading.Event().wait()
    def plan_with_credentials():
        later = podrole.Client(credentials={function}, region="ca-central-1")
        threading.Thread(target=lambda: later.plan(grant), daemon=True).start()
    def run_with_credentials():
        podrole.Client(credentials={function}, region="ca-central-1").start_apply(grant)
    def plan_with_records():
        # Not a handler: `logging` itself waits for those.
        logging.getLogger("podrole.client").addFilter({function})
        logging.basicConfig(level=logging.INFO)
        client.plan(grant)
    {begin}()
    entered.wait()
    {end}
"""


@pytest.mark.parametrize("end", ["", "sys.exit(1)"])
@pytest.mark.parametrize("function", ["looping", "blocking"])
@pytest.mark.parametrize("begin", ["plan_with_credentials", "run_with_credentials", "plan_with_records"])
def test_a_function_of_the_caller_that_never_returns_does_not_disturb_the_end(begin: str, function: str, end: str) -> None:
    ended = program(NEVER_RETURNS.format(begin=begin, function=function, end=end))
    assert ended.returncode == (1 if end else 0), ended
    assert "Fatal" not in ended.stderr, ended
    assert "panicked" not in ended.stderr, ended


def test_a_slow_credentials_function_keeps_no_other_waiting() -> None:
    ended = program(
        """
        second = threading.Event()
        def slow():
            second.wait()
            raise ZeroDivisionError("slow")
        def quick():
            second.set()
            raise ZeroDivisionError("quick")
        def plan(function):
            try:
                podrole.Client(credentials=function, region="ca-central-1").plan(grant)
            except podrole.CredentialsError as error:
                print(repr(error.__cause__))
        waiting = threading.Thread(target=plan, args=(slow,))
        waiting.start()
        plan(quick)
        waiting.join()
        """
    )
    assert sorted(ended.stdout.splitlines()) == ["ZeroDivisionError('quick')", "ZeroDivisionError('slow')"], ended


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_after_a_fork_functions_are_asked_and_records_handed_over_as_before() -> None:
    ended = program(
        """
        import logging, warnings
        warnings.simplefilter("ignore")
        class Shown(logging.Handler):
            def emit(self, record):
                print(os.getpid() == parent, record.getMessage(), flush=True)
        parent = os.getpid()
        def failing():
            raise ZeroDivisionError("no login")
        def plan():
            try:
                podrole.Client(credentials=failing, region="ca-central-1").plan(grant)
            except podrole.CredentialsError as error:
                print(os.getpid() == parent, repr(error.__cause__), flush=True)
        logging.getLogger("podrole").addHandler(Shown())
        logging.getLogger("podrole").setLevel(logging.INFO)
        plan()
        child = os.fork()
        if child == 0:
            plan()
            sys.exit()
        os.waitpid(child, 0)
        """
    )
    for here in ("True", "False"):
        lines = [line for line in ended.stdout.splitlines() if line.startswith(here)]
        assert f"{here} ZeroDivisionError('no login')" in lines, ended
        assert any("plan cluster=devops_aurora" in line for line in lines), ended


@pytest.mark.parametrize("client", ["Client", "AsyncClient"])
@pytest.mark.parametrize("raised", ["SystemExit(7)", "KeyboardInterrupt()"])
def test_what_ends_the_program_in_a_credentials_function_comes_out_of_the_call(client: str, raised: str) -> None:
    ended = program(
        f"""
        def ends():
            raise {raised}
        later = podrole.{client}(credentials=ends, region="ca-central-1")
        try:
            found = later.plan(grant)
            asyncio.run(found)
        except BaseException as error:
            print(repr(error), podrole.receipt_of(error))
        """
    )
    assert ended.stdout.strip() == f"{raised} None", ended


def test_a_run_that_fails_with_credentials_has_their_functions_failure_as_its_cause(grant: podrole.Grant) -> None:
    def failing() -> podrole.AwsCredentials:
        raise ZeroDivisionError("no login")

    client = podrole.Client(credentials=failing, region="ca-central-1")
    later = podrole.AsyncClient(credentials=failing, region="ca-central-1")

    async def run() -> None:
        await later.start_apply(grant)

    calls: list[Callable[[], object]] = [
        lambda: client.apply(grant),
        lambda: client.start_apply(grant).finish(),
        lambda: client.start_revoke(grant).finish(),
        lambda: asyncio.run(run()),
    ]
    for call in calls:
        with pytest.raises(podrole.CredentialsError) as caught:
            call()
        assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_failure_that_cannot_be_put_in_words_is_named_by_its_class(grant: podrole.Grant) -> None:
    class Wordless(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    def failing() -> podrole.AwsCredentials:
        raise Wordless

    with pytest.raises(podrole.CredentialsError, match="Wordless") as caught:
        podrole.Client(credentials=failing, region="ca-central-1").plan(grant)
    assert isinstance(caught.value.__cause__, Wordless)


def test_the_failure_of_one_function_is_not_forgotten_when_another_one_succeeds() -> None:
    def failing() -> podrole.AwsCredentials:
        raise ZeroDivisionError("no login")

    fixed = podrole.AwsCredentials(access_key_id="a", secret_access_key="s")
    connection = connection_of(
        {}, session=None, credentials=fixed, account_credentials={"222222222222": failing}, kubeconfig=None, token=None
    )
    assert connection.credentials is not None
    connection.credentials("222222222222")
    connection.credentials("")
    error = podrole.CredentialsError("there are none: ZeroDivisionError: no login")
    assert isinstance(connection.failures.told(error), ZeroDivisionError)


@pytest.mark.parametrize(
    ("fault", "latency", "said"),
    [
        ('memory.script("iam:CreateRole", "hang_before")', 0, "whether these were made is not known: create role app;"),
        ("", 0.2, "these changes stand: create role app;"),
    ],
    ids=["hanging", "slow"],
)
def test_a_run_that_the_end_of_the_program_meets_is_cancelled_and_said(fault: str, latency: float, said: str) -> None:
    ended = program(
        f"""
        plan = client.plan(grant)
        {fault}
        memory.set_latency({latency})
        run = client.start_apply(plan)
        for event in run:
            if event.kind == "step_started":
                break
        """
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended
    [line] = ended.stderr.splitlines()
    assert "the program ended before its run" in line
    assert said in line
    assert "`plan` tells" in line


def test_what_the_interpreters_end_closes_cannot_be_waited_for_any_more(grant: podrole.Grant) -> None:
    ended = program(
        """
        import atexit, podrole._podrole
        def late():
            podrole._podrole.leave_interpreter()
            print(client.apply(grant).is_complete)
            asked = podrole.Client(credentials=lambda: None, region="ca-central-1")
            try:
                asked.plan(grant)
            except podrole.CredentialsError as error:
                print(error.message)
        atexit.register(late)
        """
    )
    assert ended.stdout.splitlines()[0] == "True", ended
    assert "the interpreter that gives credentials has ended" in ended.stdout, ended


@pytest.mark.parametrize("raised", ["SystemExit(7)", "Slotted()"])
def test_what_a_signal_handler_raises_ends_the_run_as_ctrl_c_does(raised: str) -> None:
    ended = program(
        f"""
        class Slotted(BaseException):
            __slots__ = ()
        def handler(number, frame):
            raise {raised}
        signal.signal(signal.SIGALRM, handler)
        def told(event):
            if event.kind == "step_started" and event.step == 1:
                os.kill(os.getpid(), signal.SIGALRM)
        memory.set_latency(0.3)
        try:
            client.apply(client.plan(grant), on_event=told)
        except BaseException as error:
            print(type(error).__name__, outcomes(podrole.receipt_of(error)))
            print(*error.__notes__)
        print([call.operation for call in memory.calls() if call.write])
        """
    )
    name = raised.partition("(")[0]
    assert f"{name} ['done', 'not_started', 'not_started']" in ended.stdout, ended
    assert "interrupted after 1 of 3 steps" in ended.stdout, ended
    assert "['iam:CreateRole']" in ended.stdout, ended


def test_an_alarm_while_a_call_waits_carries_the_receipt() -> None:
    ended = program(
        """
        def handler(number, frame):
            raise TimeoutError("mine")
        signal.signal(signal.SIGALRM, handler)
        memory.set_latency(0.3)
        plan = client.plan(grant)
        run = client.start_apply(plan)
        def later():
            main_thread_waits()
            for event in run:
                if event.kind == "step_started":
                    os.kill(os.getpid(), signal.SIGALRM)
                    return
        threading.Thread(target=later).start()
        try:
            run.finish()
        except TimeoutError as error:
            print(error, outcomes(podrole.receipt_of(error)), error.leftovers.state)
        """
    )
    assert "mine ['done', 'not_started', 'not_started'] remaining" in ended.stdout, ended


def test_ctrl_c_while_a_client_is_closed_cancels_its_runs() -> None:
    ended = program(
        """
        memory.set_latency(0.2)
        plan = client.plan(grant)
        try:
            with client:
                run = client.start_apply(plan)
                def later():
                    main_thread_waits()
                    for event in run:
                        if event.kind == "step_started":
                            os.kill(os.getpid(), signal.SIGINT)
                            return
                threading.Thread(target=later).start()
        except podrole.Interrupted as interrupted:
            print(outcomes(interrupted.receipt))
        print([call.operation for call in memory.calls() if call.write])
        """
    )
    assert ended.stdout.splitlines() == ["['done', 'not_started', 'not_started']", "['iam:CreateRole']"], ended


def test_the_receipt_is_found_through_a_deadline(grant: podrole.Grant) -> None:
    memory = Memory()
    memory.script("iam:AttachRolePolicy", "hang_before")
    client = podrole.AsyncClient.in_memory(memory)
    begun = asyncio.Event()

    async def twice() -> None:
        # The step hangs: a second cancellation is needed, as a loop's end gives it.
        task = asyncio.create_task(with_deadline())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def with_deadline() -> None:
        def told(event: Event) -> None:
            if event.kind == "step_finished":
                deadline.reschedule(0)
                asyncio.get_running_loop().call_later(0.01, begun.set)

        async with asyncio.timeout(None) as deadline:
            await client.apply(grant, on_event=told)

    asyncio.run(twice())

    memory = Memory()
    memory.set_latency(0.3)
    later = podrole.AsyncClient.in_memory(memory)

    async def once() -> None:
        def told(event: Event) -> None:
            if event.kind == "step_started":
                deadline.reschedule(0)

        async with asyncio.timeout(None) as deadline:
            await later.apply(grant, on_event=told)

    with pytest.raises(TimeoutError) as caught:
        asyncio.run(once())
    receipt = podrole.receipt_of(caught.value)
    assert receipt is not None
    assert [step.outcome.kind for step in receipt.steps] == ["done", "not_started", "not_started", "not_started"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_after_a_fork_a_simulation_says_what_to_do() -> None:
    ended = program(
        """
        import warnings
        warnings.simplefilter("ignore")
        client.plan(grant)
        run = client.start_apply(grant)
        child = os.fork()
        if child == 0:
            for use in (memory.world, memory.clear_calls, lambda: podrole.Client.in_memory(memory), run.cancel, run.finish):
                try:
                    use()
                except podrole.ConfigInvalidError as error:
                    print(error.message, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        print(run.finish().is_complete)
        """
    )
    simulation = "this simulation was made before this process was forked"
    run = "this run was made before this process was forked"
    assert ended.stdout.splitlines() == [simulation] * 3 + [run] * 2 + ["True"], ended


def test_a_listener_may_be_async_for_asyncio_and_only_there(grant: podrole.Grant) -> None:
    told = []

    async def listener(event: Event) -> None:
        await asyncio.sleep(0)
        told.append(event.kind)

    assert asyncio.run(podrole.AsyncClient.in_memory(Memory()).apply(grant, on_event=listener)).is_complete
    assert (told[0], told[-1]) == ("started", "finished")
    memory = Memory()
    with pytest.raises(podrole.InvalidInputError, match="on_event must be a plain function"):
        podrole.Client.in_memory(memory).apply(grant, on_event=listener)
    for client in (podrole.Client.in_memory(memory), podrole.AsyncClient.in_memory(memory)):
        with pytest.raises(podrole.InvalidInputError, match="on_event must be a function, this is 7"):
            found = client.apply(grant, on_event=7)  # type: ignore[arg-type]
            if not isinstance(found, podrole.Receipt):
                asyncio.run(found)
    assert memory.calls() == ()


@pytest.mark.parametrize("call", ["client.apply(plan)", "client.start_apply(plan)"])
def test_ctrl_c_right_after_the_beginning_still_gives_the_receipt(call: str) -> None:
    ended = program(
        f"""
        import json, podrole.client
        memory.set_latency(0.2)
        plan = client.plan(grant)
        kept = podrole.client._Base._begin
        def begin(self, begin):
            work = kept(self, begin)
            while len(json.loads(work.events(0, 1))) < 2:
                pass
            os.kill(os.getpid(), signal.SIGINT)
            return work
        podrole.client._Base._begin = begin
        try:
            {call}
        except podrole.Interrupted as interrupted:
            print(outcomes(interrupted.receipt))
        print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        """
    )
    assert ended.stdout.splitlines() == ["['done', 'not_started', 'not_started']", "True"], ended


IN_THE_BODY = """
    memory.set_latency(0.3)
    plan = client.plan(grant)
    def press():
        os.kill(os.getpid(), signal.SIGINT)
    def tell():
        print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        print([call.operation for call in memory.calls() if call.write])
"""


@pytest.mark.parametrize(
    "loop",
    [
        """
        for event in client.start_apply(plan):
            if event.kind == "step_started":
                press()
        """,
        # Ctrl-C meets another call in the body.
        """
        begin = podrole.client._Base._begin
        def pressed(self, native):
            work = begin(self, native)
            press()
            return work
        for event in client.start_apply(plan):
            if event.kind == "step_started":
                podrole.client._Base._begin = pressed
                client.plan(grant)
        """,
        """
        podrole.console._line = lambda event: press() if event.kind == "step_started" else None
        podrole.console.follow(client.start_apply(plan))
        """,
        # Two at the same time.
        """
        other = podrole.Client.in_memory(Memory()).start_apply(grant)
        for event, _ in zip(client.start_apply(plan), other):
            if event.kind == "step_started":
                press()
        """,
        # Nobody notices that it was left.
        """
        run = client.start_apply(plan)
        events = iter(run)
        while next(events).kind != "step_started":
            pass
        press()
        """,
    ],
    ids=["body", "call", "console", "two", "iterator"],
)
def test_ctrl_c_in_the_body_of_an_iteration_cancels_the_run_and_carries_the_receipt(loop: str) -> None:
    ended = program(
        textwrap.dedent(IN_THE_BODY)
        + "try:\n"
        + textwrap.indent(textwrap.dedent(loop), "    ")
        + "except podrole.Interrupted as interrupted:\n    print(outcomes(interrupted.receipt))\ntell()\n"
    )
    assert ended.stdout.splitlines() == ["['done', 'not_started', 'not_started']", "True", "['iam:CreateRole']"], ended


def test_a_second_ctrl_c_in_the_body_of_an_iteration_does_not_wait() -> None:
    ended = program(
        textwrap.dedent(IN_THE_BODY)
        + textwrap.dedent(
            """
            memory.script("iam:CreateRole", "hang_before")
            run = client.start_apply(plan)
            def again():
                for event in run:
                    if event.kind == "cancelling":
                        press()
            threading.Thread(target=again).start()
            try:
                for event in run:
                    if event.kind == "step_started":
                        press()
            except podrole.Interrupted as interrupted:
                print(outcomes(interrupted.receipt))
            tell()
            """
        )
    )
    assert ended.stdout.splitlines() == ["['unknown', 'not_started', 'not_started']", "True", "['iam:CreateRole']"], ended


@pytest.mark.parametrize("leave", ["break", "raise ZeroDivisionError"])
def test_leaving_an_iteration_does_not_cancel_and_gives_ctrl_c_back(leave: str) -> None:
    ended = program(
        f"""
        run = client.start_apply(grant)
        try:
            for event in run:
                print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
                {leave}
        except ZeroDivisionError:
            pass
        print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        print(run.finish().is_complete)
        """
    )
    assert ended.stdout.split() == ["False", "True", "True"], ended


def test_a_handler_of_the_callers_own_is_left_alone_in_an_iteration() -> None:
    ended = program(
        """
        def mine(number, frame):
            print("mine")
        for before in (True, False):
            signal.signal(signal.SIGINT, mine if before else signal.default_int_handler)
            for event in client.start_apply(grant):
                if event.kind == "started":
                    signal.signal(signal.SIGINT, mine)
                    os.kill(os.getpid(), signal.SIGINT)
            print(event.kind, signal.getsignal(signal.SIGINT) is mine)
        """
    )
    assert ended.stdout.split() == ["mine", "finished", "True"] * 2, ended


@pytest.mark.parametrize("wait", ["run.next_event()", "client.close()"])
def test_an_alarm_while_an_event_or_the_end_is_waited_for_ends_the_run_and_carries_the_receipt(wait: str) -> None:
    ended = program(
        f"""
        def handler(number, frame):
            raise TimeoutError("mine")
        signal.signal(signal.SIGALRM, handler)
        memory.set_latency(0.3)
        run = client.start_apply(client.plan(grant))
        while run.next_event().kind != "step_started":
            pass
        def later():
            main_thread_waits()
            os.kill(os.getpid(), signal.SIGALRM)
        threading.Thread(target=later).start()
        try:
            {wait}
        except TimeoutError as error:
            print(error, outcomes(podrole.receipt_of(error)))
        print([call.operation for call in memory.calls() if call.write])
        """
    )
    assert ended.stdout.splitlines() == ["mine ['done', 'not_started', 'not_started']", "['iam:CreateRole']"], ended


def test_an_exception_that_leaves_the_block_of_a_client_cancels_its_runs(grant: podrole.Grant) -> None:
    memory = Memory()
    memory.set_latency(0.3)
    with pytest.raises(ZeroDivisionError) as caught, podrole.Client.in_memory(memory) as client:
        for event in client.start_apply(grant):
            if event.kind == "step_started":
                raise ZeroDivisionError
    receipt = podrole.receipt_of(caught.value)
    assert receipt is not None
    assert [step.outcome.kind for step in receipt.steps] == ["done", "not_started", "not_started", "not_started"]


def test_a_cancellation_ends_the_waiting_of_a_client_for_asyncio_whose_block_an_exception_left(grant: podrole.Grant) -> None:
    memory = Memory()
    memory.script("iam:CreateRole", "hang_before")
    runs: list[podrole.AsyncRun] = []

    async def block() -> None:
        async with podrole.AsyncClient.in_memory(memory) as client:
            runs.append(client.start_apply(grant))
            async for event in runs[0]:
                if event.kind == "step_started":
                    raise ZeroDivisionError

    async def main() -> podrole.Receipt | None:
        task = asyncio.create_task(block())
        while not runs:
            await asyncio.sleep(0)
        async for event in runs[0]:
            if event.kind == "cancelling":
                task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return podrole.receipt_of(caught.value)

    receipt = asyncio.run(main())
    assert receipt is not None
    assert receipt.steps[0].outcome.kind == "unknown"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_child_that_leaves_the_block_of_an_inherited_client_disturbs_nobody() -> None:
    ended = program(
        """
        import warnings
        warnings.simplefilter("ignore")
        memory.script("iam:CreateRole", "hang_before")
        later = podrole.AsyncClient.in_memory(memory)
        async def leave():
            async with later:
                pass
        runs = [client.start_apply(grant), later.start_apply(grant)]
        with client:
            while runs[0].next_event().kind != "step_started":
                pass
            child = os.fork()
            if child == 0:
                asyncio.run(leave())
                sys.exit(7)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), runs[0])
            for run in runs * 2:
                run.cancel()
        """
    )
    assert ended.stdout.splitlines() == ["7 <Run, under way>"], ended


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_ctrl_c_in_a_child_that_was_forked_in_the_body_of_an_iteration_is_the_childs_own() -> None:
    ended = program(
        """
        import warnings
        warnings.simplefilter("ignore")
        for event in client.start_apply(grant):
            if event.kind == "started":
                child = os.fork()
                if child == 0:
                    try:
                        os.kill(os.getpid(), signal.SIGINT)
                    except KeyboardInterrupt as interrupt:
                        os._exit(7 if type(interrupt) is KeyboardInterrupt else 8)
                print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print(event.complete)
        """
    )
    assert ended.stdout.split() == ["7", "True"], ended


def test_closing_waits_for_what_another_thread_applies(grant: podrole.Grant) -> None:
    memory = Memory()
    memory.set_latency(0.3)
    client = podrole.Client.in_memory(memory)
    begun = threading.Event()
    receipts: list[podrole.Receipt] = []

    def apply() -> None:
        receipts.append(client.apply(grant, on_event=lambda _: begun.set()))

    thread = threading.Thread(target=apply)
    thread.start()
    begun.wait()
    client.close()
    # Nothing is called any more.
    calls = memory.calls()
    thread.join()
    assert memory.calls() == calls
    assert receipts[0].is_complete


def test_nothing_closes_a_client_between_the_beginning_of_a_run_and_its_place_among_those_under_way(
    grant: podrole.Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = podrole.Client.in_memory(Memory())
    begin = podrole.Client._begin  # noqa: SLF001
    free: list[bool] = []

    def begun(self: podrole.Client, what: Any) -> Any:
        work = begin(self, what)
        other = threading.Thread(target=lambda: free.append(client._runs.lock().acquire(blocking=False)))  # noqa: SLF001
        other.start()
        other.join()
        return work

    monkeypatch.setattr(podrole.Client, "_begin", begun)
    run = client.start_apply(grant)
    assert free == [False]
    client.close()
    assert "ended" in repr(run)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_child_that_was_forked_while_a_run_began_elsewhere_does_not_wait_for_that() -> None:
    ended = program(
        """
        import warnings
        warnings.simplefilter("ignore")
        begun, go = threading.Event(), threading.Event()
        kept = podrole.client._Base._begin
        def begin(self, what):
            work = kept(self, what)
            begun.set()
            go.wait()
            return work
        podrole.client._Base._begin = begin
        threading.Thread(target=client.start_apply, args=(grant,)).start()
        begun.wait()
        child = os.fork()
        if child == 0:
            client.close()
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        go.set()
        """
    )
    assert ended.stdout.split() == ["7"], ended


def test_the_cancellation_of_a_task_that_reads_events_cancels_the_run_and_carries_the_receipt(grant: podrole.Grant) -> None:
    memory = Memory()
    memory.set_latency(0.3)
    client = podrole.AsyncClient.in_memory(memory)

    async def main() -> podrole.Receipt | None:
        async def read() -> None:
            async for event in client.start_apply(grant):
                if event.kind == "step_started":
                    task.cancel()

        task = asyncio.create_task(read())
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return podrole.receipt_of(caught.value)

    receipt = asyncio.run(main())
    assert receipt is not None
    assert [step.outcome.kind for step in receipt.steps] == ["done", "not_started", "not_started", "not_started"]


def test_an_async_listener_that_ends_the_program_cancels_the_run(grant: podrole.Grant) -> None:
    memory = Memory()
    memory.set_latency(0.3)

    def told(event: Event) -> None:
        if event.kind == "step_started":
            raise SystemExit(7)

    with pytest.raises(SystemExit) as caught:
        asyncio.run(podrole.AsyncClient.in_memory(memory).apply(grant, on_event=told))
    receipt = podrole.receipt_of(caught.value)
    assert receipt is not None
    assert [step.outcome.kind for step in receipt.steps] == ["done", "not_started", "not_started", "not_started"]


def test_ctrl_c_in_the_block_of_a_client_carries_the_receipt_of_the_run_under_way() -> None:
    ended = program(
        """
        memory.set_latency(0.3)
        plan = client.plan(grant)
        try:
            with client:
                for event in client.start_apply(plan):
                    if event.kind == "step_started":
                        os.kill(os.getpid(), signal.SIGINT)
        except KeyboardInterrupt as interrupt:
            print(outcomes(podrole.receipt_of(interrupt)))
        """
    )
    assert ended.stdout.splitlines() == ["['done', 'not_started', 'not_started']"], ended


def test_what_ends_the_program_in_the_block_of_a_client_for_asyncio_carries_the_receipt_too(grant: podrole.Grant) -> None:
    memory = Memory()
    memory.set_latency(0.3)

    async def main() -> None:
        async with podrole.AsyncClient.in_memory(memory) as client:
            async for event in client.start_apply(grant):
                if event.kind == "step_started":
                    raise SystemExit(7)

    with pytest.raises(SystemExit) as caught:
        asyncio.run(main())
    receipt = podrole.receipt_of(caught.value)
    assert receipt is not None
    assert [step.outcome.kind for step in receipt.steps] == ["done", "not_started", "not_started", "not_started"]


def cancelled_and_blocked(task: asyncio.Task[object], memory: Memory) -> None:
    """Cancel a task, and keep its event loop busy until the last change of the run is made."""
    task.cancel()
    while not any("deployments" in call.operation for call in memory.calls() if call.write):
        pass


def test_a_plain_listener_that_keeps_the_event_loop_does_not_hide_a_cancellation(grant: podrole.Grant) -> None:
    memory = Memory()
    told: list[str] = []

    async def main() -> podrole.Receipt | None:
        def listener(event: Event) -> None:
            told.append(event.kind)
            cancelled_and_blocked(task, memory)

        task = asyncio.create_task(podrole.AsyncClient.in_memory(memory).apply(grant, on_event=listener))
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return podrole.receipt_of(caught.value)

    assert asyncio.run(main()) is not None
    assert told == ["started"]


def test_a_body_of_an_iteration_that_keeps_the_event_loop_does_not_hide_a_cancellation(grant: podrole.Grant) -> None:
    memory = Memory()
    told: list[str] = []

    async def main() -> podrole.Receipt | None:
        async def read() -> None:
            async for event in podrole.AsyncClient.in_memory(memory).start_apply(grant):
                told.append(event.kind)
                cancelled_and_blocked(task, memory)

        task = asyncio.create_task(read())
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return podrole.receipt_of(caught.value)

    assert asyncio.run(main()) is not None
    assert told == ["started"]


def test_a_run_that_has_ended_does_not_hide_a_cancellation(grant: podrole.Grant) -> None:
    memory = Memory()

    async def main() -> podrole.Receipt | None:
        async def finish() -> None:
            run = podrole.AsyncClient.in_memory(memory).start_apply(grant)
            while "under way" in repr(run):
                pass
            task.cancel()
            await run

        task = asyncio.create_task(finish())
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return podrole.receipt_of(caught.value)

    receipt = asyncio.run(main())
    assert receipt is not None
    assert receipt.is_complete


def test_after_ctrl_c_a_listener_is_told_nothing_more() -> None:
    ended = program(
        """
        def told(event):
            print(event.kind)
            os.kill(os.getpid(), signal.SIGINT)
        plan = client.plan(grant)
        try:
            client.apply(plan, on_event=told)
        except podrole.Interrupted as interrupted:
            print(interrupted.receipt is not None)
        """
    )
    assert ended.stdout.splitlines() == ["started", "True"], ended


def test_what_a_function_raised_in_an_earlier_call_is_not_why_a_later_one_fails() -> None:
    def ends() -> podrole.AwsCredentials:
        raise SystemExit(7)

    def failing() -> podrole.AwsCredentials:
        raise ZeroDivisionError("no login")

    client = podrole.Client(account_credentials={"111111111111": ends, "222222222222": failing}, region="ca-central-1")

    def plan(account: str) -> None:
        client.plan(
            podrole.Grant(cluster=f"arn:aws:eks:ca-central-1:{account}:cluster/c", service_account="a/b", role="r")
        )

    with pytest.raises(SystemExit):
        plan("111111111111")
    for _ in range(2):
        with pytest.raises(podrole.CredentialsError) as caught:
            plan("222222222222")
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    # Of two calls that fail in the same words, each has its own; and one that says something else has none.
    now = client._failures.now  # noqa: SLF001
    told = podrole.CredentialsError("there are none: ZeroDivisionError: no login")
    assert isinstance(client._failures.told(told), ZeroDivisionError)  # noqa: SLF001
    assert client._failures.told(told, now) is None  # noqa: SLF001
    assert client._failures.told(podrole.CredentialsError("expired")) is None  # noqa: SLF001


@pytest.mark.parametrize("said", ["two\nlines\ttabs", "half of a pair: \ud800", "x" * 100_000, ""])
def test_a_failure_is_the_cause_whatever_it_says(said: str, grant: podrole.Grant) -> None:
    def failing() -> podrole.AwsCredentials:
        raise ZeroDivisionError(said)

    with pytest.raises(podrole.CredentialsError) as caught:
        podrole.Client(credentials=failing, region="ca-central-1").plan(grant)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "ZeroDivisionError" in caught.value.message
    assert "\\ud800" in caught.value.message or "\ud800" not in said


def test_ctrl_c_on_the_way_out_of_a_call_does_not_swallow_those_that_follow() -> None:
    ended = program(
        """
        import podrole._interrupts as interrupts
        kept = interrupts._give_back
        def pressed():
            kept()
            interrupts._give_back = kept
            signal.raise_signal(signal.SIGINT)
        interrupts._give_back = pressed
        try:
            client.apply(grant)
        except KeyboardInterrupt:
            print("first")
        client.apply(grant)
        for _ in range(2):
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                print("next")
        """
    )
    assert ended.stdout.split() == ["first", "next", "next"], ended


@pytest.mark.parametrize("call", ["client.apply(grant)", "client.start_apply(grant)", "run.next_event()", "client.close()"])
def test_ctrl_c_on_the_way_out_of_a_call_comes_out_of_it(call: str) -> None:
    ended = program(
        f"""
        import podrole._interrupts as interrupts
        run = client.start_apply(grant)
        kept = interrupts.Interrupts.__exit__
        def pressed(self, *arguments):
            signal.raise_signal(signal.SIGINT)
            kept(self, *arguments)
        interrupts.Interrupts.__exit__ = pressed
        try:
            {call}
        except podrole.Interrupted:
            print("interrupted")
        interrupts.Interrupts.__exit__ = kept
        print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        """
    )
    assert ended.stdout.split() == ["interrupted", "True"], ended


@pytest.mark.parametrize("leave", ["client.close()", "client.__exit__(None, None, None)"])
def test_ctrl_c_while_a_client_gathers_what_goes_on_cancels_it(leave: str) -> None:
    ended = program(
        f"""
        memory.set_latency(0.3)
        run = client.start_apply(client.plan(grant))
        while run.next_event().kind != "step_started":
            pass
        kept = podrole.client._Base._closed
        def pressed(self):
            signal.raise_signal(signal.SIGINT)
            return kept(self)
        podrole.client._Base._closed = pressed
        try:
            {leave}
        except podrole.Interrupted as interrupted:
            print(outcomes(interrupted.receipt))
        """
    )
    assert ended.stdout.splitlines() == ["['done', 'not_started', 'not_started']"], ended


def test_a_second_ctrl_c_for_asyncio_says_what_stands() -> None:
    ended = program(
        """
        memory.script("iam:AttachRolePolicy", "hang_before")
        later = podrole.AsyncClient.in_memory(memory)
        async def main():
            run = later.start_apply(grant)
            async def press():
                async for event in run:
                    if event.kind == "cancelling" or event.kind == "step_finished":
                        os.kill(os.getpid(), signal.SIGINT)
            pressing = asyncio.create_task(press())
            await run
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert ended.stdout.split() == ["interrupted"], ended
    assert "the run was cancelled twice" in ended.stderr, ended
    assert "these changes stand: create role app" in ended.stderr, ended
    assert "whether these were made is not known: attach AmazonS3FullAccess" in ended.stderr, ended


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_fork_waits_for_a_handler_of_records_that_is_in_the_middle_of_one() -> None:
    ended = program(
        """
        import logging, warnings
        warnings.simplefilter("ignore")
        entered, go, mine = threading.Event(), threading.Event(), threading.Lock()
        class Handler(logging.Handler):
            def createLock(self):
                self.lock = None
            def emit(self, record):
                with mine:
                    entered.set()
                    go.wait()
        logging.getLogger("podrole").addHandler(Handler())
        logging.getLogger("podrole").setLevel(logging.INFO)
        client.plan(grant)
        entered.wait()
        # What is registered last is called first.
        os.register_at_fork(before=go.set)
        child = os.fork()
        if child == 0:
            os._exit(8 if mine.locked() else 7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        client.apply(grant)
        """
    )
    assert ended.stdout.split() == ["7"], ended


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_handler_of_records_may_fork() -> None:
    ended = program(
        """
        import logging, warnings
        warnings.simplefilter("ignore")
        class Handler(logging.Handler):
            def emit(self, record):
                child = os.fork()
                if child == 0:
                    os._exit(7)
                print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        logging.getLogger("podrole.client").addHandler(Handler())
        logging.getLogger("podrole.client").setLevel(logging.INFO)
        client.plan(grant)
        client.plan(grant)
        """
    )
    assert set(ended.stdout.split()) == {"7"}, ended
