"""Values with a dictionary form: frozen, compared by content, copied and pickled whole."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, NoReturn, TypeVar

RecordT = TypeVar("RecordT", bound="Record")
DocumentT = TypeVar("DocumentT", bound="Document")

_Convert = Callable[[Any], Any]


def camel(name: str) -> str:
    """Write a name of Python as the JSON forms do."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


class Record:
    """A frozen value with named fields.

    Each has `to_dict()`, whose keys are those of the JSON forms (camelCase), and `from_dict()`, which reads it back.
    """

    __slots__ = ()

    _FORMS: ClassVar[dict[type, dict[str, _Form]]] = {}

    def __post_init__(self) -> None:
        """Keep nothing that the caller could change later."""
        for name, value in vars(self).items():
            if isinstance(value, Mapping):
                object.__setattr__(self, name, _kept(value, f"{type(self).__name__}: {camel(name)}"))
            elif isinstance(value, list):
                object.__setattr__(self, name, tuple(value))

    def _named(self) -> dict[str, Any]:
        """Give the fields that are not None as they are, by the keys of the JSON forms."""
        return {
            camel(field.name): value
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if (value := getattr(self, field.name)) is not None
        }

    def to_dict(self) -> dict[str, Any]:
        """Write it with the keys of the JSON forms; what is None is left out."""
        return {key: _written(value) for key, value in self._named().items()}

    @classmethod
    def from_dict(cls: type[RecordT], data: Mapping[str, Any]) -> RecordT:
        """Read what `to_dict` wrote.

        Raises:
            InvalidInputError: An unknown or missing key, or a value of another type.
        """
        name = cls.__name__
        if not isinstance(data, Mapping):
            raise _not_that(f"a {name} must be a mapping", data)
        forms = _forms(cls)
        # As `__init__` does, several times as fast: plans have thousands of records.
        values = {}
        for key, value in data.items():
            form = forms.get(key)
            if form is None:
                raise _invalid(f"{name}: unknown key {key!r}", f"legal are {', '.join(forms)}")
            convert = form.convert
            if convert is None:
                if form.leaf is not None and value is not None and not _is(value, form.leaf):
                    raise _not_that(f"{name}: {key} must be {_LEAVES[form.leaf]}", value)
                values[form.name] = value
            else:
                values[form.name] = None if value is None else convert(value)
        if len(data) < len(forms):
            for key, form in forms.items():
                if key not in data:
                    if form.default is dataclasses.MISSING:
                        raise _invalid(f"{name}: the key {key!r} is missing")
                    values[form.name] = form.default
        made = object.__new__(cls)
        object.__setattr__(made, "__dict__", values)
        return made

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, Record)
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Agree with equality."""
        return _hashed(self.to_dict())


class Document:
    """A frozen value that the core checked as a whole, and that can be saved as JSON."""

    __slots__ = ("_parsed", "_text")

    _parsed: dict[str, Any] | None
    _text: str | None

    @classmethod
    def _of(cls: type[DocumentT], data: dict[str, Any]) -> DocumentT:
        """Wrap what the native half wrote, parsed."""
        made = object.__new__(cls)
        object.__setattr__(made, "_parsed", data)
        object.__setattr__(made, "_text", None)
        return made

    @classmethod
    def _of_text(cls: type[DocumentT], text: str) -> DocumentT:
        """Wrap what the native half wrote. It is parsed when somebody looks: a plan may just be printed and applied."""
        made = object.__new__(cls)
        object.__setattr__(made, "_parsed", None)
        object.__setattr__(made, "_text", text)
        return made

    @property
    def _data(self) -> dict[str, Any]:
        data = self._parsed
        if data is None:
            assert self._text is not None
            data = json.loads(self._text)
            object.__setattr__(self, "_parsed", data)
        return data

    def _json(self) -> str:
        """Give the JSON text for the native half."""
        return json.dumps(self._parsed) if self._text is None else self._text

    @classmethod
    def _checked(cls, text: str) -> dict[str, Any]:
        """Let the core read a JSON text, and give its full form."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Write it with the keys of the JSON forms (camelCase): a copy."""
        data: dict[str, Any] = _copied(self._data)
        return data

    @classmethod
    def from_dict(cls: type[DocumentT], data: Mapping[str, Any]) -> DocumentT:
        """Read what `to_dict` wrote.

        Raises:
            InvalidInputError: It has unknown fields or wrong values, or is of another schema version.
        """
        from podrole._input import json_of

        return cls._of(cls._checked(json_of(data, f"the {cls.__name__.lower()}")))

    def to_json(self, *, indent: int | None = None) -> str:
        """Write it as JSON text.

        Args:
            indent: Spaces for each level; default: everything on one line.
        """
        from podrole._input import whole

        if not 0 <= (whole(indent, "indent") or 0) <= _LEVELS:
            raise _not_that(f"indent must be from 0 to {_LEVELS}", indent)
        return json.dumps(self._data, indent=indent)

    @classmethod
    def from_json(cls: type[DocumentT], text: str) -> DocumentT:
        """Read what `to_json` wrote. Errors as `from_dict`."""
        from podrole._input import text as checked

        return cls._of(cls._checked(checked(text, f"the {cls.__name__.lower()}")))

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, Document)
        return self._data == other._data

    def __hash__(self) -> int:
        """Agree with equality."""
        return _hashed(self._data)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse: it is frozen."""
        raise AttributeError(f"a {type(self).__name__} cannot be changed: make another one")

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse: it is frozen."""
        raise AttributeError(f"a {type(self).__name__} cannot be changed: make another one")

    def __reduce__(self) -> tuple[Any, ...]:
        """Let copies and pickles be whole."""
        return _document, (type(self), self._json())

    def __copy__(self: DocumentT) -> DocumentT:
        """Give itself: it cannot be changed."""
        return self

    def __deepcopy__(self: DocumentT, memo: object) -> DocumentT:
        """Give itself: it cannot be changed."""
        return self


