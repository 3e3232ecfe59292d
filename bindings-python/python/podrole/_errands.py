"""Threads of Python that do what the native half wants of the interpreter.

Its own threads never come here: the interpreter kills a thread that waits for it while it ends, and a native one with it takes the
process down. A daemon thread of Python may be killed anywhere, also in a function of the caller that never returns.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable

from podrole import _podrole

WAKES, RECORDS, QUESTIONS = range(3)
"""The kinds of errand, each done one after another by a thread of its own."""


def attend(lane: int) -> bool:
    """See to it that a thread does the errands of one kind in this process; False when the interpreter ends and gives none."""
    claimed = _podrole.claim_errands(lane)
    if claimed:
        try:
            _thread(_do_all, lane)
        except RuntimeError:
            _podrole.unclaim_errands(lane)
            return False
    return claimed is not None


def _thread(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, name="podrole", daemon=True).start()


def _do_all(lane: int) -> None:
    do = _DO[lane]
    while (errand := _podrole.next_errand(lane)) is not None:
        # An event loop that is closed takes no more calls, and needs none; a handler of records tells its own problems.
        with contextlib.suppress(Exception):
            do(*errand)


def _wake(listener: Callable[[], object]) -> None:
    listener()


def _record(name: str, level: int, text: str) -> None:
    logging.getLogger(name).log(level, "%s", text)


def _ask(function: Callable[[str], str], question: str, reply: _podrole.Reply) -> None:
    """Ask in a thread of its own: a slow answer keeps no other waiting."""

    def answer() -> None:
        reply.give(function(question))

    try:
        _thread(answer)
    except RuntimeError:
        # While the interpreter ends, it gives no threads.
        answer()


_DO: tuple[Callable[..., None], ...] = (_wake, _record, _ask)
