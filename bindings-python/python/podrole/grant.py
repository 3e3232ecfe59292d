"""What the caller wants: pods that run as a service account on a cluster act as an IAM role."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from podrole import _podrole
from podrole._html import escaped, table
from podrole._input import described, invalid, json_of, text
from podrole._records import Document, Record, camel
from podrole.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import RenderableType

Mechanism: TypeAlias = Literal["irsa"]
"""How pods get the role's credentials. Later versions add Pod Identity."""

Scope: TypeAlias = Literal["iam", "kubernetes", "both"]
"""Which half of a grant to work on: `iam` and `kubernetes` need no credentials for the other half."""

Manage: TypeAlias = Literal["observe", "merge", "own"]
"""How far podrole may go with a thing that may exist already.

`observe` never writes it; `merge` creates it when absent, adds what the grant needs and keeps everything else; `own` makes it
what the grant says, also where others set it before.
"""

PolicySource: TypeAlias = Literal["aws_managed", "customer", "arn", "document", "s3"]
"""Where a policy comes from."""

S3Access: TypeAlias = Literal["read", "write", "read_write"]
"""What may be done with buckets."""

WorkloadKind: TypeAlias = Literal["deployment", "stateful_set", "daemon_set"]
"""The kinds of workload that podrole points at a service account."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cluster(Record):
    """Which cluster.

    Attributes:
        name: Its name.
        region: Its region; default: the client's.
        account: Its account, 12 digits; default: the credentials'.
    """

    name: str
    region: str | None = None
    account: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class ServiceAccount(Record):
    """Which service account, and what else to set on it.

    Attributes:
        namespace: Its namespace, which must exist.
        name: Its name.
        manage: How far podrole may go; default `merge`. With `own`, fields are taken from other field managers.
        labels: Labels to set; default none.
    """

    namespace: str
    name: str
    manage: Manage | None = None
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Role(Record):
    """Which role, and what it looks like. One of `name` and `arn` is needed.

    Attributes:
        name: Its name, 1–64 characters.
        arn: Its ARN, instead of the name.
        manage: How far podrole may go; default `merge`.
        path: Its path; default `/`.
        description: Its description, at most 1000 characters.
        max_session_duration: Session length in seconds, 3600–43200; default 3600.
        permissions_boundary: ARN of the managed policy that bounds it; default none.
        tags: Tags, at most 50 with podrole's own; default none.
    """

    name: str | None = None
    arn: str | None = None
    manage: Manage | None = None
    path: str | None = None
    description: str | None = None
    max_session_duration: int | None = None
    permissions_boundary: str | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Provider(Record):
    """What podrole may do with the cluster's OIDC provider in IAM.

    Attributes:
        manage: `merge` (the default) creates a missing provider and adds a missing audience; `observe` refuses instead; `own` is
            the same as `merge`.
    """

    manage: Manage | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Trust(Record):
    """Who may assume the role.

    Attributes:
        audience: The audience that tokens must carry; default `sts.amazonaws.com`.
        service_accounts: Further service accounts, as `namespace/name`; default none.
        conditions: Further conditions: operator → key → values; default none.
    """

    audience: str | None = None
    service_accounts: tuple[str, ...] | None = None
    conditions: Mapping[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Token(Record):
    """Annotations for the pod-identity webhook.

    Attributes:
        expiration: Life of the projected token in seconds, 600–86400; default: the webhook's, 86400.
        regional_endpoints: Whether SDKs call the regional STS endpoint; default: the cluster's setting.
    """

    expiration: int | None = None
    regional_endpoints: bool | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class S3(Record):
    """Least-privilege access to S3.

    Attributes:
        buckets: Buckets by name.
        prefixes: Key prefixes that the access is limited to, the same in every bucket; default: whole buckets.
        access: What may be done.
    """

    buckets: tuple[str, ...]
    prefixes: tuple[str, ...] | None = None
    access: S3Access


@dataclass(frozen=True, kw_only=True, eq=False)
class Policy(Record):
    """One policy of the role. What a grant tells of itself has `source`; you need not give it.

    Attributes:
        source: Where it comes from.
        name: Its name; absent with `arn`.
        arn: The ARN of a managed policy.
        aws_managed: The name of an AWS-managed policy.
        customer: The name of a customer-managed policy that exists.
        path: Its path; default `/`.
        inline: Whether it becomes an inline policy of the role instead of a customer-managed policy; default yes for `s3`, no for
            `document`.
        document: The document.
        s3: Access to buckets, instead of a document.
        manage: `own` lets a document replace one that podrole did not write; default `merge`.
    """

    source: PolicySource | None = None
    name: str | None = None
    arn: str | None = None
    aws_managed: str | None = None
    customer: str | None = None
    path: str | None = None
    inline: bool | None = None
    document: Mapping[str, Any] | None = None
    s3: S3 | None = None
    manage: Manage | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Workload(Record):
    """One workload that runs as the service account.

    Attributes:
        kind: Its kind.
        name: Its name.
        manage: `observe` only checks; `own` takes the field from another field manager (Argo CD, Flux, Helm); default `merge`.
        restart: Whether pods that are older than the annotation are replaced; default yes.
    """

    kind: WorkloadKind
    name: str
    manage: Manage | None = None
    restart: bool | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Kustomization(Record):
    """One workload that a kustomization points at the service account.

    Attributes:
        path: Path of the `kustomization.yaml`, relative to the client's file root.
        kind: The workload's kind.
        name: The workload's name.
    """

    path: str
    kind: WorkloadKind
    name: str


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSync(Record):
    """Another role, of the same account, that lets the grant's role assume it.

    Attributes:
        role: The other role's name or ARN; it must exist.
        source_account: Account that S3 must be acting for (`aws:SourceAccount`); default: any.
        external_id: External id that the grant's role must present (`sts:ExternalId`); default: none.
    """

    role: str
    source_account: str | None = None
    external_id: str | None = None


Loose: TypeAlias = Mapping[str, Any]
"""A mapping with the keys of the grant file (camelCase), where a class of this module does as well."""


class Grant(Document):
    """What the caller wants, checked as far as it can be without a call, and held in its long form.

    Every argument takes the short forms of the grant file. Mappings have the keys of the grant file (`maxSessionDuration`); the
    classes of `podrole.grant` are the same with Python's names and editor hints.

    >>> import podrole
    >>> grant = podrole.Grant(
    ...     cluster="devops_aurora",
    ...     service_account="devops-aurora-1/connections-serviceaccount-s3",
    ...     role="connections-role-test",
    ...     policies=["AmazonS3FullAccess"],
    ...     deployments=["connections-app"],
    ... )
    >>> grant.role.name, grant.policies[0].source, grant.workloads[0].kind
    ('connections-role-test', 'aws_managed', 'deployment')

    Args:
        cluster: A name, an ARN, or a `Cluster`.
        service_account: `namespace/name`, or a `ServiceAccount`.
        role: A name, an ARN, or a `Role`.
        policies: Each an AWS-managed policy's name, an ARN, or a `Policy`.
        deployments: Deployments that run as the service account, by name or `Workload`-like mapping.
        stateful_sets: The same for StatefulSets.
        daemon_sets: The same for DaemonSets.
        workloads: The same in the long form: `Workload`.
        kustomizations: `Kustomization`, or mappings such as `{"path": "k/kustomization.yaml", "deployment": "app"}`.
        data_syncs: Roles that let the grant's role assume them: names, ARNs or `DataSync`.
        mechanism: How pods get credentials; default `irsa`.
        scope: Which half to work on; default `both`.
        provider: What podrole may do with the OIDC provider.
        trust: Who may assume the role besides the service account.
        token: Annotations for the pod-identity webhook.

    Raises:
        InvalidInputError: An argument breaks a rule; the message begins with its path.
    """

    __slots__ = ()

    def __new__(
        cls,
        *,
        cluster: str | Cluster | Loose,
        service_account: str | ServiceAccount | Loose,
        role: str | Role | Loose,
        policies: Iterable[str | Policy | Loose] | None = None,
        deployments: Iterable[str | Loose] | None = None,
        stateful_sets: Iterable[str | Loose] | None = None,
        daemon_sets: Iterable[str | Loose] | None = None,
        workloads: Iterable[Workload | Loose] | None = None,
        kustomizations: Iterable[Kustomization | Loose] | None = None,
        data_syncs: Iterable[str | DataSync | Loose] | None = None,
        mechanism: Mechanism | None = None,
        scope: Scope | None = None,
        provider: Provider | Loose | None = None,
        trust: Trust | Loose | None = None,
        token: Token | Loose | None = None,
    ) -> Grant:
        """Check the arguments and fill every default in."""
        given = {
            "cluster": cluster,
            "service_account": service_account,
            "role": role,
            "policies": _list(policies, "policies"),
            "deployments": _list(deployments, "deployments"),
            "stateful_sets": _list(stateful_sets, "stateful_sets"),
            "daemon_sets": _list(daemon_sets, "daemon_sets"),
            "workloads": _list(workloads, "workloads"),
            "kustomizations": _list(kustomizations, "kustomizations"),
            "data_syncs": _list(data_syncs, "data_syncs"),
            "mechanism": mechanism,
            "scope": scope,
            "provider": provider,
            "trust": trust,
            "token": token,
        }
        for name in ("cluster", "service_account", "role"):
            if given[name] is None:
                raise invalid(f"{name} is needed, this is None")
        value = {camel(name): argument for name, argument in given.items() if argument is not None}
        try:
            return cls._of_text(_podrole.grant_from_value(json_of(value, "the grant")))
        except InvalidInputError as error:
            raise in_words_of_python(error, map(camel, given)) from None

    def __repr__(self) -> str:
        """Show who becomes what."""
        return f"<Grant {self.subject} on {self.cluster.name} as {self.role.name}>"

    def _rows(self) -> list[tuple[str, str]]:
        """Give what it asks for, in words, for a table. What is not asked for is left out."""
        rows = []
        for key, value in self._data.items():
            for one in value if isinstance(value, list) else (value,):
                said = one
                if isinstance(one, Mapping):
                    said = ", ".join(f"{name}: {_said(item)}" for name, item in one.items() if item is not None and item != [] and item != {})
                if said and key != "schemaVersion":
                    rows.append((re.sub("[A-Z]", lambda letter: f" {letter[0].lower()}", key), str(said)))
        return rows

    def _repr_html_(self) -> str:
        """Show it as a table, in a notebook."""
        rows = [(escaped(what), escaped(asked)) for what, asked in self._rows()]
        return table(f"Grant {self.subject} on {self.cluster.name} as {self.role.name}", ("what", "asked for"), rows)

    def __rich__(self) -> RenderableType:
        """Show it as a table, when `rich` prints it."""
        from podrole.console import grant_table

        return grant_table(self)

    @classmethod
    def _checked(cls, text: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(_podrole.grant_from_value(text))
        return found

    @classmethod
    def from_yaml(cls, yaml: str) -> Grant:
        """Read the one grant of a YAML text, in short or long form.

        Raises:
            InvalidInputError: With line, column and path; an unknown key comes with the nearest legal one.
        """
        return cls._of_text(_podrole.grant_from_yaml(text(yaml, "yaml")))

    @classmethod
    def all_from_yaml(cls, yaml: str) -> list[Grant]:
        """Read every grant of a YAML text, one a document (`---` between them). Errors as `from_yaml`."""
        return [cls._of(one) for one in json.loads(_podrole.grants_from_yaml(text(yaml, "yaml")))]

    @classmethod
    def from_json(cls, text: str) -> Grant:
        """Read the one grant of a JSON text, in short or long form. Errors as `from_yaml`."""
        return cls._of_text(_podrole.grant_from_json(_text(text, "json")))

    @classmethod
    def all_from_json(cls, text: str) -> list[Grant]:
        """Read the grant of a JSON object, or every grant of a JSON array of objects. Errors as `from_yaml`."""
        return [cls._of(one) for one in json.loads(_podrole.grants_from_json(_text(text, "json")))]

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> list[Grant]:
        """Read every grant of a file: YAML from `.yaml` and `.yml`, JSON from `.json`.

        Raises:
            InvalidInputError: As `from_yaml`, with the file as `resource`.
            NotFoundError: The file does not exist.
        """
        if not isinstance(path, str | os.PathLike):
            raise invalid(f"path must be a path, this is {described(path)}")
        return [cls._of(one) for one in json.loads(_podrole.grants_from_file(text(os.fspath(path), "path")))]

    def to_yaml(self) -> str:
        """Write the long form as YAML, which `from_yaml` reads back."""
        return _podrole.grant_to_yaml(self._json())

    @property
    def subject(self) -> str:
        """The service account as `namespace/name`."""
        return f"{self.service_account.namespace}/{self.service_account.name}"

    @property
    def mechanism(self) -> Mechanism:
        """How pods get the role's credentials."""
        found: Mechanism = self._data["mechanism"]
        return found

    @property
    def scope(self) -> Scope:
        """Which half to work on."""
        found: Scope = self._data["scope"]
        return found

    @property
    def cluster(self) -> Cluster:
        """The cluster."""
        return Cluster.from_dict(self._data["cluster"])

    @property
    def service_account(self) -> ServiceAccount:
        """The service account."""
        return ServiceAccount.from_dict(self._data["serviceAccount"])

    @property
    def role(self) -> Role:
        """The role."""
        return Role.from_dict(self._data["role"])

    @property
    def provider(self) -> Provider:
        """The OIDC provider of the cluster in IAM."""
        return Provider.from_dict(self._data["provider"])

    @property
    def trust(self) -> Trust:
        """Who may assume the role."""
        return Trust.from_dict(self._data["trust"])

    @property
    def token(self) -> Token:
        """The token that pods present to STS."""
        return Token.from_dict(self._data["token"])

    @property
    def policies(self) -> tuple[Policy, ...]:
        """What the role may do."""
        return tuple(Policy.from_dict(one) for one in self._data["policies"])

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Workloads that run as the service account, patched on the cluster."""
        return tuple(Workload.from_dict(one) for one in self._data["workloads"])

    @property
    def kustomizations(self) -> tuple[Kustomization, ...]:
        """Workloads that run as the service account, by an edit of a `kustomization.yaml`."""
        return tuple(Kustomization.from_dict(one) for one in self._data["kustomizations"])

    @property
    def data_syncs(self) -> tuple[DataSync, ...]:
        """Other roles that let the role assume them."""
        return tuple(DataSync.from_dict(one) for one in self._data["dataSyncs"])


_text = text

GrantLike: TypeAlias = Grant | Mapping[str, Any]
"""A grant, or a mapping with the keys of the grant file."""


def grant_json(grant: object) -> str:
    """Give the JSON text of what a caller hands over as a grant."""
    if isinstance(grant, Grant):
        return grant._json()
    return json_of(grant, "the grant")


def in_words_of_python(error: InvalidInputError, names: Iterable[str]) -> InvalidInputError:
    """Name the argument as the caller wrote it: the core knows the words of the JSON forms."""
    for name in names:
        snake = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
        if re.match(rf"{name}\b", error.message):
            return InvalidInputError(snake + error.message[len(name) :], remedy=error.remedy)
    return error


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _list(value: object, path: str) -> list[Any] | None:
    if value is None:
        return None
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise invalid(f"{path} must be a list, this is {described(value)}", "write it in brackets: [...]")
    return list(value)


__all__ = [
    "Cluster",
    "DataSync",
    "Grant",
    "GrantLike",
    "Kustomization",
    "Manage",
    "Mechanism",
    "Policy",
    "PolicySource",
    "Provider",
    "Role",
    "S3",
    "S3Access",
    "Scope",
    "ServiceAccount",
    "Token",
    "Trust",
    "Workload",
    "WorkloadKind",
]
