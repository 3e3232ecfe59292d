//! One API server: sends requests with a token that is good, within a time, and reads what comes back.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use kube::client::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::check::Server;
use super::errors::{self, Status};
use super::token::{BearerToken, Tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::ports::traced;

/// What stays as it is in a query value (RFC 3986 unreserved).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) struct Connection {
    client: kube::Client,
    /// Absent where the client brings its own credentials.
    tokens: Option<Tokens>,
    server: Server,
    timeout: Duration,
}

/// A request: what is done, to what.
pub(super) struct Call<'a> {
    /// The verb as RBAC knows it.
    pub(super) verb: &'static str,
    pub(super) place: Place<'a>,
    pub(super) query: Vec<(&'static str, String)>,
    /// Content type and body.
    pub(super) body: Option<(&'static str, Value)>,
}

/// An object, or a collection of them.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// `/api/v1`, `/apis/apps/v1`.
    pub(super) api: &'static str,
    /// `serviceaccounts`.
    pub(super) plural: &'static str,
    /// `service account`, for people.
    pub(super) noun: &'static str,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: Option<&'a str>,
}

/// What came back.
pub(super) enum Reply {
    /// The object, and whether it was created by this call.
    Done { object: Value, created: bool },
    /// The server's refusal.
    Refused(Status),
}

impl Place<'_> {
    fn path(&self) -> String {
        let mut path = self.api.to_owned();
        let parts = [self.namespace.map(|_| "namespaces"), self.namespace, Some(self.plural), self.name];
        for part in parts.into_iter().flatten() {
            path.push('/');
            path.extend(utf8_percent_encode(part, QUERY));
        }
        path
    }

    /// `service account team/app`, for people.
    pub(super) fn resource(&self) -> String {
        match (self.namespace, self.name) {
            (Some(namespace), Some(name)) => format!("{} {namespace}/{name}", self.noun),
            (None, Some(name)) => format!("{} {name}", self.noun),
            (Some(namespace), None) => format!("{}s in namespace {namespace}", self.noun),
            (None, None) => format!("{}s", self.noun),
        }
    }
}

impl Call<'_> {
    /// `kubernetes:patch serviceaccounts`.
    pub(super) fn operation(&self) -> String {
        format!("kubernetes:{} {}", self.verb, self.place.plural)
    }

    fn method(&self) -> Method {
        match self.verb {
            "patch" => Method::PATCH,
            "delete" => Method::DELETE,
            "create" => Method::POST,
            _ => Method::GET,
        }
    }

    fn request(&self, token: Option<&BearerToken>) -> Result<Request<Body>> {
        let mut uri = self.place.path();
        for (index, (key, value)) in self.query.iter().enumerate() {
            uri.push(if index == 0 { '?' } else { '&' });
            uri.push_str(key);
            uri.push('=');
            uri.extend(utf8_percent_encode(value, QUERY));
        }
        let mut request = Request::builder().method(self.method()).uri(uri).header(ACCEPT, "application/json");
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.secret())).map_err(|_| {
                Error::new(ErrorKind::Credentials, "the token holds characters that a header cannot carry")
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let body = match &self.body {
            Some((content_type, body)) => {
                request = request.header(CONTENT_TYPE, *content_type);
                Body::from(body.to_string().into_bytes())
            }
            None => Body::empty(),
        };
        request
            .body(body)
            .map_err(|error| Error::new(ErrorKind::Unexpected, format!("the request cannot be made: {error}")))
    }
}

impl Connection {
    pub(super) fn new(client: kube::Client, tokens: Option<Tokens>, server: Server, timeout: Duration) -> Self {
        Self { client, tokens, server, timeout }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Sends a call; a refusal is an error.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<(Value, bool)> {
        match self.reply(call).await? {
            Reply::Done { object, created } => Ok((object, created)),
            Reply::Refused(status) => Err(errors::refused(&status, call)),
        }
    }

    /// Reads an object or collection; `None` when the server says that there is no such thing.
    pub(super) async fn get(&self, place: Place<'_>, query: Vec<(&'static str, String)>) -> Result<Option<Value>> {
        let verb = if place.name.is_some() { "get" } else { "list" };
        let call = Call { verb, place, query, body: None };
        match self.reply(&call).await? {
            Reply::Done { object, .. } => Ok(Some(object)),
            Reply::Refused(status) if status.says_absent(&place) => Ok(None),
            Reply::Refused(status) => Err(errors::refused(&status, &call)),
        }
    }

    async fn reply(&self, call: &Call<'_>) -> Result<Reply> {
        let place = |error: Error| error.operation(call.operation()).resource(call.place.resource());
        let Some(tokens) = &self.tokens else { return self.attempt(call, None).await.map_err(place) };
        let token = self.token(tokens, None).await.map_err(place)?;
        match self.attempt(call, Some(&token)).await {
            // The token ended sooner than it said (a clock that is wrong, credentials that were revoked): one more, made now.
            Ok(Reply::Refused(status)) if status.code == 401 => {
                let token = self.token(tokens, Some(&token)).await.map_err(place)?;
                self.attempt(call, Some(&token)).await.map_err(place)
            }
            reply => reply.map_err(place),
        }
    }

    /// A token, in no more time than a call may take: it may come from a function of the caller.
    async fn token(&self, tokens: &Tokens, refused: Option<&BearerToken>) -> Result<BearerToken> {
        tokio::time::timeout(self.timeout, tokens.current(refused)).await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Timeout,
                "no token in time: its source (`token`, or the AWS credentials) has not answered",
            )
            .remedy("see what it waits for, or allow Kubernetes calls more time"))
        })
    }

    async fn attempt(&self, call: &Call<'_>, token: Option<&BearerToken>) -> Result<Reply> {
        let request = call.request(token)?;
        let exchange = async {
            let response = self.client.send(request).await.map_err(|error| errors::unsent(&error))?;
            let status = response.status();
            let body = response.into_body().collect_bytes().await.map_err(|error| errors::unsent(&error))?;
            Ok((status, body))
        };
        let answer = traced(&call.operation(), tokio::time::timeout(self.timeout, exchange)).await;
        let (status, body) = answer.unwrap_or_else(|_| Err(errors::timeout()))?;
        if !status.is_success() {
            return Ok(Reply::Refused(Status::read(status.as_u16(), &body)));
        }
        match serde_json::from_slice(&body) {
            Ok(object) => Ok(Reply::Done { object, created: status.as_u16() == 201 }),
            Err(_) => Err(errors::garbled(status.as_u16())),
        }
    }
}
