"""A run under way."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any, TypeAlias

from podrole import _podrole
from podrole.errors import Interrupted, PodroleError, cancelled_with
from podrole.events import Event, event_of
from podrole.receipt import Receipt

EventListener: TypeAlias = Callable[[Event], object]
"""Receives events. What it raises is logged: it costs neither the run nor the receipt."""

_TICK = 0.05
"""How often the main thread looks for Ctrl-C while it waits, in seconds."""

_AT_ONCE = 0.5
"""How long a run that was cancelled twice may take to write its receipt, in seconds."""

_LONG = 3600.0

_logger = logging.getLogger("podrole")


def _tick() -> float:
    # Only the main thread gets signals.
    return _TICK if threading.current_thread() is threading.main_thread() else _LONG


class Run:
    """A run under way. It began when it was made: `finish` gives the receipt, iterating over it the events.

    Leaving an iteration does not cancel the run, and neither does letting go of it; `cancel` does, and so does Ctrl-C in `finish`
    and in an iteration. Events that nobody reads never hold it up.

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

    def __init__(self, work: _podrole.Work) -> None:
        """Take over work that a client began."""
        self._work = work
        self._events: list[Event] = []
        self._given = 0

    def cancel(self) -> None:
        """Ask the run to stop.

        The first time, the steps under way finish and no other begins; the second time, the run ends at once and says of the steps
        under way that their outcome is unknown. Unless every step is done by then, `finish` raises `RunCancelledError`, with the
        receipt. After the end, nothing happens.
        """
        self._work.cancel()

    def next_event(self) -> Event | None:
        """Wait for the next event that this method has not given yet; None after the last."""
        event = self._event(self._given)
        if event is not None:
            self._given += 1
        return event

    def __iter__(self) -> Iterator[Event]:
        """Give the events from the first on, also those that are past already: every iteration gives them all."""
        index = 0
        while (event := self._event(index)) is not None:
            yield event
            index += 1

    def finish(self) -> Receipt:
        """Wait for the end.

        Raises:
            PodroleError: Whatever made the run fail, with `leftovers` and `receipt`.
            Interrupted: Ctrl-C; the run was cancelled and has ended.
        """
        return finish(self._work)

    def __repr__(self) -> str:
        """Say whether it goes on."""
        return f"<Run, {'ended' if self._work.wait(0) else 'under way'}>"

    def _event(self, index: int) -> Event | None:
        while index >= len(self._events):
            known = len(self._events)
            try:
                batch = self._work.events(known, _tick())
            except KeyboardInterrupt:
                raise _interrupted(self._work) from None
            if batch is None:
                return None
            # Two threads may have asked for the same ones.
            if known == len(self._events):
                self._events.extend(event_of(one) for one in json.loads(batch))
        return self._events[index]


def finish(work: _podrole.Work, listener: EventListener | None = None) -> Receipt:
    """Wait for the end of a run, and tell a listener its events on the way."""
    return Receipt._of(json.loads(wait(work, listener)))  # noqa: SLF001


def wait(work: _podrole.Work, listener: EventListener | None = None) -> str:
    """Wait for the end of work. Ctrl-C cancels it, and a second one does not wait for the step in flight."""
    told = 0
    try:
        while True:
            if listener is not None:
                batch = work.events(told, _tick())
                if batch is None:
                    break
                for one in json.loads(batch):
                    told += 1
                    tell(listener, event_of(one))
            elif work.wait(_tick()):
                break
        while (answer := work.answer()) is None:
            work.wait(_tick())
    except KeyboardInterrupt:
        raise _interrupted(work) from None
    return answer


def tell(listener: EventListener, event: Event) -> None:
    """Tell a listener an event. What it raises must not cost the receipt."""
    try:
        listener(event)
    except Exception:
        _logger.exception("a listener of events failed at %s; the run goes on", event.kind)


def _interrupted(work: _podrole.Work) -> Interrupted:
    """Cancel work, wait for its end, and make the exception that carries the receipt."""
    work.cancel()
    try:
        while not work.wait(_TICK):
            pass
    except KeyboardInterrupt:
        work.cancel()
        work.wait(_AT_ONCE)
    return Interrupted(*_ending(work))


def _ending(work: _podrole.Work) -> tuple[Receipt | None, PodroleError | None]:
    try:
        answer = work.answer()
    except PodroleError as error:
        return error.receipt, error
    data: dict[str, Any] | None = None if answer is None else json.loads(answer)
    # What only reads has no receipt.
    return (Receipt._of(data) if data is not None and "calls" in data else None), None  # noqa: SLF001


class AsyncRun:
    """A run under way, for asyncio. It began when it was made: awaiting it gives the receipt, `async for` the events.

    Leaving an iteration does not cancel the run, and neither does letting go of it; `cancel` does, and so does the cancellation of
    a task that awaits it.

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

    def __init__(self, work: _podrole.Work) -> None:
        """Take over work that a client began."""
        self._work = work
        self._events: list[Event] = []
        self._given = 0

    def cancel(self) -> None:
        """Ask the run to stop: as `Run.cancel`."""
        self._work.cancel()

    async def next_event(self) -> Event | None:
        """Wait for the next event that this method has not given yet; None after the last."""
        event = await self._event(self._given)
        if event is not None:
            self._given += 1
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
        return await finish_async(self._work)

    def __await__(self) -> Generator[Any, None, Receipt]:
        """Wait for the end."""
        return self.finish().__await__()

    def __repr__(self) -> str:
        """Say whether it goes on."""
        return f"<AsyncRun, {'ended' if self._work.wait(0) else 'under way'}>"

    async def _event(self, index: int) -> Event | None:
        while index >= len(self._events):
            known = len(self._events)
            batch = self._work.events(known, 0)
            if batch is None:
                return None
            news = json.loads(batch)
            if news:
                self._events.extend(event_of(one) for one in news)
            else:
                await _changed(self._work, lambda known=known: self._work.events(known, 0) != "[]")  # type: ignore[misc]
        return self._events[index]


async def finish_async(work: _podrole.Work, listener: EventListener | None = None) -> Receipt:
    """Wait for the end of a run, and tell a listener its events on the way."""
    return Receipt._of(json.loads(await wait_async(work, listener)))  # noqa: SLF001


async def wait_async(work: _podrole.Work, listener: EventListener | None = None) -> str:
    """Wait for the end of work. The cancellation of the task cancels it, and a second one does not wait for the step in flight."""
    told = 0
    try:
        if listener is not None:
            while (batch := work.events(told, 0)) is not None:
                for one in json.loads(batch):
                    told += 1
                    tell(listener, event_of(one))
                await _changed(work, lambda told=told: work.events(told, 0) != "[]")  # type: ignore[misc]
        await _changed(work, lambda: work.wait(0))
    except asyncio.CancelledError as cancelled:
        work.cancel()
        try:
            await _changed(work, lambda: work.wait(0))
        except asyncio.CancelledError:
            work.cancel()
            work.wait(_AT_ONCE)
        raise cancelled_with(cancelled, *_ending(work)) from None
    answer = work.answer()
    assert answer is not None
    return answer


async def _changed(work: _podrole.Work, done: Callable[[], bool]) -> None:
    """Wait until something holds that only news of the work can bring about."""
    if done():
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
