//! What goes over the wire to an API server, and what is made of the answers; no network.

mod access;
mod read;
mod refusals;
mod write;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::check::Server;
use super::connection::Connection;
use super::token::Tokens;
use super::{BearerToken, TokenSource};
use crate::error::Result;
use crate::model::{Arn, Cluster, ClusterName, Namespace, ServiceAccountName, WorkloadKind, WorkloadName, WorkloadRef};

/// One request as the server saw it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// `PATCH /api/v1/…?fieldManager=podrole`
    pub(super) line: String,
    pub(super) content_type: String,
    pub(super) authorization: Option<String>,
    pub(super) body: Value,
}

/// Status and body; `None` never answers.
type Answer = Option<(u16, String)>;

/// A server that answers from a script and remembers what it was asked.
#[derive(Clone, Default)]
pub(super) struct Wire {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Wire {
    pub(super) fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        Self::raw(answers.into_iter().map(|(status, body)| Some((status, body.to_string()))))
    }

    pub(super) fn raw(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), seen: Arc::default() }
    }

    pub(super) fn client(&self) -> kube::Client {
        let wire = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let wire = wire.clone();
            async move { wire.answer(request).await }
        });
        kube::Client::new(service, "default")
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        self.seen.lock().expect("not poisoned").push(Seen {
            line: format!("{} {}", parts.method, parts.uri),
            content_type: header("content-type").unwrap_or_default(),
            authorization: header("authorization"),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        });
        let next = self.answers.lock().expect("not poisoned").pop_front();
        match next.expect("a call that the script does not know") {
            Some((status, body)) => {
                Ok(Response::builder().status(status).body(Body::from(body.into_bytes())).expect("a legal answer"))
            }
            None => std::future::pending().await,
        }
    }

    pub(super) fn connection(&self) -> Connection {
        Connection::new(self.client(), None, Server::Told, Duration::from_secs(30))
    }

    /// A connection with tokens `token-1`, `token-2`, … that end in an hour.
    pub(super) fn with_tokens(&self) -> Connection {
        self.with_tokens_of(Counter::default())
    }

    pub(super) fn with_tokens_of(&self, source: impl TokenSource + 'static) -> Connection {
        let tokens = Tokens::new(Arc::new(source), cluster());
        Connection::new(self.client(), Some(tokens), Server::Told, Duration::from_secs(30))
    }

    /// What was asked; fails when an answer of the script was not asked for.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let left = self.answers.lock().expect("not poisoned").len();
        assert_eq!(left, 0, "calls that never came");
        self.seen.lock().expect("not poisoned").clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

#[derive(Default)]
struct Counter(Mutex<u32>);

#[async_trait]
impl TokenSource for Counter {
    async fn token(&self, _: &Cluster) -> Result<BearerToken> {
        let mut count = self.0.lock().expect("not poisoned");
        *count += 1;
        Ok(BearerToken::new(format!("token-{count}"), 4_000_000_000))
    }
}

/// The seed's cluster with a CA that is PEM in base64 (of the bytes `one`).
pub(super) fn cluster() -> Cluster {
    Cluster {
        name: ClusterName::new("devops_aurora").expect("a name"),
        arn: Arn::new("arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora").expect("an ARN"),
        status: "ACTIVE".to_owned(),
        issuer: None,
        endpoint: Some("https://ABC.gr7.ca-central-1.eks.amazonaws.com".to_owned()),
        certificate_authority: Some(base64(&pem(&["one"]))),
    }
}

pub(super) fn base64(text: &str) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(text)
}

/// PEM blocks that hold these texts.
pub(super) fn pem(texts: &[&str]) -> String {
    let block = |text: &&str| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64(text));
    texts.iter().map(block).collect::<Vec<_>>().concat()
}

pub(super) fn namespace() -> Namespace {
    Namespace::new("devops-aurora-1").expect("a namespace")
}

pub(super) fn account() -> ServiceAccountName {
    ServiceAccountName::new("connections-serviceaccount-s3").expect("a name")
}

pub(super) fn workload(kind: WorkloadKind) -> WorkloadRef {
    WorkloadRef { kind, namespace: namespace(), name: WorkloadName::new("connections-app").expect("a name") }
}

/// A refusal as the API server writes it.
pub(super) fn refusal(code: u16, reason: &str, message: &str, details: Value) -> (u16, Value) {
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code,
        "message": message});
    status["details"] = details;
    (code, status)
}
