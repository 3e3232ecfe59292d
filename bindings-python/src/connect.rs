//! Clients of real services, and the functions of Python that they ask for credentials and tokens.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use podrole::aws::{Credentials, CredentialsSource, provider};
use podrole::kubernetes::{BearerToken, TokenSource};
use podrole::model::{AccountId, Cluster};
use podrole::{Error, ErrorKind, Result, Settings};
use pyo3::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::failure::read;
use crate::interpreter::{Errand, leave};

/// How long a token is good that does not say so: EKS's own last 15 minutes.
const TOKEN_LIFE: Duration = Duration::from_mins(15);

/// A function that takes text and gives JSON text, and never raises.
#[derive(Clone)]
struct Asked(Arc<Py<PyAny>>);

/// Makes a client.
///
/// `credentials` is asked for those of an account, or with empty text for the default ones where `defaults` says that it has them.
pub(crate) fn connect(
    settings: &str,
    credentials: Option<Py<PyAny>>,
    accounts: Vec<String>,
    defaults: bool,
    token: Option<Py<PyAny>>,
    runtime: &Runtime,
) -> Result<podrole::Client> {
    let mut builder = Settings::from_value(&read("JSON", settings)?)?.into_builder()?;
    if let Some(ask) = credentials.map(|function| Asked(Arc::new(function))) {
        let source =
            |account: &str| provider(Arc::new(AskedCredentials { ask: ask.clone(), account: account.to_owned() }));
        if defaults {
            builder = builder.credentials(source(""));
        }
        for account in accounts {
            let id = AccountId::new(account.as_str())
                .map_err(|problem| Error::invalid(format!("account_credentials: {problem}")))?;
            builder = builder.account_credentials(id, source(&account));
        }
    }
    if let Some(function) = token {
        builder = builder.tokens(Arc::new(AskedTokens { ask: Asked(Arc::new(function)) }));
    }
    runtime.block_on(builder.build())
}

struct AskedCredentials {
    ask: Asked,
    account: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    /// Seconds since 1970.
    expiration: Option<f64>,
}

#[async_trait]
impl CredentialsSource for AskedCredentials {
    async fn credentials(&self) -> Result<Credentials> {
        let given: GivenCredentials = self.ask.answer(self.account.clone()).await?;
        let end =
            given.expiration.and_then(|end| Duration::try_from_secs_f64(end.max(0.0)).ok()).map(|end| UNIX_EPOCH + end);
        Ok(Credentials::new(given.access_key_id, given.secret_access_key, given.session_token, end, "Python"))
    }
}

struct AskedTokens {
    ask: Asked,
}

#[derive(Deserialize)]
struct GivenToken {
    token: String,
    /// Seconds since 1970.
    expiration: Option<f64>,
}

#[async_trait]
impl TokenSource for AskedTokens {
    async fn token(&self, cluster: &Cluster) -> Result<BearerToken> {
        let asked = json!({ "name": cluster.name, "arn": cluster.arn, "endpoint": cluster.endpoint });
        let given: GivenToken = self.ask.answer(asked.to_string()).await?;
        let end = given.expiration.and_then(|end| Duration::try_from_secs_f64(end.max(0.0)).ok());
        let end = end.unwrap_or_else(|| {
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(TOKEN_LIFE)
        });
        Ok(BearerToken::new(given.token, i64::try_from(end.as_secs()).unwrap_or(i64::MAX)))
    }
}

/// What a function of the caller gives: its value, or what it failed with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer<T> {
    Value(T),
    Failure(String),
}

impl Asked {
    async fn answer<T: DeserializeOwned>(&self, question: String) -> Result<T> {
        let failed = |message: &str| Error::new(ErrorKind::Credentials, message.to_owned());
        let (reply, answer) = oneshot::channel();
        leave(Errand::Ask(Arc::clone(&self.0), question, reply));
        let text = answer.await.map_err(|_| failed("the interpreter that gives credentials has ended"))?;
        // The reader's words could show a secret.
        match serde_json::from_str(&text).map_err(|_| failed("what the function gave cannot be read"))? {
            Answer::Value(value) => Ok(value),
            Answer::Failure(message) => Err(failed(&message)),
        }
    }
}
