"""Pure functions: the documents of the job, from values alone. Nothing is called."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from podrole import _podrole
from podrole._input import described, invalid, optional_text, text
from podrole.grant import S3Access


def trust_document(provider_arn: str, service_account: str) -> dict[str, Any]:
    """Build the trust policy that lets one service account of a cluster assume a role, with both `:sub` and `:aud` pinned.

    >>> import podrole
    >>> issuer = "oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B"
    >>> document = podrole.trust_document(f"arn:aws:iam::204393242335:oidc-provider/{issuer}", "devops-aurora-1/app")
    >>> document["Statement"][0]["Condition"]["StringEquals"][f"{issuer}:sub"]
    'system:serviceaccount:devops-aurora-1:app'

    Args:
        provider_arn: The ARN of the cluster's OIDC provider in IAM; the issuer is read from it.
        service_account: The service account as `namespace/name`.

    Returns:
        The policy document, ready for `json.dumps`.

    Raises:
        InvalidInputError: An argument is no text or breaks a naming rule.
    """
    return _document(
        _podrole.trust_document(text(provider_arn, "provider_arn"), text(service_account, "service_account"))
    )


def service_account_yaml(service_account: str, role_arn: str) -> str:
    """Write the manifest of a service account that is annotated with a role, as YAML.

    Args:
        service_account: The service account as `namespace/name`.
        role_arn: The role's ARN.

    Raises:
        InvalidInputError: An argument is no text or breaks a naming rule.
    """
    return _podrole.service_account_yaml(text(service_account, "service_account"), text(role_arn, "role_arn"))


def data_sync_statement(
    role_arn: str, source_account: str | None = None, external_id: str | None = None
) -> dict[str, Any]:
    """Build the trust policy that another role needs for data syncs: the role's ARN and S3 may assume it.

    Args:
        role_arn: ARN of the role that assumes the other one.
        source_account: Account that S3 must be acting for; default: any.
        external_id: External id that the role must present; default: none.

    Raises:
        InvalidInputError: `role_arn` is not the ARN of a role.
    """
    return _document(
        _podrole.data_sync_statement(
            text(role_arn, "role_arn"),
            optional_text(source_account, "source_account"),
            optional_text(external_id, "external_id"),
        )
    )


def s3_policy(partition: str, buckets: Iterable[str], access: S3Access) -> dict[str, Any]:
    """Build a least-privilege policy for whole S3 buckets.

    Args:
        partition: `aws`, `aws-cn`, ….
        buckets: Buckets by name, at least one.
        access: What may be done.

    Raises:
        InvalidInputError: A bucket's name is not legal, or there is none.
    """
    if isinstance(buckets, str) or not isinstance(buckets, Iterable):
        raise invalid(f"buckets must be a list, this is {described(buckets)}", "write it in brackets: [...]")
    names = [text(bucket, f"buckets[{index}]") for index, bucket in enumerate(buckets)]
    return _document(_podrole.s3_policy(text(partition, "partition"), names, json.dumps(text(access, "access"))))


def kustomize_patch(service_account: str) -> str:
    """Write the JSON6902 patch that runs a workload as a service account, as YAML.

    Args:
        service_account: The service account's name.

    Raises:
        InvalidInputError: The name is not legal.
    """
    return _podrole.kustomize_patch(text(service_account, "service_account"))


def _document(found: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(found)
    return document
