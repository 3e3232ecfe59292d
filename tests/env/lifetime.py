"""How the servers of the tests end: with the process that started them."""

import ctypes
import os
import signal
import sys
import threading

PR_SET_PDEATHSIG = 1


def claim_stdout():
    """Returns a stream on the real standard output and sends everything else
    that is printed to standard error, so that the ready line stands alone."""
    ready = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return ready


def die_with_parent():
    """For `preexec_fn`: the kernel ends a child whose parent is gone (Linux).

    The signal is bound to the parent's *thread*, so children are started from
    the main thread. The servers themselves do not ask for it: test runners
    start them from short-lived threads. They watch standard input instead.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # A Ctrl-C at the terminal reaches us, and we end the children in order.
    os.setpgid(0, 0)


def until_told_to_stop():
    """Arms the end signals. The returned event is set by SIGTERM, SIGINT or
    the end of standard input, whichever comes first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())

    def watch():
        while os.read(0, 4096):
            pass
        stop.set()

    threading.Thread(target=watch, daemon=True).start()
    return stop


def leave(code=0):
    """Ends the process without waiting for threads that still serve."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
