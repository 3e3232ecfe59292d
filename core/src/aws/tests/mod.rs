//! What goes over the wire to AWS, and what is made of the answers; no network.

mod eks;
mod errors;
mod iam;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use percent_encoding::percent_decode_str;

use super::{Aws, AwsBuilder, Credentials, SharedCredentialsProvider};
use crate::model::Region;
use crate::ports::{AwsTarget, IamRead, IamWrite};

/// One scripted answer.
#[derive(Clone)]
pub(super) enum Answer {
    Http(u16, String),
    Refused,
    /// Closed before the answer was whole.
    Closed,
    Silent,
}

/// A server that answers from a script and remembers what it was asked.
#[derive(Clone, Debug)]
pub(super) struct Wire(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    seen: Vec<(String, String)>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut state = self.0.lock().expect("no test panics while it holds this");
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        state.seen.push((format!("{} {}", request.method(), request.uri()), body));
        match state.answers.pop_front().expect("a call that the script does not know") {
            Answer::Http(status, body) => {
                let status = status.try_into().expect("a legal status");
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
            }
            Answer::Refused => HttpConnectorFuture::ready(Err(ConnectorError::io("connection refused".into()))),
            Answer::Closed => {
                let kind = Some(aws_smithy_types::retry::ErrorKind::TransientError);
                HttpConnectorFuture::ready(Err(ConnectorError::other("connection closed".into(), kind)))
            }
            Answer::Silent => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

impl Wire {
    pub(super) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self(Arc::new(Mutex::new(State { answers: answers.into_iter().collect(), seen: Vec::new() })))
    }

    pub(super) fn builder(&self) -> AwsBuilder {
        let connector = SharedHttpConnector::new(self.clone());
        Aws::builder()
            .region(Region::new("ca-central-1").expect("a region"))
            .credentials(SharedCredentialsProvider::new(Credentials::new("AKIDTEST", "hush", None, None, "test")))
            .max_attempts(1)
            .http_client(http_client_fn(move |_, _| connector.clone()))
    }

    pub(super) async fn aws(&self) -> Aws {
        self.builder().load().await.expect("the settings are legal")
    }

    pub(super) async fn iam(&self) -> Arc<dyn IamRead> {
        self.aws().await.iam_read(&AwsTarget::default()).expect("there is a region")
    }

    pub(super) async fn iam_write(&self) -> Arc<dyn IamWrite> {
        self.aws().await.iam_write(&AwsTarget::default()).expect("there is a region")
    }

    /// The bodies asked with, as decoded forms; fails when an answer of the script was not asked for.
    pub(super) fn forms(&self) -> Vec<Vec<(String, String)>> {
        let state = self.0.lock().expect("no test panics while it holds this");
        assert!(state.answers.is_empty(), "{} calls never came", state.answers.len());
        state.seen.iter().map(|(_, body)| form(body)).collect()
    }

    /// Method and URI of each request.
    pub(super) fn lines(&self) -> Vec<String> {
        let state = self.0.lock().expect("no test panics while it holds this");
        assert!(state.answers.is_empty(), "{} calls never came", state.answers.len());
        state.seen.iter().map(|(line, _)| line.clone()).collect()
    }
}

fn form(body: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decode(key), decode(value))).filter(|(key, _)| key != "Version").collect()
}

/// An answer of IAM.
pub(super) fn xml(action: &str, result: &str) -> Answer {
    let body = format!(
        "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    );
    Answer::Http(200, body)
}

/// A refusal of IAM.
pub(super) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    );
    Answer::Http(status, body)
}

/// Pairs as a form has them.
pub(super) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
