//! What IAM and Kubernetes would certainly refuse is refused before the first call, and what is dangerous is said.

use podrole::grant::DataSyncGrant;
use podrole::memory::Memory;
use podrole::{Client, ErrorKind, Grant};

use crate::support::{crowded, seed_grant};
use crate::undo::warning;

/// The message and the remedy of what is refused.
fn refused(grant: &Grant) -> String {
    let error = grant.check().err().unwrap_or_else(|| panic!("{grant:?} is taken"));
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    format!("{}; {}", error.message(), error.get_remedy().unwrap_or_default())
}

fn with_condition(operator: &str, key: &str, values: &[&str]) -> Grant {
    let mut grant = seed_grant();
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    grant.trust.conditions.entry(operator.to_owned()).or_default().insert(key.to_owned(), values);
    grant
}

#[test]
fn a_condition_that_iam_does_not_know_is_refused_with_the_nearest() {
    for (operator, wanted) in [
        ("StringEqual", "did you mean StringEquals?"),
        ("stringlike", "did you mean StringLike?"),
        ("StringEqualsIfExist", "did you mean StringEqualsIfExists?"),
        ("stringequalsifexists", "did you mean StringEqualsIfExists?"),
        ("ForAnyValues:StringLike", "did you mean ForAnyValue:StringLike?"),
        ("IpAdress", "did you mean IpAddress?"),
        ("Contains", "such as StringEquals"),
        ("NullIfExists", "such as StringEquals"),
    ] {
        let said = refused(&with_condition(operator, "aws:SourceIp", &["10.0.0.1"]));
        assert!(
            said.starts_with(&format!("trust.conditions.{operator}: ")) && said.contains(wanted),
            "{operator}: {said}"
        );
    }
    let said = refused(&with_condition("StringEquals", "SourceIp", &["10.0.0.1"]));
    assert!(said.contains("vendor:name"), "{said}");
    let said = refused(&with_condition("StringEquals", "aws:SourceIp", &[]));
    assert!(said.contains("never matches"), "{said}");
    for operator in [
        "IpAddress",
        "StringLikeIfExists",
        "ForAllValues:StringEquals",
        "NumericLessThan",
        "DateGreaterThan",
        "Bool",
        "Null",
    ] {
        assert!(with_condition(operator, "aws:SourceIp", &["10.0.0.1"]).check().is_ok(), "{operator}");
    }
}

#[test]
fn a_label_that_kubernetes_does_not_take_is_refused() {
    let with = |key: &str, value: &str| {
        let mut grant = seed_grant();
        grant.service_account.labels.insert(key.to_owned(), value.to_owned());
        grant
    };
    let long = "a".repeat(64);
    for (key, value) in [
        ("", "a"),
        ("-team", "a"),
        ("team-", "a"),
        ("a b", "a"),
        ("/team", "a"),
        ("example.com/", "a"),
        ("Example.com/team", "a"),
        ("a/b/c", "a"),
        (&long, "a"),
        ("team", "a b"),
        ("team", "-a"),
        ("team", "a/b"),
        ("team", &long),
    ] {
        let said = refused(&with(key, value));
        assert!(said.starts_with("serviceAccount.labels"), "{key:?}: {value:?}: {said}");
    }
    for (key, value) in
        [("team", "data"), ("example.com/team", ""), ("app.kubernetes.io/Part_of", "A.b-c_1"), (&long[1..], &long[1..])]
    {
        assert!(with(key, value).check().is_ok(), "{key:?}: {value:?}");
    }
}

#[test]
fn an_arn_of_something_else_is_refused_with_what_is_wrong() {
    for (arn, wanted) in [
        ("arn:aws:s3:::bucket", "its service is \"s3\", not iam"),
        ("arn:aws:iam::111122223333:user/app", "it names a \"user\", not a policy"),
        ("arn:aws:iam::111122223333:policy/", "the name of the policy is missing"),
    ] {
        let said = refused(&seed_grant().policy(arn));
        assert!(said.contains(wanted) && said.contains("arn:aws:iam::111122223333:policy/name"), "{arn}: {said}");
    }
}

#[tokio::test]
async fn a_pattern_for_several_namespaces_is_said_to_be_one() {
    let client = Client::in_memory(&Memory::new(crowded()));
    let mut grant = seed_grant();
    grant.trust.service_accounts = vec!["jobs/*".to_owned()];
    let plan = client.plan(&grant).await.unwrap();
    assert!(!plan.to_string().contains("whoever can make"), "{plan}");
    grant.trust.service_accounts.push("team-*/worker".to_owned());
    let plan = client.plan(&grant).await.unwrap();
    let said = warning(&plan, &format!("role {}", grant.role.name), "whoever can make such a namespace");
    assert!(said.starts_with("team-*/worker lets in"), "{said}");
}

#[tokio::test]
async fn a_data_sync_for_any_account_is_said_to_be_one() {
    let client = Client::in_memory(&Memory::new(crowded()));
    let sync = |account: Option<&str>| DataSyncGrant {
        role: "their-data-role".to_owned(),
        source_account: account.map(str::to_owned),
        external_id: None,
    };
    let mut grant = seed_grant();
    grant.data_syncs = vec![sync(None)];
    let plan = client.plan(&grant).await.unwrap();
    warning(&plan, "role their-data-role", "confused deputy");
    grant.data_syncs = vec![sync(Some("111122223333"))];
    let plan = client.plan(&grant).await.unwrap();
    assert!(!plan.to_string().contains("confused deputy"), "{plan}");
}
