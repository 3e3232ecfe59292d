use std::collections::BTreeMap;

use super::super::{
    Caller, Decision, Document, Miss, WebIdentity, evaluate_assume_role, evaluate_web_identity, subjects_allowed,
};
use super::{BY_HAND, ISSUER, PROVIDER, ROLE, SUBJECT, by_hand_with, doc};

fn token() -> WebIdentity {
    WebIdentity {
        provider_arn: PROVIDER.into(),
        issuer: format!("https://{ISSUER}"),
        subject: SUBJECT.into(),
        audiences: vec!["sts.amazonaws.com".into()],
        context: BTreeMap::new(),
    }
}

fn miss(document: &Document, identity: &WebIdentity) -> (Miss, String) {
    match evaluate_web_identity(document, identity) {
        Decision::Denied { miss, reason } => (miss, reason),
        Decision::Allowed { .. } => panic!("{identity:?} is let in by {document}"),
    }
}

#[test]
fn only_the_named_service_account_gets_in() {
    let document = doc(BY_HAND);
    assert_eq!(evaluate_web_identity(&document, &token()), Decision::Allowed { index: 0, sid: None });
    let several = WebIdentity { audiences: vec!["a".into(), "sts.amazonaws.com".into()], ..token() };
    assert!(evaluate_web_identity(&document, &several).is_allowed());
    let stranger = WebIdentity { subject: "system:serviceaccount:devops-aurora-1:default".into(), ..token() };
    let (kind, reason) = miss(&document, &stranger);
    assert_eq!(kind, Miss::Subject);
    assert_eq!(
        reason,
        format!(
            "the subject is [\"system:serviceaccount:devops-aurora-1:default\"], Statement[0] wants StringEquals [\"{SUBJECT}\"]"
        )
    );
    let elsewhere = WebIdentity { audiences: vec!["elsewhere".into()], ..token() };
    assert_eq!(miss(&document, &elsewhere).0, Miss::Audience);
    assert_eq!(miss(&document, &WebIdentity { audiences: vec![], ..token() }).0, Miss::Audience);
    let provider = WebIdentity { provider_arn: PROVIDER.replace("8A0", "000"), ..token() };
    assert_eq!(miss(&document, &provider).0, Miss::Principal);
    let issuer = WebIdentity { issuer: "oidc.example.org/id/1".into(), ..token() };
    assert_eq!(miss(&document, &issuer).0, Miss::Condition);
    assert_eq!(miss(&by_hand_with("WithWebIdentity", ""), &token()).0, Miss::Action);
    assert_eq!(miss(&doc("{}"), &token()).0, Miss::Action);
}

#[test]
fn a_denial_wins() {
    let deny = r#"{"Sid":"No","Effect":"Deny","Principal":"*","Action":"sts:Assume*"},{"Effect""#;
    let document = doc(&BY_HAND.replacen("{\n      \"Effect\"", deny, 1));
    assert_eq!(miss(&document, &token()), (Miss::ExplicitDeny, "Statement[0] (No) denies it explicitly".into()));
    assert!(subjects_allowed(&document, PROVIDER, ISSUER, "sts.amazonaws.com").exact.is_empty());
}

