"""JSON pointers, edits by pointer, and the meaning of documents."""

from __future__ import annotations

import copy
import json
from typing import Any

Index = dict[str, Any]
ABSENT = object()


def only(mapping: dict[str, Any], keys: set[str]) -> None:
    """Refuse keys that nobody knows: a typo must not pass."""
    unknown = set(mapping) - keys
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")


def _parts(index: Index, pointer: str) -> list[str]:
    head, *rest = pointer.split("/")
    long: str = index["shorthands"].get(head, head)
    return [part.replace("~1", "/").replace("~0", "~") for part in [*long.split("/")[1:], *rest]]


def pointed(index: Index, value: Any, pointer: str) -> Any:
    """Give the value at a pointer; ABSENT where there is none."""
    for part in _parts(index, pointer):
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() and int(part) < len(value) else ABSENT
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return ABSENT
    return value


def edited(index: Index, value: dict[str, Any], edits: list[dict[str, Any]]) -> dict[str, Any]:
    """Give a copy with some edits made."""
    made = copy.deepcopy(value)
    for edit in edits:
        setting = "set" in edit
        only(edit, {"set", "to"} if setting else {"remove"})
        *way, last = _parts(index, edit["set" if setting else "remove"])
        place: Any = made
        for part in way:
            if isinstance(place, list):
                place = place[int(part)]
                continue
            if part not in place and not setting:
                raise ValueError(f"{edit}: there is no {part}")
            place = place.setdefault(part, {})
        key: Any = int(last) if isinstance(place, list) else last
        if setting:
            place[key] = edit.get("to")
        else:
            del place[key]
    return made


def meaning(value: Any) -> Any:
    """Give the canonical form of a document: a list of one is its item, the order of a list has no meaning."""
    if isinstance(value, list):
        items = sorted((meaning(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
        return items[0] if len(items) == 1 else items
    if isinstance(value, dict):
        return {key: meaning(item) for key, item in value.items()}
    return value
