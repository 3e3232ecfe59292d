"""A run under way."""

from __future__ import annotations

import inspect
import json
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from podrole import _podrole
from podrole._errands import WAKES, attend
from podrole._interrupts import TICK, Interrupts, tick
from podrole.errors import Interrupted, PodroleError, carrying, receipt_of
from podrole.events import Event, event_of
from podrole.receipt import Receipt

EventListener: TypeAlias = Callable[[Event], object]
"""Receives events. What it raises is logged: it costs neither the run nor the receipt. For asyncio it may be an `async def`."""

Explain: TypeAlias = Callable[[PodroleError], None]
"""Gives an error of credentials the exception that caused it."""

_AT_ONCE = 0.5
"""How long a run that was cancelled twice may take to write its receipt, in seconds."""

_PATIENCE = 5.0
"""How long the end of the program waits for steps in flight, in seconds."""

_logger = logging.getLogger("podrole")


class Run:
    """A run under way. It began when it was made: `finish` gives the receipt, iterating over it the events.

    Leaving an iteration does not cancel the run, and neither does letting go of it; `cancel` does, and so does Ctrl-C in `finish`
    and in an iteration, the body of the loop included: it raises `Interrupted` there, with the receipt. Events that nobody reads never
    hold it up.

    >>> import podrole, podrole.testing
    >>> client = podrole.Client.in_memory(podrole.testing.Memory())
    >>> run = client.start_apply(podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app"))
    >>> for event in run:
    ...     if event.kind == "step_finished":
    ...         print(event.step, event.outcome.kind)
    1 done
    2 done
    >>> run.finish().is_complete
    True
    """

    def __init__(self, work: _podrole.Work, explain: Explain) -> None:
        """Take over work that a client began."""
        self._work = work
        self._explain = explain
        self._events: list[Event] = []
        self._given = 0
        self._taking = threading.RLock()

    def cancel(self) -> None:
        """Ask the run to stop.

        The first time, the steps under way finish and no other begins; the second time, the run ends at once and says of the steps
        under way that their outcome is unknown. Unless every step is done by then, `finish` raises `RunCancelledError`, with the
        receipt. After the end, nothing happens.
        """
        self._work.cancel()

    def next_event(self) -> Event | None:
        """Wait for the next event that this method has not given yet; None after the last."""
        while True:
            index = self._given
            event = self._event(index)
            if event is None or self._take(index):
                return event

    def __iter__(self) -> Iterator[Event]:
        """Give the events from the first on, also those that are past already: every iteration gives them all."""
        index = 0
        # Until the iteration is left, Ctrl-C may meet the caller's own code between two events.
        with Interrupts(self._work, body=_interrupt_body):
            while (event := self._event(index)) is not None:
                yield event
                index += 1

    def finish(self) -> Receipt:
        """Wait for the end.

        Raises:
            PodroleError: Whatever made the run fail, with `leftovers` and `receipt`.
            Interrupted: Ctrl-C; the run was cancelled and has ended.
        """
        try:
            return finish(lambda: self._work)
        except PodroleError as error:
            self._explain(error)
            raise

    def __repr__(self) -> str:
        """Say whether it goes on."""
        return f"<Run, {'ended' if self._work.wait(0) else 'under way'}>"

    def _take(self, index: int) -> bool:
        """Take an event that is there; False when another thread has taken it meanwhile. The lock is not held while one waits."""
        with self._taking:
            taken = self._given == index
            self._given += taken
            return taken

    def _event(self, index: int) -> Event | None:
        while index >= len(self._events):
            known = len(self._events)
            with Interrupts(self._work) as interrupts:
                batch: str | None = "[]"
                with _ending_with(self._work):
                    while batch == "[]" and not interrupts.count:
                        batch = self._work.events(known, tick())
                _raise_interrupted(interrupts)
            # Ctrl-C may also come on the way out, here and below.
            _raise_interrupted(interrupts)
            if batch is None:
                return None
            # Two threads may ask for the same ones: they put them in the same place.
            news = [event_of(one) for one in json.loads(batch)]
            self._events[known : known + len(news)] = news
        return self._events[index]


def start(begin: Callable[[], _podrole.Work]) -> _podrole.Work:
    """Begin a run. Ctrl-C meanwhile cancels it: nobody would hold it."""
    with Interrupts() as interrupts:
        work = _begun(begin, interrupts)
        _raise_interrupted(interrupts)
    _raise_interrupted(interrupts)
    return work