#[test]
fn condition_operators_work_as_in_aws() {
    let keys = BTreeMap::from(
        [
            ("aws:SourceIp", vec!["10.1.2.3"]),
            ("aws:CurrentTime", vec!["2026-03-01T12:00:00Z"]),
            ("aws:TagKeys", vec!["a", "b"]),
            ("aws:Age", vec!["300"]),
            ("aws:PrincipalArn", vec!["arn:aws:iam::204393242335:role/x/y"]),
            ("aws:Secure", vec!["true"]),
            ("aws:Name", vec!["a*c"]),
        ]
        .map(|(key, values)| (key.to_owned(), values.into_iter().map(str::to_owned).collect::<Vec<_>>())),
    );
    for (operator, key, value, expected) in [
        ("StringEquals", "AWS:NAME", r#""a*c""#, true),
        ("StringEquals", "aws:Name", r#""abc""#, false),
        ("StringEquals", "aws:Name", r#""a${*}c""#, true),
        ("StringEqualsIgnoreCase", "aws:Name", r#""A*C""#, true),
        ("StringNotEquals", "aws:Name", r#"["x","a*c"]"#, false),
        ("StringNotEquals", "aws:Missing", r#""x""#, true),
        ("StringEquals", "aws:Missing", r#""x""#, false),
        ("StringEqualsIfExists", "aws:Missing", r#""x""#, true),
        ("StringEquals", "aws:Name", r#""${aws:Missing}""#, false),
        ("StringEquals", "aws:Age", r#""${aws:Age}""#, true),
        ("StringEquals", "aws:Age", r#""${aws:Missing, '300'}""#, true),
        ("StringLike", "aws:SourceIp", r#""10.?.*""#, true),
        ("StringLike", "aws:SourceIp", r#""10.?""#, false),
        ("StringNotLike", "aws:SourceIp", r#""11.*""#, true),
        ("ArnLike", "aws:PrincipalArn", r#""arn:aws:iam::*:role/x/*""#, true),
        ("ArnEquals", "aws:PrincipalArn", r#""arn:*""#, false),
        ("ArnNotLike", "aws:PrincipalArn", r#""arn:aws:iam::1*:role/*""#, true),
        ("Bool", "aws:Secure", "true", true),
        ("Bool", "aws:Secure", "false", false),
        ("Null", "aws:Secure", "false", true),
        ("Null", "aws:Missing", r#""true""#, true),
        ("Null", "aws:Secure", "true", false),
        ("NumericLessThanEquals", "aws:Age", "300", true),
        ("NumericLessThan", "aws:Age", "300", false),
        ("NumericNotEquals", "aws:Age", "301", true),
        ("DateGreaterThan", "aws:CurrentTime", r#""2026-02-28T23:59:59Z""#, true),
        ("DateLessThan", "aws:CurrentTime", r#""2026-03-01T13:59:00+02:00""#, false),
        ("DateEquals", "aws:CurrentTime", r#""1772366400""#, true),
        ("DateLessThan", "aws:CurrentTime", r#""2026-03-02""#, true),
        ("IpAddress", "aws:SourceIp", r#""10.0.0.0/8""#, true),
        ("IpAddress", "aws:SourceIp", r#""10.1.2.4""#, false),
        ("IpAddress", "aws:SourceIp", r#""0.0.0.0/0""#, true),
        ("IpAddress", "aws:SourceIp", r#""::/0""#, false),
        ("NotIpAddress", "aws:SourceIp", r#""192.168.0.0/16""#, true),
        ("ForAnyValue:StringEquals", "aws:TagKeys", r#"["b","z"]"#, true),
        ("ForAllValues:StringEquals", "aws:TagKeys", r#"["b","z"]"#, false),
        ("ForAllValues:StringEquals", "aws:TagKeys", r#"["a","b"]"#, true),
        ("ForAllValues:StringEquals", "aws:Missing", r#""a""#, true),
        ("ForAnyValue:StringEquals", "aws:Missing", r#""a""#, false),
        ("ForAnyValue:StringNotEquals", "aws:TagKeys", r#""a""#, true),
        ("ForAllValues:StringNotEquals", "aws:TagKeys", r#""a""#, false),
        ("StringIs", "aws:Name", r#""a*c""#, false),
    ] {
        let condition = format!(r#""Condition":{{"{operator}":{{"{key}":{value}}}}}"#);
        let document = doc(&format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole",{condition}}}}}"#
        ));
        let decision = evaluate_assume_role(&document, Caller::Role(ROLE), &keys);
        assert_eq!(decision.is_allowed(), expected, "{condition}: {decision:?}");
    }
    // What cannot be judged does not lift a denial.
    let unknown = doc(
        r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"},{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringIs":{"a:b":"c"}}}]}"#,
    );
    assert!(!evaluate_assume_role(&unknown, Caller::Role(ROLE), &keys).is_allowed());
}

#[test]
fn principals_of_a_data_sync_are_told_apart() {
    let trust = |principal: &str| {
        doc(&format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}}}"#))
    };
    let none = BTreeMap::new();
    let (role, service) = (Caller::Role(ROLE), Caller::Service("s3.amazonaws.com"));
    for (principal, by_role, by_service) in [
        (format!(r#"{{"AWS":"{ROLE}"}}"#), true, false),
        (r#"{"AWS":"204393242335"}"#.into(), true, false),
        (r#"{"AWS":"arn:aws:iam::111122223333:root"}"#.into(), false, false),
        (r#"{"Service":"s3.amazonaws.com"}"#.into(), false, true),
        (r#""*""#.into(), true, true),
    ] {
        let document = trust(&principal);
        assert_eq!(evaluate_assume_role(&document, role, &none).is_allowed(), by_role, "{principal}");
        assert_eq!(evaluate_assume_role(&document, service, &none).is_allowed(), by_service, "{principal}");
    }
    let inverse = doc(&format!(
        r#"{{"Statement":{{"Effect":"Allow","NotPrincipal":{{"AWS":"{ROLE}"}},"NotAction":"sts:TagSession"}}}}"#
    ));
    assert!(!evaluate_assume_role(&inverse, role, &none).is_allowed());
    assert!(evaluate_assume_role(&inverse, service, &none).is_allowed());
}

#[test]
fn the_subjects_that_get_in_are_known() {
    let subjects = |document: &Document| subjects_allowed(document, PROVIDER, ISSUER, "sts.amazonaws.com");
    let exact = subjects(&doc(BY_HAND));
    assert!(exact.is_exactly(SUBJECT) && exact.conditional.is_empty());
    assert!(!exact.is_exactly("system:serviceaccount:a:b"));

    let both = subjects(&by_hand_with(&format!("\"{SUBJECT}\""), &format!("[\"{SUBJECT}\",\"x\"]")));
    assert!(!both.is_exactly(SUBJECT) && both.contains("x"));

    let pattern = subjects(&doc(&BY_HAND.replace("StringEquals", "StringLike").replace("connections-", "*-")));
    assert!(!pattern.is_exactly(SUBJECT) && pattern.contains(SUBJECT) && !pattern.contains("x"));
    assert_eq!(pattern.patterns.len(), 1);

    let open = subjects(&by_hand_with(&format!(",\n          \"{ISSUER}:sub\": \"{SUBJECT}\""), ""));
    assert!(open.unbounded.contains(&0) && open.contains("anyone") && !open.is_exactly(SUBJECT));

    let narrowed = subjects(&by_hand_with(
        "\"StringEquals\": {",
        &format!(
            r#""Bool":{{"aws:SecureTransport":true}},"StringLike":{{"{ISSUER}:sub":"system:*"}},"StringEquals":{{"#
        ),
    ));
    assert!(narrowed.is_exactly(SUBJECT), "a name and a pattern together let the name in");
    assert!(narrowed.conditional.contains(&0));

    let elsewhere = subjects_allowed(&doc(BY_HAND), PROVIDER, ISSUER, "elsewhere");
    assert!(elsewhere.exact.is_empty() && elsewhere.unbounded.is_empty());
}
