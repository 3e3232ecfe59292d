//! Guarantee 8: errors are for people and for code. What a denial says, for each single call, is `../denied.rs`.

use std::collections::BTreeSet;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use podrole::memory::Memory;
use podrole::ports::{Backend, KubernetesTarget};
use podrole::{Client, ClientOptions, Error, ErrorKind, Event, EventSink, FieldConflict, Leftovers, Receipt};

use crate::support::{Watched, crowded, seed_grant};

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// The variants of the enum in the source, each with what its documentation says.
fn documented_kinds() -> Vec<(String, String)> {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/error.rs")).unwrap();
    let (_, rest) = source.split_once("pub enum ErrorKind {").unwrap();
    let (body, _) = rest.split_once("\n}").unwrap();
    let mut found = Vec::new();
    let mut doc = String::new();
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc += text;
        } else if let Some(name) = line.strip_suffix(',') {
            found.push((name.to_owned(), std::mem::take(&mut doc)));
        }
    }
    found
}

#[test]
fn every_kind_is_documented_and_has_one_stable_snake_case_code() {
    let documented = documented_kinds();
    let all: Vec<String> = ErrorKind::ALL.iter().map(|kind| format!("{kind:?}")).collect();
    assert_eq!(documented.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), all, "ErrorKind::ALL is complete");
    let codes: BTreeSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(codes.len(), ErrorKind::ALL.len());
    for (kind, (name, doc)) in ErrorKind::ALL.iter().zip(&documented) {
        assert!(doc.trim().ends_with('.') && doc.len() > 15, "{name}: {doc:?}");
        assert_eq!(kind.as_str(), snake_case(name));
        assert_eq!(kind.to_string(), kind.as_str());
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert_eq!(serde_json::from_value::<ErrorKind>(kind.as_str().into()).unwrap(), *kind);
    }
}

fn full() -> Error {
    Error::new(ErrorKind::PermissionDenied, "User x is not authorized")
        .operation("iam:CreateRole")
        .resource("role connections-role-test")
        .code("AccessDenied")
        .action("iam:CreateRole")
        .remedy("allow iam:CreateRole to x")
        .conflicts(vec![FieldConflict { manager: "argocd".to_owned(), field: ".spec.x".to_owned() }])
        .leftovers(Leftovers::Remaining { resources: vec!["create policy a".to_owned(), "create policy b".to_owned()] })
}

#[test]
fn an_error_is_one_line_for_a_log_and_more_for_a_person() {
    let error = full();
    assert_eq!(
        error.to_string(),
        "permission_denied: role connections-role-test: User x is not authorized (iam:CreateRole: AccessDenied)"
    );
    assert_eq!(
        format!("{error:#}"),
        "permission_denied: role connections-role-test: User x is not authorized (iam:CreateRole: AccessDenied)\n  \
         missing permission: iam:CreateRole\n  owned by argocd: .spec.x\n  remedy: allow iam:CreateRole to x\n  \
         left behind: create policy a, create policy b"
    );
    assert_eq!(Error::invalid("bad").to_string(), "invalid_input: bad");
    assert_eq!(format!("{:#}", Error::invalid("bad")), "invalid_input: bad");
}

#[test]
fn an_error_as_data_has_everything_that_its_text_has() {
    let json = serde_json::to_value(full().payload()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "kind": "permission_denied",
            "message": "User x is not authorized",
            "operation": "iam:CreateRole",
            "resource": "role connections-role-test",
            "awsCode": "AccessDenied",
            "action": "iam:CreateRole",
            "remedy": "allow iam:CreateRole to x",
            "retry": "never",
            "conflicts": [{"manager": "argocd", "field": ".spec.x"}],
            "leftovers": {"state": "remaining", "resources": ["create policy a", "create policy b"]},
        })
    );
}

#[test]
fn an_error_goes_through_threads_and_into_boxes() {
    fn check<T: Send + Sync + std::error::Error + 'static>() {}
    check::<Error>();
}

#[tokio::test]
async fn a_backend_that_panics_does_not_cost_the_receipt() {
    let memory = Memory::new(crowded());
    let broken = Arc::new(AtomicBool::new(false));
    let Backend { reads, writes } = memory.backend();
    let breaks = Arc::clone(&broken);
    let panic = move |_: &KubernetesTarget| assert!(!breaks.load(Ordering::SeqCst), "broken");
    let reads = Arc::new(Watched { inner: reads, before_kubernetes: Box::new(panic) });
    let breaks = Arc::clone(&broken);
    let sink: EventSink = Arc::new(move |event: &Event| {
        if matches!(event, Event::StepFinished { step: 4, .. }) {
            breaks.store(true, Ordering::SeqCst);
        }
    });
    let options = ClientOptions { sink: Some(sink), ..ClientOptions::default() };
    let client = Client::with_options(Backend { reads, writes }, options).unwrap();
    let plan = client.plan(&seed_grant()).await.unwrap();
    // While the world is looked at again.
    broken.store(true, Ordering::SeqCst);
    let error = client.apply(plan.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.get_leftovers()), (ErrorKind::Unexpected, &Leftovers::None), "{error:#}");
    assert!(error.get_receipt().is_some());
    // While rollouts are waited for, when everything is done.
    broken.store(false, Ordering::SeqCst);
    let error = client.apply(plan).wait(Duration::from_mins(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unexpected, "{error:#}");
    assert!(error.get_receipt().is_some_and(Receipt::is_complete), "{error:#}");
}