def _begun(begin: Callable[[], _podrole.Work], interrupts: Interrupts) -> _podrole.Work:
    try:
        work = begin()
    except PodroleError:
        if interrupts.count:
            raise Interrupted from None
        raise
    interrupts.watch(work)
    return work


def finish(begin: Callable[[], _podrole.Work], listener: EventListener | None = None) -> Receipt:
    """Begin a run and wait for its end, and tell a listener its events on the way."""
    return Receipt._of_text(wait(begin, listener))  # noqa: SLF001


def wait(begin: Callable[[], _podrole.Work], listener: EventListener | None = None) -> str:
    """Begin work and wait for its end. Ctrl-C cancels it, and a second one does not wait for the step in flight."""
    told = 0
    with Interrupts() as interrupts:
        # Ctrl-C between the beginning and the waiting would let it go on without anybody who gets the receipt.
        work = _begun(begin, interrupts)
        with _ending_with(work):
            # After Ctrl-C nothing more is told: a listener that takes its time would only keep it waiting.
            while listener is not None and not interrupts.count and (batch := work.events(told, tick())) is not None:
                for one in json.loads(batch):
                    if interrupts.count:
                        break
                    told += 1
                    interrupts.listening = True
                    tell(listener, event_of(one))
                    interrupts.listening = False
            while not work.wait(tick()):
                pass
        _raise_interrupted(interrupts)
    _raise_interrupted(interrupts)
    return _answer(work)


@contextmanager
def _ending_with(*works: _podrole.Work) -> Iterator[None]:
    """Let what a signal handler of the caller's own raises, or a listener that ends the program, end work as Ctrl-C does."""
    try:
        yield
    except PodroleError:
        raise
    except BaseException as stopped:
        stop(*works)
        if isinstance(stopped, KeyboardInterrupt):
            raise Interrupted(*_first_stopped(works)) from None
        carrying(stopped, *_first_stopped(works))
        raise


def _raise_interrupted(interrupts: Interrupts) -> None:
    """When Ctrl-C came, wait for the end of what it cancelled, and raise."""
    if interrupts.count:
        for work in interrupts.stopped:
            while not work.wait(TICK):
                pass
        raise Interrupted(*_first_stopped(interrupts.stopped))


def _interrupt_body(works: list[_podrole.Work], again: bool) -> None:
    """Wait for the end of what Ctrl-C in the body of an iteration cancelled, and raise there."""
    for work in works:
        if again:
            work.wait(_AT_ONCE)
        else:
            while not work.wait(TICK):
                pass
    raise Interrupted(*_first_stopped(works))


def _answer(work: _podrole.Work) -> str:
    answer = work.answer()
    assert answer is not None
    return answer


def tell(listener: EventListener, event: Event) -> object:
    """Tell a listener an event, and give what it gives. What it raises must not cost the receipt."""
    try:
        return listener(event)
    except Exception:
        _listener_failed(event)
        return None


def _listener_failed(event: Event) -> None:
    _logger.exception("a listener of events failed at %s; the run goes on", event.kind)


async def _tell_async(listener: EventListener, event: Event) -> None:
    given = tell(listener, event)
    if inspect.isawaitable(given):
        try:
            await given
        except Exception:
            _listener_failed(event)


def stop(*works: _podrole.Work) -> None:
    """Cancel work and wait for its end; when interrupted again, do not wait for the steps in flight."""
    try:
        for work in works:
            work.cancel()
        for work in works:
            while not work.wait(TICK):
                pass
    except KeyboardInterrupt:
        for work in works:
            work.cancel()
        for work in works:
            work.wait(_AT_ONCE)


def wait_for_all(
    under_way: Callable[[], Sequence[_podrole.Work]], *, cancel: bool = False
) -> Sequence[_podrole.Work]:
    """Wait for the end of runs, whatever it is, and give them.

    Ctrl-C cancels them all, and gives the receipt of the first that it stopped. It may also come while they are gathered.
    """
    with Interrupts() as interrupts:
        works = under_way()
        for work in works:
            interrupts.watch(work)
        with _ending_with(*works):
            for work in works if cancel else ():
                work.cancel()
            for work in works:
                while not work.wait(tick()):
                    pass
        _raise_interrupted(interrupts)
    _raise_interrupted(interrupts)
    return works


def carry(leaving: BaseException, works: Sequence[_podrole.Work]) -> None:
    """Let an exception carry the receipt of the first of the runs that were cancelled for it, unless it has one already."""
    if works and receipt_of(leaving) is None and not isinstance(leaving, PodroleError):
        carrying(leaving, *_first_stopped(works))


