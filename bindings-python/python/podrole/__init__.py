"""Give a Kubernetes workload on Amazon EKS an AWS IAM role, in-process."""

import json
from typing import Any

from podrole import _podrole
from podrole.errors import PodroleError

__all__ = ["PodroleError", "__version__", "trust_document"]

__version__: str = _podrole.VERSION


def trust_document(provider_arn: str, service_account: str) -> dict[str, Any]:
    """Build the trust policy that lets one service account of a cluster assume a role.

    Nothing is called: the document comes from the arguments alone. It pins both `:sub` and `:aud`.

    Args:
        provider_arn: The ARN of the cluster's OIDC provider in IAM; the issuer is read from it.
        service_account: The service account as `namespace/name`.

    Returns:
        The policy document, ready for `json.dumps`.

    Raises:
        PodroleError: Of kind `invalid_input`, when an argument breaks a naming rule.
        TypeError: When an argument is not a string.
    """
    document: dict[str, Any] = json.loads(_podrole.trust_document(provider_arn, service_account))
    return document
