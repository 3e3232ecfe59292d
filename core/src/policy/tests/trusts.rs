use std::collections::BTreeMap;

use super::super::{
    Document, DocumentKind, FindingKind, Merge, TrustRequest, TrustState, merge_trust, remove_trust, trust_document,
    wider_grants,
};
use super::{BY_HAND, ISSUER, PROVIDER, SUBJECT, by_hand_with, doc, request};

fn merge(current: &Document, request: &TrustRequest) -> Merge {
    let merge = merge_trust(Some(current), request);
    assert_eq!(merge.changed, merge.before.needs_write());
    merge.document.check(DocumentKind::Trust).expect("a merged document is legal");
    let again = merge_trust(Some(&merge.document), request);
    assert!(!again.changed, "merging twice changes nothing: {}", merge.document);
    assert_eq!(again.document.to_json(), merge.document.to_json());
    merge
}

fn ours_with(from: &str, to: &str) -> Document {
    let text = trust_document(&request()).to_json();
    assert!(text.contains(from), "{from} is in {text}");
    doc(&text.replace(from, to))
}

fn other() -> TrustRequest {
    TrustRequest { service_account: "other".into(), ..request() }
}

#[test]
fn the_document_is_the_one_of_the_procedure() {
    let document = trust_document(&request());
    assert!(document.same_meaning(&doc(BY_HAND)));
    document.check(DocumentKind::Trust).expect("a legal document");
    let statement = &document.statements()[0];
    assert_eq!(statement.principals["Federated"], [PROVIDER]);
    let conditions: Vec<_> = statement
        .conditions
        .iter()
        .map(|line| (line.operator.as_str(), line.key.clone(), line.values.clone()))
        .collect();
    assert_eq!(
        conditions,
        [
            ("StringEquals", format!("{ISSUER}:aud"), vec!["sts.amazonaws.com".to_owned()]),
            ("StringEquals", format!("{ISSUER}:sub"), vec![SUBJECT.to_owned()]),
        ]
    );
}

#[test]
fn a_wildcard_widens_the_subject_only() {
    let request = TrustRequest { service_account: "*".into(), wildcard: true, ..request() };
    let document = trust_document(&request);
    let operators: Vec<_> =
        document.statements()[0].conditions.iter().map(|line| (line.operator.clone(), line.key.clone())).collect();
    assert_eq!(
        operators,
        [("StringEquals".to_owned(), format!("{ISSUER}:aud")), ("StringLike".to_owned(), format!("{ISSUER}:sub"))]
    );
    assert!(merge(&document, &request).findings.is_empty(), "what the grant asks for is no finding");
}

#[test]
fn the_sid_depends_on_owner_and_shape_only() {
    let sid = request().sid();
    assert_eq!(sid.len(), 23);
    assert!(sid.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_eq!(sid, other().sid());
    assert_eq!(sid, TrustRequest { issuer: format!("https://{ISSUER}"), ..request() }.sid());
    for different in [
        TrustRequest { owner: "someone".into(), ..request() },
        TrustRequest { issuer: "example.org/id/1".into(), ..request() },
        TrustRequest { audience: "other".into(), ..request() },
        TrustRequest { wildcard: true, ..request() },
        TrustRequest { extra_conditions: further("aws:SourceVpc", "vpc-1"), ..request() },
    ] {
        assert_ne!(sid, different.sid());
    }
    // It is written into the roles of every user: a change would orphan their statements.
    assert_eq!(sid, "Podrole46ded9599600cf9d");
}

fn further(key: &str, value: &str) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    BTreeMap::from([("StringEquals".to_owned(), BTreeMap::from([(key.to_owned(), vec![value.to_owned()])]))])
}

#[test]
fn further_conditions_never_replace_the_pins() {
    let request = TrustRequest { extra_conditions: further(&format!("{ISSUER}:SUB"), "system:*"), ..request() };
    assert!(trust_document(&request).same_meaning(&doc(BY_HAND)));
    let error = request.check().expect_err("the subject is pinned").to_string();
    assert!(error.contains("pinned by podrole itself"), "{error}");
    let unknown = BTreeMap::from([("StringIs".to_owned(), further("a:b", "c")["StringEquals"].clone())]);
    assert!(TrustRequest { extra_conditions: unknown, ..self::request() }.check().is_err());
    assert!(TrustRequest { service_account: "s3-*".into(), ..self::request() }.check().is_err());
    assert!(TrustRequest { service_account: "s3-*".into(), wildcard: true, ..self::request() }.check().is_ok());
    assert!(self::request().check().is_ok());
}

