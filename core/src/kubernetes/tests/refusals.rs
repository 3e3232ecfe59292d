//! Which refusal becomes which kind, and what tokens have to do with it.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::super::{BearerToken, TokenSource};
use super::{Wire, account, namespace, refusal};
use crate::error::{Error, ErrorKind, FieldConflict, Result, Retry};
use crate::model::Cluster;
use crate::ports::{CallLog, KubernetesRead, KubernetesWrite, ServiceAccountApply};

fn apply() -> ServiceAccountApply {
    ServiceAccountApply {
        manager: "podrole".to_owned(),
        namespace: namespace(),
        name: account(),
        uid: None,
        annotations: [("a".to_owned(), "1".to_owned())].into(),
        labels: [].into(),
        force: false,
    }
}

async fn failure(answer: (u16, Value)) -> Error {
    let wire = Wire::new([answer]);
    let error = wire.connection().apply_service_account(&apply()).await.expect_err("a refusal");
    assert_eq!(error.get_operation(), Some("kubernetes:patch serviceaccounts"));
    assert_eq!(wire.seen().len(), 1);
    error
}

#[tokio::test]
async fn field_conflicts_name_their_owners_and_other_conflicts_have_none() {
    let field = ".metadata.annotations.eks.amazonaws.com/role-arn";
    let cause = |message: &str| json!({"reason": "FieldManagerConflict", "message": message, "field": field});
    let causes =
        json!({"causes": [cause("conflict with \"helm\" using v1"), cause("conflict with \"argocd-controller\"")]});
    let error = failure(refusal(409, "Conflict", "Apply failed with 2 conflicts", causes)).await;
    assert_eq!((error.kind(), error.get_code()), (ErrorKind::Conflict, Some("Conflict")));
    let owner = |manager: &str| FieldConflict { manager: manager.to_owned(), field: field.to_owned() };
    assert_eq!(error.get_conflicts(), [owner("argocd-controller"), owner("helm")]);

    let error = failure(refusal(409, "Conflict", "uid mismatch: no existing object was found", json!({}))).await;
    assert_eq!((error.kind(), error.get_code()), (ErrorKind::Conflict, Some("Conflict")));
    assert!(error.get_conflicts().is_empty());

    let immutable =
        json!({"causes": [{"reason": "FieldValueInvalid", "message": "field is immutable", "field": "metadata.uid"}]});
    let error = failure(refusal(422, "Invalid", "metadata.uid: field is immutable", immutable)).await;
    assert_eq!((error.kind(), error.get_code()), (ErrorKind::Conflict, Some("Conflict")));
}

#[tokio::test]
async fn a_denial_names_verb_resource_and_namespace() {
    let message = "serviceaccounts \"s\" is forbidden: User \"u\" cannot create resource \"serviceaccounts\" in API group \"\" in the \
                   namespace \"devops-aurora-1\"";
    let error = failure(refusal(403, "Forbidden", message, json!({"kind": "serviceaccounts"}))).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.get_action(), Some("create serviceaccounts in namespace devops-aurora-1"));
    let error = failure(refusal(403, "Forbidden", "no", json!({}))).await;
    assert_eq!(error.get_action(), Some("patch serviceaccounts in namespace devops-aurora-1"));
}