def _first_stopped(works: Sequence[_podrole.Work]) -> tuple[Receipt | None, PodroleError | None]:
    """Give what the first of them that was cancelled ended with, or else the first that has a receipt."""

    def weight(ending: tuple[Receipt | None, PodroleError | None]) -> tuple[bool, bool]:
        receipt, error = ending
        return receipt is not None, error is not None and error.kind == "cancelled"

    return max(map(_ending, works), key=weight, default=(None, None))


def _ending(work: _podrole.Work) -> tuple[Receipt | None, PodroleError | None]:
    try:
        answer = work.answer()
    except PodroleError as error:
        return error.receipt, error
    data: dict[str, Any] = {} if answer is None else json.loads(answer)
    # What only reads has no receipt.
    return (Receipt._of(data) if "calls" in data else None), None  # noqa: SLF001


class AsyncRun:
    """A run under way, for asyncio. It began when it was made: awaiting it gives the receipt, `async for` the events.

    Leaving an iteration does not cancel the run, and neither does letting go of it; `cancel` does, and so does the cancellation of
    a task that awaits it or its next event.

    >>> import asyncio, podrole, podrole.testing
    >>> grant = podrole.Grant(cluster="devops_aurora", service_account="devops-aurora-1/app", role="app")
    >>> async def main():
    ...     async with podrole.AsyncClient.in_memory(podrole.testing.Memory()) as client:
    ...         run = client.start_apply(grant)
    ...         async for event in run:
    ...             print(event.kind)
    ...         return await run
    >>> receipt = asyncio.run(main())
    started
    step_started
    step_finished
    step_started
    step_finished
    finished
    """

    def __init__(self, work: _podrole.Work, explain: Explain) -> None:
        """Take over work that a client began."""
        self._work = work
        self._explain = explain
        self._events: list[Event] = []
        self._given = 0
        self._taking = threading.RLock()

    def cancel(self) -> None:
        """Ask the run to stop: as `Run.cancel`."""
        self._work.cancel()

    async def next_event(self) -> Event | None:
        """Wait for the next event that this method has not given yet; None after the last."""
        while True:
            index = self._given
            event = await self._event(index)
            if event is None or self._take(index):
                return event

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Give the events from the first on, also those that are past already: every iteration gives them all."""
        index = 0
        while (event := await self._event(index)) is not None:
            yield event
            index += 1

    async def finish(self) -> Receipt:
        """Wait for the end, as awaiting the run itself does.

        Raises:
            PodroleError: Whatever made the run fail, with `leftovers` and `receipt`.
            asyncio.CancelledError: The task was cancelled; the run was cancelled too, and has ended. It has `receipt` and
                `leftovers`; see `podrole.receipt_of`.
        """
        try:
            return await finish_async(self._work)
        except PodroleError as error:
            self._explain(error)
            raise

    def __await__(self) -> Generator[Any, None, Receipt]:
        """Wait for the end."""
        return self.finish().__await__()

    def __repr__(self) -> str:
        """Say whether it goes on."""
        return f"<AsyncRun, {'ended' if self._work.wait(0) else 'under way'}>"

    def _take(self, index: int) -> bool:
        """Take an event that is there; False when another thread has taken it meanwhile. The lock is not held while one waits."""
        with self._taking:
            taken = self._given == index
            self._given += taken
            return taken

    async def _event(self, index: int) -> Event | None:
        import asyncio

        try:
            return await self._told(index)
        except asyncio.CancelledError as cancelled:
            await stop_async(cancelled, self._work)
            raise

    async def _told(self, index: int) -> Event | None:
        import asyncio

        # A cancellation reaches a task where it gives way, and the body of an iteration need not.
        await asyncio.sleep(0)
        while index >= len(self._events):
            known = len(self._events)
            batch = self._work.events(known, 0)
            if batch is None:
                return None
            news = [event_of(one) for one in json.loads(batch)]
            self._events[known : known + len(news)] = news
            if not news:
                await _changed(self._work, lambda known=known: self._work.events(known, 0) != "[]")  # type: ignore[misc]
        return self._events[index]


async def finish_async(work: _podrole.Work, listener: EventListener | None = None) -> Receipt:
    """Wait for the end of a run, and tell a listener its events on the way."""
    return Receipt._of_text(await wait_async(work, listener))  # noqa: SLF001


async def wait_async(work: _podrole.Work, listener: EventListener | None = None) -> str:
    """Wait for the end of work. The cancellation of the task cancels it, and a second one does not wait for the step in flight."""
    # Not at the top: it takes a third of what else is imported, and who uses it has it already.
    import asyncio

    told = 0
    try:
        if listener is not None:
            while (batch := work.events(told, 0)) is not None:
                for one in json.loads(batch):
                    told += 1
                    await _tell_async(listener, event_of(one))
                    # A cancellation reaches a task where it gives way, and a plain listener never does.
                    await asyncio.sleep(0)
                await _changed(work, lambda told=told: work.events(told, 0) != "[]")  # type: ignore[misc]
        await _ended(work)
        await asyncio.sleep(0)
    except PodroleError:
        raise
    except BaseException as stopped:
        # The cancellation of the task, or a listener that ends the program.
        await stop_async(stopped, work)
        raise
    return _answer(work)


async def stop_async(stopped: BaseException, *works: _podrole.Work) -> None:
    """Cancel work, wait for its end, and let what stopped it carry the receipt; when cancelled again, do not wait for the step."""
    import asyncio

    for work in works:
        work.cancel()
    try:
        for work in works:
            await _ended(work)
    except asyncio.CancelledError:
        for work in works:
            work.cancel()
        for work in works:
            work.wait(_AT_ONCE)
            # The second Ctrl-C of `asyncio.run` is a `KeyboardInterrupt` of its own: nobody may get to see what carries the receipt.
            _, error = _ending(work) if work.wait(0) else (None, None)
            if error is not None:
                _logger.warning("the run was cancelled twice: %s; %s", error, _left(error))
    carrying(stopped, *_first_stopped(works))


async def wait_for_all_async(works: Sequence[_podrole.Work], *, cancel: bool = False) -> None:
    """As `wait_for_all`, where the cancellation of the task is Ctrl-C."""
    import asyncio

    for work in works if cancel else ():
        work.cancel()
    try:
        await asyncio.sleep(0)
        for work in works:
            await _ended(work)
    except asyncio.CancelledError as cancelled:
        await stop_async(cancelled, *works)
        raise


async def _ended(work: _podrole.Work) -> None:
    await _changed(work, lambda: work.wait(0))


async def _changed(work: _podrole.Work, done: Callable[[], bool]) -> None:
    """Wait until something holds that only news of the work can bring about."""
    import asyncio

    if done():
        return
    if not attend(WAKES):
        # The interpreter ends: an `atexit` function of the caller's.
        while not done():
            await asyncio.sleep(TICK)
        return
    loop = asyncio.get_running_loop()
    news = asyncio.Event()
    listening = work.listen(lambda: loop.call_soon_threadsafe(news.set))
    try:
        while not done():
            await news.wait()
            news.clear()
    finally:
        work.forget(listening)


class UnderWay:
    """Runs that go on, of this process: a child that was forked has none of them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._begin()

    def _begin(self) -> None:
        self._works: set[_podrole.Work] = set()
        # A signal handler may come back here while its thread holds it.
        self._lock = threading.RLock()
        self._process = os.getpid()

    def lock(self) -> threading.RLock:
        """Give what is held while one begins. A child does not wait for a thread that it does not have."""
        if self._process != os.getpid():
            self._begin()
        return self._lock

    def add(self, work: _podrole.Work) -> None:
        """Take one up."""
        self.now()
        self._works.add(work)

    def now(self) -> list[_podrole.Work]:
        """Give those that have not ended."""
        if self._process != os.getpid():
            self._begin()
        for work in list(self._works):
            if work.wait(0):
                self._works.discard(work)
        return list(self._works)


RUNS = UnderWay()


def leave() -> None:
    """Cancel what goes on when the program ends, wait for the steps in flight, and say what is left. `atexit` calls it."""
    works = RUNS.now()
    for work in works:
        work.cancel()
    end = time.monotonic() + _PATIENCE
    try:
        while time.monotonic() < end and not all(work.wait(TICK) for work in works):
            pass
    except KeyboardInterrupt:
        pass
    for work in works:
        if not work.wait(0):
            work.cancel()
            work.wait(_AT_ONCE)
        _, error = _ending(work)
        if error is not None:
            _logger.warning("the program ended before its run: %s; %s", error, _left(error))


def _left(error: PodroleError) -> str:
    left = error.leftovers
    said = [f"these changes stand: {', '.join(left.remaining)}"] if left.remaining else []
    if left.state == "unknown":
        said.append(f"whether these were made is not known: {', '.join(left.resources)}")
    if not said:
        return "nothing was changed"
    return "; ".join([*said, "`plan` tells what is still to do, `revoke` takes back what stands"])
