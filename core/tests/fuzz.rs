//! No input makes it panic: what cannot be read is an error that says where, whatever it looks like.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;

use podrole::kustomize::{
    WorkloadTarget, referenced_files, service_account_of, set_service_account, unset_service_account,
};
use podrole::memory::World;
use podrole::policy::{
    Document, DocumentKind, TrustRequest, WebIdentity, evaluate_web_identity, merge_trust, remove_trust,
    subjects_allowed, wider_grants,
};
use podrole::{ErrorKind, Grant, Plan, artifacts};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

const GRANT: &str = "\
# a comment
cluster: {name: devops_aurora, region: ca-central-1, account: '204393242335'}
serviceAccount: devops-aurora-1/connections-serviceaccount-s3
role: &role
  name: connections-role-test
  tags: {team: \"a b\"}
policies:
  - AmazonS3FullAccess
  - {name: made, document: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}}
  - name: preset
    s3: {buckets: [one], access: read}
deployments: [connections-app]
dataSyncs:
- role: sync
  externalId: |
    multi
    line
---
cluster: other
serviceAccount: a/b
role: r
";

const KUSTOMIZATION: &str = "\
resources: [base]
patches:
  - patch: |-
      - op: replace
        path: /spec/template/spec/serviceAccountName
        value: former
    target: {kind: Deployment, name: connections-app}
  - path: patch.yaml
    target:
      kind: Deployment
patchesJson6902:
- path: other.yaml
  target: {group: apps, version: v1, kind: Deployment, name: connections-app}
";

const PATCH: &str = "- op: add\n  path: /spec/template/spec/serviceAccountName\n  value: former # why\n";

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow","Principal":{"Federated":
"arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A02"},"Action":["sts:AssumeRoleWithWebIdentity"],
"Condition":{"StringLike":{"oidc.eks.ca-central-1.amazonaws.com/id/8A02:sub":"system:serviceaccount:*:?"},
"ForAnyValue:StringEqualsIfExists":{"oidc.eks.ca-central-1.amazonaws.com/id/8A02:aud":["sts.amazonaws.com"]}}}]}"#;

/// What breaks readers of YAML and JSON.
const TOKENS: [&str; 40] = [
    "\t",
    "\n",
    "\r\n",
    "\u{feff}",
    "\0",
    "\u{1b}[31m",
    "\u{2028}",
    "🎉",
    "é",
    "&a ",
    "*a",
    "*role",
    "<<: *role",
    "!!binary ",
    "!!python/object:os.system ",
    "- ",
    ": ",
    "? ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "|",
    ">-",
    "%YAML 9.9",
    "---",
    "...",
    "null",
    "~",
    "1e999",
    "-0",
    "0x",
    "99999999999999999999",
    "\\u0000",
    "\\ud800",
    "${",
    "*",
    "../..",
];