#[tokio::test]
async fn every_refusal_has_its_kind() {
    use ErrorKind::{
        InvalidInput, LimitExceeded, NotFound, PermissionDenied, Throttled, Timeout, Unavailable, Unexpected,
    };
    let cases = [
        (403, "Forbidden", "exceeded quota: q, requested: count/serviceaccounts=1", LimitExceeded),
        (400, "BadRequest", "admission webhook \"w\" denied the request: no", PermissionDenied),
        (422, "Invalid", "ValidatingAdmissionPolicy 'x' with binding 'x' denied request: no", PermissionDenied),
        (422, "Invalid", "metadata.name: Invalid value", InvalidInput),
        (429, "TooManyRequests", "slow down", Throttled),
        (500, "InternalError", "failed to create typed patch object: .x: field not declared in schema", Unexpected),
        (500, "InternalError", "etcdserver: leader changed", Unavailable),
        (503, "ServiceUnavailable", "apiserver is shutting down", Unavailable),
        (504, "Timeout", "request did not complete", Timeout),
    ];
    for (code, reason, message, kind) in cases {
        let error = failure(refusal(code, reason, message, json!({}))).await;
        assert_eq!((error.kind(), error.get_code(), error.message()), (kind, Some(reason), message));
    }
    let namespace = json!({"kind": "namespaces", "name": "devops-aurora-1"});
    let error = failure(refusal(404, "NotFound", "namespaces \"devops-aurora-1\" not found", namespace)).await;
    assert_eq!((error.kind(), error.get_resource()), (NotFound, Some("namespace devops-aurora-1")));
    assert!(error.get_remedy().is_some_and(|remedy| remedy.contains("namespace")));
}

#[tokio::test]
async fn a_foreign_answer_is_judged_by_its_status_alone() {
    let cases = [
        (401, ErrorKind::Credentials),
        (403, ErrorKind::PermissionDenied),
        (404, ErrorKind::Unexpected),
        (502, ErrorKind::Unavailable),
    ];
    for (code, kind) in cases {
        let wire = Wire::raw([Some((code, "<html>proxy</html>".to_owned()))]);
        let error = wire.connection().apply_service_account(&apply()).await.expect_err("a page");
        assert_eq!((error.kind(), error.get_code()), (kind, None), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_timeout() {
    let wire = Wire::raw([None]);
    let error = wire.connection().service_account(&namespace(), &account()).await.expect_err("silence");
    assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Timeout, Retry::Safe));
    assert_eq!(error.get_operation(), Some("kubernetes:get serviceaccounts"));
}

/// Gives a token if it has one, and then none.
struct Given(AtomicBool);

#[async_trait]
impl TokenSource for Given {
    async fn token(&self, _: &Cluster) -> Result<BearerToken> {
        if !self.0.swap(false, Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        Ok(BearerToken::new("token", 4_000_000_000))
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_of_tokens_that_does_not_answer_is_a_timeout_that_names_it() {
    for (has_one, calls) in [(false, 0), (true, 1)] {
        let wire = Wire::new(vec![refusal(401, "Unauthorized", "Unauthorized", json!({})); calls]);
        let connection = wire.with_tokens_of(Given(AtomicBool::new(has_one)));
        let error = connection.service_account(&namespace(), &account()).await.expect_err("no token");
        assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Timeout, Retry::Safe));
        assert!(error.message().contains("`token`"), "{error}");
        assert_eq!(error.get_operation(), Some("kubernetes:get serviceaccounts"));
        assert_eq!(wire.seen().len(), calls, "without a token nothing is asked");
    }
}

#[tokio::test]
async fn one_token_serves_many_calls_and_a_refused_one_is_replaced_once() {
    let refused = || refusal(401, "Unauthorized", "Unauthorized", json!({}));
    let found = || (200, json!({"metadata": {"uid": "u"}}));
    let wire = Wire::new([found(), found(), refused(), found(), refused(), refused()]);
    let connection = wire.with_tokens();
    let log = CallLog::new();
    let error = log
        .scope(async {
            for _ in 0..3 {
                connection.service_account(&namespace(), &account()).await.expect("an answer");
            }
            connection.service_account(&namespace(), &account()).await.expect_err("refused twice")
        })
        .await;
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert!(!format!("{error:?}").contains("token-"));
    let tokens: Vec<String> = wire.seen().into_iter().filter_map(|seen| seen.authorization).collect();
    let expected = ["token-1", "token-1", "token-1", "token-2", "token-2", "token-3"];
    assert_eq!(tokens, expected.map(|token| format!("Bearer {token}")));
    assert_eq!(log.calls().len(), 6);
}
