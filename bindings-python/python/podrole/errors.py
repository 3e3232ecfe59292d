"""What can go wrong, as an exception."""

import json
from typing import Any


class PodroleError(Exception):
    """A failure of podrole; `str()` is the message, a traceback shows the remedy too.

    Attributes:
        kind: The stable snake_case kind (`invalid_input`). Later versions add kinds.
        message: What happened, for people.
        remedy: What to do about it, or `None`.
    """

    kind: str
    message: str
    remedy: str | None

    def __init__(self, kind: str, message: str, remedy: str | None = None) -> None:
        """Make an error of a kind."""
        # All three are the arguments of the exception, so that copies and pickles are whole.
        super().__init__(kind, message, remedy)
        self.kind = kind
        self.message = message
        self.remedy = remedy
        if remedy is not None:
            self.add_note(f"remedy: {remedy}")

    def __str__(self) -> str:
        """Give the message."""
        return self.message


def from_payload(payload: str) -> PodroleError:
    """Make the exception that belongs to an error payload of the core. The native module calls this."""
    fields: dict[str, Any] = json.loads(payload)
    return PodroleError(fields["kind"], fields["message"], fields.get("remedy"))