#[test]
fn a_new_role_gets_the_statement() {
    let merge = merge_trust(None, &request());
    assert!(merge.changed);
    assert_eq!(merge.before, TrustState::Absent);
    assert_eq!(merge.document.to_json(), trust_document(&request()).to_json());
}

#[test]
fn the_statement_made_by_hand_is_enough_and_stays() {
    for text in [
        BY_HAND.to_owned(),
        BY_HAND.replace("StringEquals", "StringLike"),
        BY_HAND.replace("\"sts:AssumeRoleWithWebIdentity\"", "[\"sts:AssumeRoleWithWebIdentity\", \"sts:TagSession\"]"),
        BY_HAND.replace(&format!("\"{SUBJECT}\""), &format!("[\"system:serviceaccount:a:b\", \"{SUBJECT}\"]")),
    ] {
        let current = doc(&text);
        let merge = merge(&current, &request());
        assert_eq!((merge.changed, merge.before), (false, TrustState::Foreign), "{text}");
        assert_eq!(merge.document.to_json(), current.to_json());
        let removal = remove_trust(&current, &request());
        assert_eq!((removal.changed, removal.foreign_left), (false, true));
    }
}

#[test]
fn a_statement_that_is_wider_or_other_is_not_enough() {
    let aud = format!("          \"{ISSUER}:aud\": \"sts.amazonaws.com\",\n");
    let sub = format!(",\n          \"{ISSUER}:sub\": \"{SUBJECT}\"");
    for (current, kind) in [
        (by_hand_with(&aud, ""), Some(FindingKind::NoAudience)),
        (by_hand_with(&sub, ""), Some(FindingKind::NoSubject)),
        (
            doc(&BY_HAND.replace("StringEquals", "StringLike").replace("connections-serviceaccount-s3", "*")),
            Some(FindingKind::WildcardSubject),
        ),
        (doc(&BY_HAND.replace("StringEquals", "StringLike").replace(SUBJECT, "*")), Some(FindingKind::NoSubject)),
        (by_hand_with("connections-serviceaccount-s3", "another"), None),
        (by_hand_with("\"sts.amazonaws.com\"", "[\"sts.amazonaws.com\", \"other\"]"), None),
        (by_hand_with("\"Allow\"", "\"Deny\""), Some(FindingKind::Denied)),
        (by_hand_with("sts:AssumeRoleWithWebIdentity", "sts:AssumeRole"), None),
        (by_hand_with("204393242335", "111122223333"), None),
        (by_hand_with("{\n        \"StringEquals", "{\"Bool\": {\"aws:SecureTransport\": true}, \"StringEquals"), None),
    ] {
        let merge = merge(&current, &request());
        assert_eq!((merge.changed, merge.before), (true, TrustState::Absent), "{current}");
        assert_eq!(
            merge.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
            Vec::from_iter(kind),
            "{current}"
        );
        let removal = remove_trust(&merge.document, &request());
        assert_eq!(removal.document.expect("the other statement stays").to_json(), current.to_json());
        assert!(!removal.foreign_left);
    }
}

#[test]
fn everyone_is_reported() {
    let everyone = by_hand_with(&format!("\"Federated\": \"{PROVIDER}\""), "\"AWS\": \"*\"");
    assert!(wider_grants(&everyone, ISSUER).is_empty(), "subject and audience are pinned to this issuer");
    let open = doc(r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:*"}}"#);
    let findings = wider_grants(&open, ISSUER);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].kind, FindingKind::WildcardPrincipal);
    assert_eq!(
        findings[0].to_string(),
        "Statement[0] lets any identity provider in: name the provider's ARN as Federated principal"
    );
    assert!(wider_grants(&doc(BY_HAND), ISSUER).is_empty());
}

