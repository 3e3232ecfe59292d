"""How a client of real services gets its credentials, the way Python users have them."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeAlias

from podrole._input import data_of, described, invalid, path_text, text
from podrole._records import Record
from podrole.errors import PodroleError


@dataclass(frozen=True, kw_only=True)
class AwsCredentials:
    """AWS credentials. The secrets are not shown.

    Attributes:
        access_key_id: The id of the key.
        secret_access_key: The key.
        session_token: The token of temporary credentials.
        expiration: When they end; aware of its time zone. None: they stay.
    """

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expiration: datetime | None = None

    def __post_init__(self) -> None:
        """Check what no service could be told. The rest is checked where they are used."""
        for name in ("access_key_id", "secret_access_key", "session_token"):
            _spoken(getattr(self, name), name)


@dataclass(frozen=True, kw_only=True)
class BearerToken:
    """A token for an API server. It is not shown.

    Attributes:
        token: The token.
        expiration: When it ends; aware of its time zone. None: in 15 minutes, as EKS's own.
    """

    token: str = field(repr=False)
    expiration: datetime | None = None

    def __post_init__(self) -> None:
        """Check what no service could be told. The rest is checked where it is used."""
        _spoken(self.token, "token")


@dataclass(frozen=True, kw_only=True, eq=False)
class Kubeconfig(Record):
    """Which kubeconfig.

    Attributes:
        path: The file; default: `KUBECONFIG`, else `~/.kube/config`.
        context: The context; default: the current one.
        text: The kubeconfig itself as YAML or JSON, instead of a file.
    """

    path: str | os.PathLike[str] | None = None
    context: str | None = None
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenRequest(Record):
    """The cluster that a token is for.

    Attributes:
        name: Its name.
        arn: Its ARN.
        endpoint: Its API server's URL.
    """

    name: str
    arn: str
    endpoint: str | None = None


TokenProvider: TypeAlias = Callable[[TokenRequest], str | BearerToken]
"""Gives a token for an API server; called again before it ends, from another thread."""

CredentialsSource: TypeAlias = AwsCredentials | Callable[[], Any] | Any
"""Fixed `AwsCredentials`; botocore credentials, which refresh themselves; or a function that gives either."""

_EARLY = 60.0
"""How often credentials that refresh themselves are asked again, in seconds."""


class Failures:
    """What functions of the caller failed with last, by what they were asked."""

    def __init__(self) -> None:
        """Begin with none."""
        self._last: dict[str, tuple[int, BaseException]] = {}
        self._count = itertools.count(1)
        self.now = 0

    def add(self, question: str, problem: BaseException) -> None:
        """Keep one in the place of the one before."""
        self.now = number = next(self._count)
        self._last[question] = number, problem

    def forget(self, question: str) -> None:
        """Forget what was asked before: it is asked again."""
        self._last.pop(question, None)

    def told(self, error: PodroleError, since: int = 0) -> BaseException | None:
        """Give the one that an error tells of. What came before a call is not what the call failed with."""
        found = [problem for number, problem in list(self._last.values()) if number > since]
        # The core spells what no line of text has, such as line breaks, in its own way.
        message = _bare(error.message)
        return next((one for one in reversed(found) if _bare(_words(one)) in message), None)


class Connection:
    """Everything that a native client of real services is made from."""

    def __init__(self, settings: dict[str, Any]) -> None:
        """Begin with what is data."""
        self.settings = settings
        self.failures = Failures()
        self.credentials: Callable[[str], str] | None = None
        self.accounts: list[str] = []
        self.defaults = False
        self.token: Callable[[str], str] | None = None

    @property
    def asks(self) -> bool:
        """Whether functions of the caller are asked."""
        return self.credentials is not None or self.token is not None

    def arguments(
        self,
    ) -> tuple[str, Callable[[str], str] | None, list[str], bool, Callable[[str], str] | None]:
        """Give the arguments of the native `connect`."""
        return json.dumps(self.settings), self.credentials, self.accounts, self.defaults, self.token


def connection_of(
    settings: dict[str, Any],
    *,
    session: object | None,
    credentials: CredentialsSource | None,
    account_credentials: Mapping[str, CredentialsSource] | None,
    kubeconfig: bool | str | os.PathLike[str] | Kubeconfig | Mapping[str, Any] | None,
    token: TokenProvider | None,
) -> Connection:
    """Check the arguments of a client, and take functions and data apart."""
    if credentials is not None and (session is not None or "profile" in settings):
        raise invalid("credentials excludes `session` and `profile`", "give one of them")
    if session is not None and "profile" in settings:
        raise invalid("session excludes `profile`", "give the profile to the session")
    if kubeconfig is not None and kubeconfig is not False:
        settings["kubeconfig"] = _kubeconfig(kubeconfig)
    if token is not None and ("kubeconfig" in settings or settings.get("inCluster")):
        raise invalid("token excludes `kubeconfig` and `in_cluster`", "give one of them")

    connection = Connection(settings)
    failures = connection.failures
    sources: dict[str, Callable[[], dict[str, Any]]] = {}
    if session is not None:
        sources[""] = _session(session)
    elif credentials is not None:
        sources[""] = _source(credentials, "credentials")
    if account_credentials is not None:
        if not isinstance(account_credentials, Mapping):
            raise invalid(f"account_credentials must be a mapping, this is {type(account_credentials).__name__}")
        for account, source in account_credentials.items():
            known = text(account, "a key of account_credentials")
            sources[known] = _source(source, f"account_credentials[{known!r}]")
    if sources:
        connection.credentials = _asked(failures, lambda account: sources.get(account, sources.get("", _none))())
        connection.accounts = [account for account in sources if account]
        connection.defaults = "" in sources
    if token is not None:
        if not callable(token):
            raise invalid(f"token must be a function, this is a value of type {type(token).__name__}")
        _check_plain(token, "token")
        connection.token = _asked(failures, lambda cluster: _token(token(TokenRequest(**json.loads(cluster)))))
    return connection


def session_region(session: Any) -> str | None:
    """Give the region of a boto3 or botocore session."""
    if session is None:
        return None
    region = getattr(session, "region_name", None)
    if region is None and hasattr(session, "get_config_variable"):
        region = session.get_config_variable("region")
    return region if isinstance(region, str) else None


def _none() -> dict[str, Any]:
    raise invalid("there are no credentials for this account")


def _asked(failures: Failures, answer: Callable[[str], Any]) -> Callable[[str], str]:
    """Wrap a function of the caller so that what it raises becomes an answer too."""

    def ask(question: str) -> str:
        failures.forget(question)
        try:
            return json.dumps({"value": answer(question)})
        except BaseException as problem:
            failures.add(question, problem)
            return json.dumps({"failure": _words(problem)})

    return ask


def _bare(said: str) -> str:
    return re.sub(r"\W+", "", said)


def _words(problem: BaseException) -> str:
    try:
        # Half of a surrogate pair is no text that crosses over.
        return f"{type(problem).__name__}: {problem}".encode(errors="backslashreplace").decode()
    except Exception:
        return type(problem).__name__


def _session(session: object) -> Callable[[], dict[str, Any]]:
    if isinstance(session, type):
        raise invalid(f"session must be a boto3 or botocore session, this is the class {session.__name__}", f"call it: {session.__name__}()")
    get = getattr(session, "get_credentials", None)
    if not callable(get):
        raise invalid(f"session must be a boto3 or botocore session, this is a value of type {type(session).__name__}")

    def ask() -> dict[str, Any]:
        found = get()
        if found is None:
            raise invalid("the session has no credentials", "log in, or set a profile or AWS_ACCESS_KEY_ID")
        return _credentials(found, "session.get_credentials()")

    return ask


def _source(source: CredentialsSource, name: str) -> Callable[[], dict[str, Any]]:
    if callable(source) and not hasattr(source, "get_frozen_credentials"):
        _check_plain(source, name)
        return lambda: _credentials(source(), f"{name}()")
    # What is wrong with fixed ones is said at once; those of botocore may have to be fetched first.
    if isinstance(source, AwsCredentials) or _frozen(source):
        _credentials(source, name)
    elif not hasattr(source, "get_frozen_credentials"):
        raise invalid(
            f"{name} must be AwsCredentials, botocore credentials or a function, this is a value of type {type(source).__name__}"
        )
    return lambda: _credentials(source, name)


def _check_plain(function: object, name: str) -> None:
    if inspect.iscoroutinefunction(function):
        raise invalid(f"{name} must be a plain function, this is an `async def`", "it is called on a thread of its own and may block")


def _frozen(given: object) -> bool:
    """Say whether these are what `get_frozen_credentials` of botocore gives."""
    return not hasattr(given, "get_frozen_credentials") and all(
        hasattr(given, name) for name in ("access_key", "secret_key", "token")
    )


def _credentials(given: Any, name: str) -> dict[str, Any]:
    """Write credentials as the native half reads them. What is wrong is named, and never shown."""
    if isinstance(given, AwsCredentials):
        return {
            "accessKeyId": _secret(given.access_key_id, f"{name}.access_key_id"),
            "secretAccessKey": _secret(given.secret_access_key, f"{name}.secret_access_key"),
            "sessionToken": None if given.session_token is None else _secret(given.session_token, f"{name}.session_token"),
            "expiration": _end(given.expiration, f"{name}.expiration"),
        }
    freeze = getattr(given, "get_frozen_credentials", None)
    if not callable(freeze) and not _frozen(given):
        raise invalid(f"{name} must give AwsCredentials or botocore credentials, this is a value of type {type(given).__name__}")
    frozen: Any = freeze() if callable(freeze) else given
    # Those that refresh themselves are asked again and again, those that do not are kept.
    refreshes = hasattr(given, "refresh_needed")
    return {
        "accessKeyId": _secret(frozen.access_key, f"{name}.access_key"),
        "secretAccessKey": _secret(frozen.secret_key, f"{name}.secret_key"),
        "sessionToken": None if frozen.token is None else _secret(frozen.token, f"{name}.token"),
        "expiration": datetime.now(timezone.utc).timestamp() + _EARLY if refreshes else None,
    }


def _token(given: Any) -> dict[str, Any]:
    if isinstance(given, BearerToken):
        return {"token": _secret(given.token, "token"), "expiration": _end(given.expiration, "token.expiration")}
    return {"token": _secret(given, "token"), "expiration": None}


def _spoken(given: object, name: str) -> None:
    if isinstance(given, str):
        text(given, name)


def _secret(given: object, name: str) -> str:
    if not isinstance(given, str) or not given:
        what = "empty" if given == "" else f"a value of type {type(given).__name__}"
        raise invalid(f"{name} must be text that is not empty, this is {what}")
    return text(given, name)


def _end(end: object, name: str) -> float | None:
    if end is None:
        return None
    if not isinstance(end, datetime) or end.tzinfo is None:
        raise invalid(f"{name} must be a datetime with a time zone, this is {described(end)}")
    return end.timestamp()


def _kubeconfig(given: object) -> Any:
    if given is True:
        return given
    if isinstance(given, str | os.PathLike):
        return path_text(given, "kubeconfig")
    if isinstance(given, Kubeconfig | Mapping):
        return data_of({"kubeconfig": given}, "the kubeconfig")["kubeconfig"]
    raise invalid(f"kubeconfig must be True, a path or a Kubeconfig, this is {described(given)}")