def _copied(value: Any) -> Any:
    """Copy plain data: `copy.deepcopy` takes ten times as long."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


class _Kept(dict[str, Any]):
    """A mapping of a frozen value: it cannot be changed. Equal to a dictionary, copied and pickled whole."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Kept, (dict(self),)

    def __copy__(self) -> _Kept:
        return self


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("this mapping belongs to a frozen value and cannot be changed: copy it with dict()")


for _change in ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"):
    setattr(_Kept, _change, _refuse)


_LEVELS = 100


def _kept(value: Any, name: str, levels: int = _LEVELS) -> Any:
    """Copy plain data so that nobody can change it: a mapping of a record, which is called by its name where it has no end."""
    if isinstance(value, dict):
        if levels == 0:
            raise _invalid(f"{name} is nested more than {_LEVELS} levels deep, or leads back to itself")
        return _Kept(
            {
                key: item if item is None or isinstance(item, str) else _kept(item, name, levels - 1)
                for key, item in value.items()
            }
        )
    if isinstance(value, list):
        if levels == 0:
            raise _invalid(f"{name} is nested more than {_LEVELS} levels deep, or leads back to itself")
        return [_kept(item, name, levels - 1) if not isinstance(item, str) else item for item in value]
    return _kept(dict(value), name, levels) if isinstance(value, Mapping) else value


def _hashed(value: object) -> int:
    """Hash plain data so that equal data has equal hashes: 1 equals 1.0, and their texts differ."""
    if isinstance(value, Mapping):
        return hash(frozenset((key, _hashed(item)) for key, item in value.items()))
    return hash(tuple(map(_hashed, value))) if isinstance(value, list | tuple) else hash(value)


def _invalid(message: str, remedy: str | None = None) -> Exception:
    # Not at the top: errors hold records.
    from podrole._input import invalid

    return invalid(message, remedy)


def _not_that(needed: str, value: object) -> Exception:
    from podrole._input import described

    return _invalid(f"{needed}, this is {described(value)}")


def _document(made: type[DocumentT], text: str) -> DocumentT:
    return made._of_text(text)  # noqa: SLF001


def _written(value: object) -> Any:
    match value:
        case Record() | Document():
            return value.to_dict()
        case tuple() | list():
            return [_written(item) for item in value]
        case Mapping():
            return {key: _written(item) for key, item in value.items()}
        case _:
            return value


class _Form(typing.NamedTuple):
    """How a field is made from the JSON form."""

    name: str
    convert: _Convert | None
    leaf: type | None
    default: Any


_LEAVES: dict[type, str] = {str: "text", int: "a whole number", bool: "true or false", float: "a number"}


def _is(value: object, leaf: type) -> bool:
    if isinstance(value, bool):
        return leaf is bool
    return isinstance(value, int | float if leaf is float else leaf)


def _leaf(hint: Any) -> type | None:
    """Give the type of a field that is text, a number or a flag; what a `Literal` lists may grow, and its type stays."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        others = [one for one in arguments if one is not type(None)]
        return _leaf(others[0]) if len(others) == 1 else None
    if origin is Literal:
        return type(arguments[0])
    return hint if hint in _LEAVES else None


def _forms(cls: type) -> dict[str, _Form]:
    found = Record._FORMS.get(cls)  # noqa: SLF001
    if found is None:
        hints = typing.get_type_hints(cls)
        found = {
            camel(field.name): _Form(field.name, _convert(hints[field.name], f"{cls.__name__}: {camel(field.name)}"), _leaf(hints[field.name]), field.default)
            for field in dataclasses.fields(cls)
        }
        Record._FORMS[cls] = found  # noqa: SLF001
    return found


def _convert(hint: Any, name: str) -> _Convert | None:
    """How the value of a field is made from its JSON form; None when it is itself."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        records = [one for one in arguments if isinstance(one, type) and issubclass(one, Record)]
        if len(records) > 1:
            kinds = {one.__dataclass_fields__["kind"].default: one for one in records}  # type: ignore[attr-defined]

            def one_of(value: Any) -> Any:
                kind = value.get("kind") if isinstance(value, Mapping) else None
                if kind not in kinds:
                    raise _invalid(f"{name}: there is no kind {kind!r}", f"legal are {', '.join(kinds)}")
                return kinds[kind].from_dict(value)

            return one_of
        others = [one for one in arguments if one is not type(None)]
        return _convert(others[0], name) if len(others) == 1 else None
    if origin is tuple:
        inner = _convert(arguments[0], name)

        def items_of(items: Any) -> tuple[Any, ...]:
            if not isinstance(items, list | tuple):
                raise _not_that(f"{name} must be a list", items)
            return tuple(items) if inner is None else tuple(map(inner, items))

        return items_of
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):

        def mapping_of(value: Any) -> Any:
            if not isinstance(value, Mapping):
                raise _not_that(f"{name} must be a mapping", value)
            return _kept(value, name)

        return mapping_of
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_dict
    return None