#[test]
fn denials_are_reported_also_when_they_depend_on_something() {
    let deny = |condition: &str| {
        let extra =
            format!(r#"{{"Effect":"Deny","Principal":"*","Action":"sts:*","Condition":{condition}}},{{"Effect""#);
        let document = doc(&BY_HAND.replacen("{\n      \"Effect\"", &extra, 1));
        merge(&document, &request()).findings.iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    assert_eq!(deny("{}"), [FindingKind::Denied]);
    assert_eq!(deny(r#"{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}"#), [FindingKind::MaybeDenied]);
    assert_eq!(deny(&format!(r#"{{"StringNotEquals":{{"{ISSUER}:sub":"{SUBJECT}"}}}}"#)), []);
}

#[test]
fn grants_of_one_owner_share_the_statement() {
    let first = trust_document(&request());
    let both = merge(&first, &other());
    assert_eq!(both.before, TrustState::Absent);
    assert_eq!(both.document.statements().len(), 1);
    assert_eq!(
        both.document.statements()[0].conditions[1].values,
        [SUBJECT, "system:serviceaccount:devops-aurora-1:other"]
    );
    assert_eq!(merge(&both.document, &request()).before, TrustState::Ours);
    let back = remove_trust(&both.document, &other());
    assert_eq!(back.document.expect("the first stays").to_json(), first.to_json());
    assert!(remove_trust(&first, &request()).document.is_none());
    let untouched = remove_trust(&first, &other());
    assert!(!untouched.changed && untouched.document.is_some());
}

#[test]
fn another_owner_has_a_statement_of_its_own() {
    let first = trust_document(&other());
    let request = TrustRequest { owner: "someone".into(), ..request() };
    let both = merge(&first, &request).document;
    assert_eq!(both.statements().len(), 2);
    // What another owner's statement does counts, as any statement that is not ours.
    let theirs = trust_document(&self::request());
    assert_eq!(merge(&theirs, &request).before, TrustState::Foreign);
}

#[test]
fn other_statements_and_their_order_stay() {
    let current = doc(
        r#"{"Version":"2008-10-17","Id":"keep","Statement":[{"Sid":"Z","Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com"]},"Action":["sts:AssumeRole"]},{"Sid":"A","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::204393242335:root"},"Action":"STS:AssumeRole"}]}"#,
    );
    let merged = merge(&current, &request()).document;
    assert!(merged.to_json().starts_with(current.to_json().strip_suffix("]}").expect("the end of a document")));
    assert_eq!(remove_trust(&merged, &request()).document.expect("two stay").to_json(), current.to_json());
}

#[test]
fn an_altered_statement_is_repaired() {
    let sub = format!(",\"{ISSUER}:sub\":\"{SUBJECT}\"");
    for current in [
        ours_with(&format!("\"{ISSUER}:aud\":\"sts.amazonaws.com\","), ""),
        ours_with(&sub, ""),
        ours_with(SUBJECT, "system:serviceaccount:*:*"),
        ours_with("StringEquals", "StringLike"),
        ours_with(&format!("{{\"Federated\":\"{PROVIDER}\"}}"), "\"*\""),
        ours_with("sts:AssumeRoleWithWebIdentity", "sts:*"),
        ours_with("\"Allow\"", "\"Deny\""),
        ours_with("\"Condition\"", "\"NotAction\":\"a:b\",\"Condition\""),
        ours_with(&format!("\"{SUBJECT}\""), &format!("[\"{SUBJECT}\",\"*\",\"repo:me/x\"]")),
    ] {
        let merge = merge(&current, &request());
        assert_eq!((merge.changed, merge.before), (true, TrustState::Altered), "{current}");
        assert_eq!(merge.document.to_json(), trust_document(&request()).to_json(), "{current}");
        assert!(remove_trust(&current, &request()).document.is_none(), "{current}");
    }
    let both = merge(&trust_document(&request()), &other()).document;
    let altered = doc(&both.to_json().replace("sts:AssumeRoleWithWebIdentity", "sts:*"));
    assert_eq!(merge(&altered, &request()).document.to_json(), both.to_json(), "the other service account is kept");
}

#[test]
fn a_changed_shape_moves_the_subject() {
    let before = merge(&trust_document(&request()), &other()).document;
    let changed = TrustRequest { audience: "elsewhere".into(), ..request() };
    let merge = merge(&before, &changed);
    assert_eq!((merge.changed, merge.before), (true, TrustState::Outdated));
    assert_eq!(
        merge.document,
        doc(&{
            let statements = [other().statement(), changed.statement()];
            serde_json::json!({"Version": "2012-10-17", "Statement": statements}).to_string()
        })
    );
    let alone = self::merge(&trust_document(&request()), &changed);
    assert_eq!(alone.document.to_json(), trust_document(&changed).to_json());
    // A removal with today's shape finds the subject also in the statement of yesterday.
    assert!(remove_trust(&trust_document(&request()), &changed).document.is_none());
}

#[test]
fn a_single_statement_outside_a_list_is_understood() {
    let value = doc(BY_HAND).as_value()["Statement"][0].clone();
    let single =
        Document::from_value(serde_json::json!({"Version": "2012-10-17", "Statement": value})).expect("an object");
    assert_eq!(merge(&single, &request()).before, TrustState::Foreign);
    assert_eq!(merge(&single, &other()).document.statements().len(), 2);
}
