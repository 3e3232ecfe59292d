"""One call through the core, and how it fails."""

import pytest

import podrole

ISSUER = "oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B"
PROVIDER = f"arn:aws:iam::204393242335:oidc-provider/{ISSUER}"
SERVICE_ACCOUNT = "devops-aurora-1/connections-serviceaccount-s3"


def test_the_document_trusts_one_service_account() -> None:
    document = podrole.trust_document(PROVIDER, SERVICE_ACCOUNT)

    assert document["Version"] == "2012-10-17"
    [statement] = document["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {"Federated": PROVIDER}
    assert statement["Condition"] == {
        "StringEquals": {
            f"{ISSUER}:sub": "system:serviceaccount:devops-aurora-1:connections-serviceaccount-s3",
            f"{ISSUER}:aud": "sts.amazonaws.com",
        }
    }


@pytest.mark.parametrize(
    ("provider", "service_account", "named"),
    [
        ("not an arn", SERVICE_ACCOUNT, "not an arn"),
        ("arn:aws:iam::204393242335:role/some-role", SERVICE_ACCOUNT, "role/some-role"),
        (PROVIDER, "no-namespace", "namespace/name"),
        (PROVIDER, "devops-aurora-1/Upper", "Upper"),
        (PROVIDER, "", "namespace/name"),
    ],
)
def test_bad_input_names_the_thing(provider: str, service_account: str, named: str) -> None:
    with pytest.raises(podrole.PodroleError) as caught:
        podrole.trust_document(provider, service_account)

    error = caught.value
    assert error.kind == "invalid_input"
    assert named in error.message
    assert str(error) == error.message
    assert error.remedy is None or error.remedy


def test_what_is_not_text_is_named() -> None:
    with pytest.raises(podrole.InvalidInputError, match="service_account must be text, this is 7"):
        podrole.trust_document(PROVIDER, 7)  # type: ignore[arg-type]
