"""What callers hand over, as the JSON text that the native half reads. Everything else is refused by its path."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

from podrole._records import Record
from podrole.errors import InvalidInputError

LEVELS = 100
"""How deep values may be nested: more than any grant or world, and far less than a stack holds."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@runtime_checkable
class HasDict(Protocol):
    """Anything that can be written as a dictionary."""

    def to_dict(self) -> dict[str, Any]:
        """Give the dictionary."""
        ...


def invalid(message: str, remedy: str | None = None) -> InvalidInputError:
    """Make the error for input that breaks a rule."""
    return InvalidInputError(message, remedy=remedy)


def described(value: object) -> str:
    """Say what a value is, in words."""
    match value:
        case None | bool() | float():
            return repr(value)
        case int():
            return repr(value) if abs(value) < 10**40 else "a huge number"
        case str():
            return f"the text {value[:60] + '…' if len(value) > 60 else value!r}"
        case _:
            return f"a value of type {type(value).__name__}"


def text(value: object, path: str) -> str:
    """Check that a value is text that the native half can get."""
    if not isinstance(value, str):
        raise invalid(f"{path} must be text, this is {described(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(f"{path} holds half of a surrogate pair, which is not text") from None
    # `str()` of a member of an enumeration is its name, and what is meant is its value.
    return value if type(value) is str else str.__str__(value)


def optional_text(value: object, path: str) -> str | None:
    """Check that a value is text or nothing."""
    return None if value is None else text(value, path)


def path_text(value: object, path: str) -> str:
    """Check that a value is the path of a file: text, or a `pathlib.Path`."""
    return text(os.fspath(value) if isinstance(value, os.PathLike) else value, path)


def flag(value: object, path: str) -> bool:
    """Check that a value is True or False."""
    if not isinstance(value, bool):
        raise invalid(f"{path} must be True or False, this is {described(value)}")
    return value


def seconds(value: object, path: str) -> float | None:
    """Check that a value is a length of time: seconds, or a timedelta."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(f"{path} must be a number of seconds, this is {described(value)}")
    if not 0 <= value < 2**40:
        raise invalid(f"{path} must be seconds from 0 on, this is {described(value)}")
    return float(value)


def whole(value: object, path: str) -> int | None:
    """Check that a value is a whole number or nothing; how large it may be, the native half says."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(f"{path} must be a whole number, this is {described(value)}")
    if not -(2**63) <= value < 2**64:
        raise invalid(f"{path} must be a whole number of at most 64 bits, this is {described(value)}")
    return int(value)


def data_of(value: object, what: str) -> dict[str, Any]:
    """Copy an object that a caller hands over, made of plain data alone.

    Args:
        value: A mapping, or anything with `to_dict()`.
        what: What it is, for the error (`the grant`). Paths begin below it.
    """
    value = _opened(value)
    if not isinstance(value, Mapping):
        raise invalid(f"{what} must be a mapping, this is {described(value)}")
    copy = _plain(value, "", [], what)
    assert isinstance(copy, dict)
    return copy


def json_of(value: object, what: str) -> str:
    """Write an object that a caller hands over as JSON text. Errors as `data_of`."""
    return json.dumps(data_of(value, what))


def text_or_json(value: object, what: str) -> str:
    """Give the JSON text of something that was written as JSON: the text itself, or what was parsed from it."""
    return text(value, what) if isinstance(value, str) else json_of(value, what)


def _opened(value: object) -> object:
    """Give what has a dictionary form as a mapping: of a record one level, as what it holds may be anything."""
    if isinstance(value, Record):
        return value._named()  # noqa: SLF001
    return value.to_dict() if isinstance(value, HasDict) and not isinstance(value, type) else value


def _plain(value: object, path: str, above: list[object], what: str) -> Any:
    name = path or what
    value = _opened(value)
    match value:
        case None | bool():
            return value
        case str():
            return text(value, name)
        case int():
            if not -(2**63) <= value < 2**64:
                raise invalid(f"{name} must be a number of at most 64 bits, this is {described(value)}")
            return int(value)
        case float():
            if not math.isfinite(value):
                raise invalid(f"{name} must be a finite number, this is {described(value)}")
            return value
        case os.PathLike():
            return text(os.fspath(value), name)
    if any(value is one for one in above):
        raise invalid(f"{name} leads back to a value that contains it")
    if len(above) >= LEVELS:
        raise invalid(f"{name[:200]}… is nested more than {LEVELS} levels deep")
    above.append(value)
    copy: Any
    match value:
        case Mapping():
            copy = {}
            for key, item in value.items():
                if not isinstance(key, str):
                    raise invalid(f"{name} must have keys that are text, one is {described(key)}")
                key = text(key, name)
                copy[key] = _plain(item, _below(path, key), above, what)
        case list() | tuple() | set() | frozenset():
            items = value if isinstance(value, list | tuple) else sorted(value, key=repr)
            copy = [_plain(item, f"{name}[{index}]", above, what) for index, item in enumerate(items)]
        case _:
            raise invalid(f"{name} must be data, this is {described(value)}")
    above.pop()
    return copy


def _below(path: str, key: str) -> str:
    if not _NAME.match(key):
        return f"{path}[{key!r}]"
    return f"{path}.{key}" if path else key
