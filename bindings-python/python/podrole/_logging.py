"""What the core traces reaches the standard `logging` module, under `podrole`."""

import logging

from podrole import _podrole
from podrole._errands import RECORDS, attend

_NOTHING = 255

_seen = 0
_names: list[str] = []


def follow() -> None:
    """Let the core know how much is wanted, so that nothing else crosses over."""
    level = min((one.getEffectiveLevel() for one in _loggers() if one.hasHandlers()), default=_NOTHING)
    _podrole.set_log_level(level if level <= logging.CRITICAL and attend(RECORDS) else _NOTHING)


def _loggers() -> list[logging.Logger]:
    """Give `podrole` and those below it: each may have a level and handlers of its own."""
    global _seen, _names
    known = logging.Logger.manager.loggerDict
    # None is ever removed.
    if len(known) != _seen:
        names = list(known)
        _seen, _names = len(names), [name for name in names if f"{name}.".startswith("podrole.")]
    return [one for name in _names if isinstance(one := known[name], logging.Logger)]
