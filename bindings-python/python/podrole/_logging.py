"""What the core traces reaches the standard `logging` module, under `podrole`."""

import logging

from podrole import _podrole

_logger = logging.getLogger("podrole")


def follow() -> None:
    """Let the core know how much is wanted, so that nothing else crosses over."""
    _podrole.set_log_level(min(_logger.getEffectiveLevel(), 255) if _logger.hasHandlers() else 255)
