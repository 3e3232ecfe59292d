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


_PATIENCE = 1.0
"""How long a fork waits for a handler of records, in seconds."""


class _Recording:
    """Holds one record at a time, and none while the process forks: a child would inherit the locks that a handler holds."""

    def __init__(self) -> None:
        # A handler that forks does not wait for itself.
        self.lock = threading.RLock()
        self.held = threading.local()

    def before_fork(self) -> None:
        self.held.now = self.lock.acquire(timeout=_PATIENCE)

    def after_fork(self) -> None:
        if getattr(self.held, "now", False):
            self.held.now = False
            self.lock.release()


_recording = _Recording()


def before_fork() -> None:
    """Wait, but not for long, until no handler of records is in the middle of one."""
    _recording.before_fork()


def after_fork_in_parent() -> None:
    """Let handlers go on."""
    _recording.after_fork()


def after_fork_in_child() -> None:
    """Begin anew: nobody is there who would let go of what was held."""
    global _recording
    _recording = _Recording()


def _record(name: str, level: int, text: str) -> None:
    with _recording.lock:
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
