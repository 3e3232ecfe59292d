use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};

use super::super::{
    DataSyncRequest, Document, DocumentKind, TrustRequest, merge_data_sync, merge_trust, remove_data_sync,
    remove_trust, subjects_allowed,
};
use super::{ISSUER, PROVIDER, ROLE, request};

/// Service accounts, conditions and owners of grants that may share a role.
fn requests() -> impl Strategy<Value = TrustRequest> {
    (
        select(vec!["a", "b", "c"]),
        select(vec!["podrole", "team"]),
        select(vec!["sts.amazonaws.com", "else"]),
        any::<bool>(),
    )
        .prop_map(|(name, owner, audience, wildcard)| TrustRequest {
            service_account: if wildcard { format!("{name}-*") } else { name.to_owned() },
            owner: owner.to_owned(),
            audience: audience.to_owned(),
            wildcard,
            ..request()
        })
}

/// Statements of other people: some let the same service accounts in, some are wide, some have nothing to do with us.
fn foreign() -> impl Strategy<Value = Value> {
    let by_hand = requests().prop_map(|request| {
        let mut statement = request.statement();
        statement.as_object_mut().expect("an object").remove("Sid");
        statement
    });
    prop_oneof![
        by_hand,
        Just(
            json!({"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity"})
        ),
        Just(
            json!({"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Condition": {"Bool": {"aws:SecureTransport": false}}})
        ),
        select(vec!["ec2.amazonaws.com", "s3.amazonaws.com"]).prop_map(
            |service| json!({"Effect": "Allow", "Principal": {"Service": [service]}, "Action": ["sts:AssumeRole"]})
        ),
        Just(json!({"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"})),
    ]
}

fn document(statements: Vec<Value>) -> Document {
    let value = json!({"Version": "2012-10-17", "Statement": Value::Array(statements)});
    Document::from_value(value).expect("an object")
}

/// The same document written in another way.
fn shuffle(value: &Value, seeds: &[Index]) -> Value {
    let mut statements = value["Statement"].as_array().expect("a list").clone();
    for (place, seed) in seeds.iter().enumerate().take(statements.len()) {
        let other = seed.index(statements.len());
        statements.swap(place, other);
    }
    for statement in &mut statements {
        let action = statement["Action"].clone();
        statement["Action"] = match action {
            Value::String(text) => json!([text.to_uppercase(), text]),
            Value::Array(mut items) => {
                items.reverse();
                Value::Array(items)
            }
            other => other,
        };
        statement["Sid"] = json!("Label");
    }
    json!({"Version": "2012-10-17", "Id": "other", "Statement": statements})
}

proptest! {
    #[test]
    fn meaning_is_kept_by_writing_it_differently(
        statements in proptest::collection::vec(foreign(), 1..5),
        others in proptest::collection::vec(foreign(), 1..5),
        seeds in proptest::collection::vec(any::<Index>(), 5),
    ) {
        let (left, right) = (document(statements), document(others));
        let written = Document::from_value(shuffle(left.as_value(), &seeds)).expect("an object");
        prop_assert!(left.same_meaning(&left));
        prop_assert!(left.same_meaning(&written) && written.same_meaning(&left));
        prop_assert_eq!(left.same_meaning(&right), right.same_meaning(&left));
        prop_assert_eq!(left.same_meaning(&right), written.same_meaning(&right));
        prop_assert_eq!(Document::parse(&left.to_pretty()).expect("JSON").to_json(), left.to_json());
    }

    #[test]
    fn merging_then_removing_restores_the_document(
        statements in proptest::collection::vec(foreign(), 1..4),
        neighbour in proptest::option::of(requests()),
        request in requests(),
    ) {
        let mut before = document(statements);
        if let Some(neighbour) = &neighbour {
            before = merge_trust(Some(&before), neighbour).document;
        }
        // A grant whose subject the neighbour already holds would rightly take it away.
        prop_assume!(neighbour.is_none_or(|other| other.subject() != request.subject()));
        let merge = merge_trust(Some(&before), &request);
        prop_assert!(merge.document.check(DocumentKind::Trust).is_ok());
        let again = merge_trust(Some(&merge.document), &request);
        prop_assert!(!again.changed);
        prop_assert_eq!(merge.changed, !merge.document.same_meaning(&before));
        let allowed = subjects_allowed(&merge.document, PROVIDER, ISSUER, &request.audience);
        prop_assert!(allowed.contains(&request.subject()));
        let removal = remove_trust(&merge.document, &request);
        prop_assert_eq!(removal.document.expect("statements are left").to_json(), before.to_json());
    }

    #[test]
    fn grants_of_one_role_come_and_go_in_any_order(
        grants in subsequence(vec!["a", "b", "c", "d"], 1..=4).prop_shuffle(),
        leaving in subsequence(vec!["a", "b", "c", "d"], 4).prop_shuffle(),
    ) {
        let of = |name: &str| TrustRequest { service_account: name.to_owned(), ..request() };
        let mut current: Option<Document> = None;
        for name in &grants {
            current = Some(merge_trust(current.as_ref(), &of(name)).document);
        }
        let all = current.clone().expect("a document");
        prop_assert_eq!(all.statements().len(), 1);
        prop_assert_eq!(subjects_allowed(&all, PROVIDER, ISSUER, "sts.amazonaws.com").exact.len(), grants.len());
        for name in &leaving {
            let Some(document) = current else { break };
            current = remove_trust(&document, &of(name)).document;
        }
        prop_assert!(current.is_none());
    }

    #[test]
    fn data_sync_comes_and_goes(
        statements in proptest::collection::vec(foreign(), 1..4),
        account in proptest::option::of(Just("204393242335".to_owned())),
        id in proptest::option::of(Just("id-1".to_owned())),
    ) {
        let before = document(statements);
        let sync = DataSyncRequest {
            role_arn: ROLE.into(), source_account: account, external_id: id, owner: "podrole".into(),
        };
        let merge = merge_data_sync(Some(&before), &sync);
        prop_assert!(merge.document.check(DocumentKind::Trust).is_ok());
        prop_assert!(!merge_data_sync(Some(&merge.document), &sync).changed);
        let removal = remove_data_sync(&merge.document, &sync);
        prop_assert_eq!(removal.document.expect("statements are left").to_json(), before.to_json());
    }
}
