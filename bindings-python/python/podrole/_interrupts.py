"""Ctrl-C while work is waited for, and in the body of an iteration over a run's events."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from podrole import _podrole

TICK = 0.05
"""How often the main thread looks for signals while it waits, in seconds."""

_LONG = 3600.0


def tick() -> float:
    """Give how long one wait may be, in seconds: only the main thread gets signals."""
    return TICK if threading.current_thread() is threading.main_thread() else _LONG


class Interrupts:
    """Within it, Ctrl-C cancels work instead of raising: an exception that may come anywhere could cost the receipt.

    As asyncio does, it leaves a handler of the caller's own alone, and does nothing where there are no signals. One within another
    gets the signal, and the work of all of them is cancelled.
    """

    def __init__(self, *works: _podrole.Work, body: Callable[[list[_podrole.Work], bool], None] | None = None) -> None:
        """Cancel this work.

        Args:
            works: The work.
            body: For code of the caller, which looks at no count: called with what was cancelled, and whether that was cancelled
                before; raises.
        """
        self.count = 0
        self.listening = False
        self.stopped: list[_podrole.Work] = []
        self._works = works
        self._body = body

    def __enter__(self) -> Self:
        """Take over."""
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if handler is signal.default_int_handler:
                signal.signal(signal.SIGINT, _interrupted)
            if handler in (signal.default_int_handler, _interrupted):
                _ENTERED.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give back."""
        if self in _ENTERED:
            # In this order: one that had stayed behind would swallow every further Ctrl-C.
            _ENTERED.remove(self)
            if not _ENTERED:
                _give_back()

    def watch(self, work: _podrole.Work) -> None:
        """Cancel this work too: at once, when Ctrl-C came before it had begun."""
        self._works = (*self._works, work)
        if self.count and work not in self.stopped:
            self.stopped.append(work)
            work.cancel()

    def interrupted(self, number: int, frame: FrameType | None) -> None:
        """Cancel what is watched, here and around it."""
        self.count += 1
        self.stopped = list(dict.fromkeys(work for one in reversed(_ENTERED) for work in one._works))
        for work in self.stopped:
            work.cancel()
        if self._body is not None:
            try:
                self._body(self.stopped, self.count > 1)
            finally:
                # What was iterated over has ended.
                _ENTERED[:] = [one for one in _ENTERED if one._body is None]
                if not _ENTERED:
                    _give_back()
        # Someone who goes on pressing, and a listener that does not come back, are not kept waiting.
        elif self.count > 2 or (self.count == 2 and self.listening):
            signal.default_int_handler(number, frame)


_ENTERED: list[Interrupts] = []
"""Those of the main thread, the innermost last."""


def _interrupted(number: int, frame: FrameType | None) -> None:
    if _ENTERED:
        _ENTERED[-1].interrupted(number, frame)
    else:
        # Before the first one, or in a child of this process.
        _give_back()
        signal.default_int_handler(number, frame)


def _give_back() -> None:
    # An iteration can be let go of in another thread, and the caller may have set another handler meanwhile.
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def forked() -> None:
    """Forget what goes on in the process that this one was forked from."""
    _ENTERED.clear()
