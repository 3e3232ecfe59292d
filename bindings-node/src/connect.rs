//! Clients of real services, and the functions of JavaScript that they ask for credentials and tokens.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use napi::bindgen_prelude::Promise;
use napi::threadsafe_function::ThreadsafeFunction;
use napi::{Result, Status};
use podrole::aws::{Credentials, CredentialsSource, provider};
use podrole::kubernetes::{BearerToken, TokenSource};
use podrole::model::{AccountId, Cluster};
use podrole::{Error, ErrorKind, Settings};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::failure::{read, thrown};

/// A function that takes and gives JSON text and never throws. Weak: it does not keep the process alive.
pub(crate) type Asked = ThreadsafeFunction<String, Promise<String>, String, Status, false, true>;

/// How long a token is good that does not say so: EKS's own last 15 minutes.
const TOKEN_LIFE: Duration = Duration::from_mins(15);

/// Makes a client.
///
/// `credentials` is asked for those of an account, or with empty text for the default ones where `defaults` says that it has them.
pub(crate) async fn connect(
    settings: String,
    credentials: Option<Asked>,
    accounts: Vec<String>,
    defaults: bool,
    token: Option<Asked>,
) -> Result<podrole::Client> {
    let settings = Settings::from_value(&read("JSON", &settings)?).map_err(thrown)?;
    let mut builder = settings.into_builder().map_err(thrown)?;
    if let Some(ask) = credentials.map(Arc::new) {
        let source = |account: &str| {
            let source = AskedCredentials { ask: Arc::clone(&ask), account: account.to_owned() };
            provider(Arc::new(source))
        };
        if defaults {
            builder = builder.credentials(source(""));
        }
        for account in accounts {
            let id = AccountId::new(account.as_str())
                .map_err(|problem| thrown(Error::invalid(format!("accountCredentials: {problem}"))))?;
            builder = builder.account_credentials(id, source(&account));
        }
    }
    if let Some(ask) = token {
        builder = builder.tokens(Arc::new(AskedTokens { ask }));
    }
    builder.build().await.map_err(thrown)
}

struct AskedCredentials {
    ask: Arc<Asked>,
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
    async fn credentials(&self) -> podrole::Result<Credentials> {
        let given: GivenCredentials = answer(&self.ask, self.account.clone(), "credentials").await?;
        let end =
            given.expiration.and_then(|end| Duration::try_from_secs_f64(end.max(0.0)).ok()).map(|end| UNIX_EPOCH + end);
        Ok(Credentials::new(given.access_key_id, given.secret_access_key, given.session_token, end, "JavaScript"))
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
    async fn token(&self, cluster: &Cluster) -> podrole::Result<BearerToken> {
        let asked = json!({ "name": cluster.name, "arn": cluster.arn, "endpoint": cluster.endpoint });
        let given: GivenToken = answer(&self.ask, asked.to_string(), "token").await?;
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

async fn answer<T: DeserializeOwned>(ask: &Asked, question: String, name: &str) -> podrole::Result<T> {
    let failed = |message: String| Error::new(ErrorKind::Credentials, message);
    let promise = ask.call_async_catch(question).await;
    let promise = promise.map_err(|_| failed(format!("the thread of the function `{name}` has ended")))?;
    // It never fails, so it was let go of: nothing that the function waits for can come any more.
    let text =
        promise.await.map_err(|_| failed(format!("the function `{name}` gave a promise that nothing can fulfil")))?;
    // The reader's words could show a secret.
    match serde_json::from_str(&text).map_err(|_| failed(format!("what the function `{name}` gave cannot be read")))? {
        Answer::Value(value) => Ok(value),
        Answer::Failure(message) => Err(failed(message)),
    }
}
