use super::super::{
    DataSyncRequest, Document, DocumentKind, TrustState, data_sync_statement, is_unique_id, merge_data_sync,
    merge_trust, remove_data_sync, remove_trust,
};
use super::{BY_HAND, ROLE, doc, request};

/// "Authorize for Data Syncs" of the procedure, as a person writes it.
const BY_HAND_SYNC: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::204393242335:role/connections-role-test","Service":"s3.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn sync() -> DataSyncRequest {
    DataSyncRequest { role_arn: ROLE.into(), source_account: None, external_id: None, owner: "podrole".into() }
}

fn guarded() -> DataSyncRequest {
    DataSyncRequest { source_account: Some("204393242335".into()), external_id: Some("secret-1".into()), ..sync() }
}

#[test]
fn without_conditions_it_is_the_statement_of_the_procedure() {
    let document = data_sync_statement(&sync());
    assert!(document.same_meaning(&doc(BY_HAND_SYNC)));
    document.check(DocumentKind::Trust).expect("a legal document");
}

#[test]
fn each_condition_stands_where_its_key_exists() {
    let document = data_sync_statement(&guarded());
    document.check(DocumentKind::Trust).expect("a legal document");
    assert_eq!(
        document,
        doc(r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceAccount":"204393242335"}}},
            {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::204393242335:role/connections-role-test"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"secret-1"}}}]}"#)
    );
    let half = data_sync_statement(&DataSyncRequest { external_id: None, ..guarded() });
    let conditions: Vec<_> = half.statements().iter().map(|statement| statement.conditions.len()).collect();
    assert_eq!(conditions, [1, 0]);
}

#[test]
fn statements_made_by_hand_are_enough_and_stay() {
    let split = doc(
        r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::204393242335:role/connections-role-test"]},"Action":"sts:*"},{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","s3.amazonaws.com"]},"Action":["sts:AssumeRole"]}]}"#,
    );
    for current in [doc(BY_HAND_SYNC), split] {
        let merge = merge_data_sync(Some(&current), &sync());
        assert_eq!((merge.changed, merge.before), (false, TrustState::Foreign));
        let removal = remove_data_sync(&current, &sync());
        assert_eq!((removal.changed, removal.foreign_left), (false, true));
        assert_eq!(merge_data_sync(Some(&current), &guarded()).before, TrustState::Absent);
    }
}

#[test]
fn merging_and_removing_leaves_the_rest_as_it_was() {
    let current = doc(BY_HAND);
    for request in [sync(), guarded()] {
        let merge = merge_data_sync(Some(&current), &request);
        assert_eq!((merge.changed, merge.before), (true, TrustState::Absent));
        merge.document.check(DocumentKind::Trust).expect("a legal document");
        let again = merge_data_sync(Some(&merge.document), &request);
        assert_eq!((again.changed, again.before), (false, TrustState::Ours));
        let removal = remove_data_sync(&merge.document, &request);
        assert!(removal.changed && !removal.foreign_left);
        assert_eq!(removal.document.expect("the rest").to_json(), current.to_json());
        let alone = remove_data_sync(&data_sync_statement(&request), &request);
        assert!(alone.changed && alone.document.is_none());
    }
}

#[test]
fn changed_conditions_replace_our_statements_where_they_stand() {
    let with_rest = |text: String| {
        let rest = r#","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"},"#;
        text.replacen(r#","Statement":["#, rest, 1)
    };
    let before = doc(&with_rest(data_sync_statement(&sync()).to_json()));
    let merge = merge_data_sync(Some(&before), &guarded());
    assert_eq!(merge.before, TrustState::Altered);
    assert_eq!(merge.document.to_json(), with_rest(data_sync_statement(&guarded()).to_json()));
    let back = merge_data_sync(Some(&merge.document), &sync());
    assert_eq!(back.document.to_json(), before.to_json());
}

#[test]
fn a_principal_that_became_an_id_is_repaired() {
    for request in [sync(), guarded()] {
        let current = doc(&data_sync_statement(&request).to_json().replace(ROLE, "AROAEXAMPLEEXAMPLE12"));
        let merge = merge_data_sync(Some(&current), &request);
        assert_eq!((merge.changed, merge.before), (true, TrustState::Altered));
        assert_eq!(merge.document.to_json(), data_sync_statement(&request).to_json());
    }
    assert!(is_unique_id("AROAEXAMPLEEXAMPLE12"));
    assert!(!is_unique_id(ROLE));
    assert!(!is_unique_id("AROA"));
}

#[test]
fn trust_and_data_sync_do_not_touch_each_other() {
    let web: Document = merge_trust(Some(&data_sync_statement(&sync())), &request()).document;
    assert_eq!(web.statements().len(), 2);
    assert!(!merge_data_sync(Some(&web), &sync()).changed);
    assert_eq!(remove_data_sync(&web, &sync()).document.expect("the trust").statements().len(), 1);
    assert_eq!(remove_trust(&web, &request()).document.expect("the sync"), data_sync_statement(&sync()));
}