#[derive(Debug, Clone)]
enum Edit {
    Insert(Index, &'static str),
    Delete(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        4 => (any::<Index>(), select(TOKENS.to_vec())).prop_map(|(at, token)| Edit::Insert(at, token)),
        2 => (any::<Index>(), 1_usize..12).prop_map(|(at, length)| Edit::Delete(at, length)),
        2 => (any::<Index>(), 1_usize..40).prop_map(|(at, length)| Edit::Repeat(at, length)),
        1 => any::<Index>().prop_map(Edit::Cut),
    ];
    proptest::collection::vec(edit, 1..5)
}

/// A text, damaged.
fn damaged(text: &str, edits: &[Edit]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for edit in edits {
        let size = letters.len();
        let place = |at: &Index| at.index(size + 1);
        match edit {
            Edit::Insert(at, token) => drop(letters.splice(place(at)..place(at), token.chars())),
            Edit::Delete(at, length) => drop(letters.drain(place(at)..(place(at) + length).min(size))),
            Edit::Repeat(at, length) => {
                let again: Vec<char> = letters[place(at)..(place(at) + length).min(size)].to_vec();
                letters.splice(place(at)..place(at), again);
            }
            Edit::Cut(at) => letters.truncate(place(at)),
        }
    }
    letters.into_iter().collect()
}

/// A text of anybody, or one of ours with damage.
fn texts(seed: &'static str) -> impl Strategy<Value = String> {
    let tokens = proptest::collection::vec(select(TOKENS.to_vec()), 0..12).prop_map(|tokens| tokens.concat());
    prop_oneof![
        6 => edits().prop_map(move |edits| damaged(seed, &edits)),
        1 => any::<String>(),
        1 => tokens,
    ]
}

fn json(depth: u32) -> impl Strategy<Value = Value> {
    let words = vec![
        "Version",
        "2012-10-17",
        "Statement",
        "Sid",
        "Effect",
        "Allow",
        "Deny",
        "Principal",
        "AWS",
        "Federated",
        "*",
        "Action",
        "sts:AssumeRole*",
        "Resource",
        "Condition",
        "StringEquals",
        "StringLike",
        "Bool",
        "Null",
        "NotPrincipal",
        "",
        "a:sub",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i16>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        select(words.clone()).prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((select(words.clone()), inner), 0..5)
                .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

fn use_document(document: &Document) {
    let request = TrustRequest {
        provider_arn: "arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A02".to_owned(),
        issuer: "oidc.eks.ca-central-1.amazonaws.com/id/8A02".to_owned(),
        audience: "sts.amazonaws.com".to_owned(),
        namespace: "a".to_owned(),
        service_account: "b".to_owned(),
        wildcard: false,
        extra_conditions: BTreeMap::new(),
        owner: "podrole".to_owned(),
    };
    let _ = (document.check(DocumentKind::Trust), document.check(DocumentKind::Identity), document.size());
    assert!(document.same_meaning(&Document::parse(&document.to_json()).unwrap()), "{document}");
    let merge = merge_trust(Some(document), &request);
    // Whatever was there: a second merge has nothing to do, and a removal takes ours out.
    assert!(!merge_trust(Some(&merge.document), &request).changed, "{document}");
    let removal = remove_trust(&merge.document, &request);
    if let Some(left) = &removal.document {
        assert!(!remove_trust(left, &request).changed, "{document}");
    }
    let _ = wider_grants(document, &request.issuer);
    let _ = subjects_allowed(document, &request.provider_arn, &request.issuer, &request.audience);
    let identity = WebIdentity {
        provider_arn: request.provider_arn.clone(),
        issuer: request.issuer.clone(),
        subject: request.subject(),
        audiences: vec![request.audience.clone()],
        context: BTreeMap::new(),
    };
    let _ = evaluate_web_identity(document, &identity);
}

/// Reading gives a grant or an error with a message; what was read can be checked and written.
fn use_grants(read: podrole::Result<Vec<Grant>>) {
    match read {
        Ok(grants) => {
            for grant in grants {
                let again = Grant::from_yaml(&grant.to_yaml()).unwrap();
                assert_eq!(again, grant);
                if let Err(error) = grant.check() {
                    assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported), "{error:#}");
                }
            }
        }
        Err(error) => assert!(error.kind() == ErrorKind::InvalidInput && !error.message().is_empty(), "{error:#}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn grants_of_any_text(text in texts(GRANT)) {
        use_grants(Grant::all_from_yaml(&text));
        use_grants(Grant::from_yaml(&text).map(|grant| vec![grant]));
        let _ = Grant::all_from_json(&text);
        let _ = Grant::from_json(&text);
    }

    #[test]
    fn grants_of_any_value(value in json(4)) {
        use_grants(Grant::from_value(&value).map(|grant| vec![grant]));
        use_grants(Grant::from_json(&value.to_string()).map(|grant| vec![grant]));
    }

    #[test]
    fn kustomizations_of_any_text(text in texts(KUSTOMIZATION), patch in texts(PATCH)) {
        let target = WorkloadTarget { kind: "Deployment".to_owned(), name: "connections-app".to_owned(), namespace: None };
        let files = BTreeMap::from([("patch.yaml".to_owned(), patch)]);
        let _ = referenced_files(&text);
        let _ = service_account_of(&text, &files, &target);
        let _ = unset_service_account(&text, &files, &target, "ours");
        if let Ok(edit) = set_service_account(&text, &files, &target, "ours") {
            let after = edit.kustomization.clone().unwrap_or_else(|| text.clone());
            let mut changed = files.clone();
            changed.extend(edit.files.clone());
            // What it wrote, it reads; and takes back.
            let named = service_account_of(&after, &changed, &target).ok().flatten();
            prop_assert_eq!(named.as_deref(), Some("ours"), "{}", after);
            if !edit.is_empty() {
                let back = unset_service_account(&after, &changed, &target, "ours").unwrap();
                // But for blanks at the very end.
                let restored = back.kustomization.unwrap_or(after);
                prop_assert_eq!(restored.trim_end(), text.trim_end());
                changed.extend(back.files);
                prop_assert_eq!(changed, files);
            }
        }
    }

    #[test]
    fn documents_of_any_text(text in texts(TRUST)) {
        if let Ok(document) = Document::parse(&text) {
            use_document(&document);
        }
    }

    #[test]
    fn documents_of_any_value(value in json(5)) {
        if let Ok(document) = Document::from_value(value) {
            use_document(&document);
        }
    }

    #[test]
    fn stored_things_of_any_text(text in texts("{\"schemaVersion\":1,\"accounts\":{},\"clusters\":{},\"files\":{}}")) {
        let _ = World::from_json(&text).map(World::filled);
        let _ = Plan::from_json(&text);
    }

    #[test]
    fn artifacts_of_any_names(first in texts("arn:aws:iam::204393242335:oidc-provider/oidc.eks/id/8A02"), second in texts("a/b")) {
        let _ = artifacts::trust_document(&first, &second);
        let _ = artifacts::service_account_yaml(&second, &first);
        let _ = artifacts::kustomize_patch(&second);
        let _ = artifacts::s3_policy(&first, &[&second], podrole::policy::S3Access::Read);
        let _ = artifacts::data_sync_statement(&first, Some(&second), Some(&second));
    }

    #[test]
    fn grants_of_any_names(cluster in texts("devops_aurora"), account in texts("a/b"), role in texts("arn:aws:iam::1:role/x/y"), policy in texts("AmazonS3FullAccess")) {
        let mut grant = Grant::new(cluster, account.clone(), role.clone()).policy(policy.clone()).data_sync(role).deployment(policy.clone());
        grant.trust.service_accounts = vec![account];
        grant = grant.s3("preset", [policy], podrole::policy::S3Access::Write);
        if let Err(error) = grant.check() {
            prop_assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported), "{error:#}");
            prop_assert!(!error.to_string().chars().any(char::is_control), "{:?}", error.to_string());
        }
    }
}
