//! Tests of the policy module, with the values of the AWS procedure that podrole replaces.

mod documents;
mod evaluation;
mod meanings;
mod presets;
mod properties;
mod syncs;
mod trusts;

use super::{Document, TrustRequest};

pub(super) const ISSUER: &str = "oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";
pub(super) const PROVIDER: &str =
    "arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";
pub(super) const SUBJECT: &str = "system:serviceaccount:devops-aurora-1:connections-serviceaccount-s3";
pub(super) const ROLE: &str = "arn:aws:iam::204393242335:role/connections-role-test";

/// The trust document of the procedure, as a person writes it.
pub(super) const BY_HAND: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Federated": "arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B"
      },
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B:aud": "sts.amazonaws.com",
          "oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B:sub": "system:serviceaccount:devops-aurora-1:connections-serviceaccount-s3"
        }
      }
    }
  ]
}"#;

pub(super) fn request() -> TrustRequest {
    TrustRequest {
        provider_arn: PROVIDER.to_owned(),
        issuer: ISSUER.to_owned(),
        audience: "sts.amazonaws.com".to_owned(),
        namespace: "devops-aurora-1".to_owned(),
        service_account: "connections-serviceaccount-s3".to_owned(),
        wildcard: false,
        extra_conditions: std::collections::BTreeMap::new(),
        owner: "podrole".to_owned(),
    }
}

pub(super) fn doc(text: &str) -> Document {
    Document::parse(text).expect("a test document")
}

/// A document of the procedure with one piece of its text replaced.
pub(super) fn by_hand_with(from: &str, to: &str) -> Document {
    assert!(BY_HAND.contains(from), "{from} is in the document");
    doc(&BY_HAND.replace(from, to))
}
