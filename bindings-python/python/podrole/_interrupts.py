"""Ctrl-C while work is waited for."""

from __future__ import annotations

import signal
import threading
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

    As asyncio does, it leaves a handler of the caller's own alone, and does nothing where there are no signals.
    """

    def __init__(self, *works: _podrole.Work) -> None:
        """Cancel this work."""
        self.count = 0
        self.listening = False
        self._works = works
        self._stopped: list[_podrole.Work] = []
        self._installed = False

    def __enter__(self) -> Self:
        """Take over."""
        if (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        ):
            self._installed = True
            signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give back."""
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def watch(self, work: _podrole.Work) -> None:
        """Cancel this work too: at once, when Ctrl-C came before it had begun."""
        self._works = (*self._works, work)
        if self.count and work not in self._stopped:
            work.cancel()

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        for work in self._works:
            self._stopped.append(work)
            work.cancel()
        # Someone who goes on pressing, and a listener that does not come back, are not kept waiting.
        if self.count > 2 or (self.count == 2 and self.listening):
            signal.default_int_handler(number, frame)
