//! Credentials of the caller's own making, asked for again when they end.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use tokio::sync::Mutex;

use super::Credentials;
use crate::error::{Error, ErrorKind, Result};

/// How long before their end credentials are no longer used.
const MARGIN: Duration = Duration::from_mins(5);

/// Gives credentials of AWS.
///
/// # Behavior
/// - It is asked at the first call that needs credentials, and again five minutes before those that it gave end; many calls at once ask once.
/// - Credentials without an end are kept while the client is.
/// - Credentials with a control character are the error `credentials`: a line break from a file, say, which no request could carry.
/// - An error is the error `credentials` of the call that needed them; it must hold no secret.
#[async_trait]
pub trait CredentialsSource: Send + Sync {
    /// Fresh credentials.
    async fn credentials(&self) -> Result<Credentials>;
}

/// A provider as the AWS SDK wants it.
pub fn provider(source: Arc<dyn CredentialsSource>) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Provider { source, held: Mutex::default() })
}

struct Provider {
    source: Arc<dyn CredentialsSource>,
    /// Those in use. The SDK has a cache for its own calls; what signs the cluster's token is none of these.
    held: Mutex<Option<Credentials>>,
}

impl Provider {
    async fn current(&self) -> Result<Credentials> {
        // Held during the asking, so that many calls at once ask once.
        let mut held = self.held.lock().await;
        if let Some(credentials) = &*held
            && is_fresh(credentials, SystemTime::now())
        {
            return Ok(credentials.clone());
        }
        let credentials = self.source.credentials().await?;
        *held = Some(credentials.clone());
        Ok(credentials)
    }
}

fn is_fresh(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_none_or(|end| now + MARGIN < end)
}

/// The credentials with an end that is the margin earlier: the SDK keeps what it was given until shortly before that, and then asks again.
fn ending_early(mut credentials: Credentials, now: SystemTime) -> Credentials {
    if let Some(end) = credentials.expiry() {
        // What ends sooner still is good for the call that asks.
        let soon = (now + Duration::from_secs(15)).min(end);
        *credentials.expiry_mut() = Some((end - MARGIN).max(soon));
    }
    credentials
}

/// What the SDK would panic at, or sign with in vain.
fn check(credentials: &Credentials) -> Result<()> {
    let parts = [
        ("access key id", credentials.access_key_id()),
        ("secret access key", credentials.secret_access_key()),
        ("session token", credentials.session_token().unwrap_or_default()),
    ];
    match parts.into_iter().find(|(_, text)| text.contains(char::is_control)) {
        Some((name, _)) => Err(Error::new(
            ErrorKind::Credentials,
            format!("the {name} holds a line break or another control character"),
        )
        .remedy("give it without what a file or a prompt put around it")),
        None => Ok(()),
    }
}

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.current().await.map_err(CredentialsError::provider_error)?;
            Ok(ending_early(credentials, SystemTime::now()))
        })
    }
}

/// Any source of credentials, bounded in time, and with credentials that a request can carry: those of a file, the environment or a function of
/// the caller come without either.
pub(super) fn checked(inner: SharedCredentialsProvider, limit: Duration) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Checked { inner, limit })
}

#[derive(Debug)]
struct Checked {
    inner: SharedCredentialsProvider,
    limit: Duration,
}

impl Checked {
    async fn current(&self) -> Result<Credentials, CredentialsError> {
        let credentials = tokio::time::timeout(self.limit, self.inner.provide_credentials())
            .await
            .map_err(|_| CredentialsError::provider_error(late()))??;
        check(&credentials).map_err(CredentialsError::provider_error)?;
        Ok(credentials)
    }
}

impl ProvideCredentials for Checked {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}

fn late() -> Error {
    Error::new(
        ErrorKind::Timeout,
        "no AWS credentials in time: their source (`credentials`, or the usual chain) has not answered",
    )
    .remedy("see what it waits for, or allow AWS calls more time")
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as SyncMutex;
    use std::time::UNIX_EPOCH;

    use super::*;

    /// Gives what is next on the list, then fails.
    struct List(SyncMutex<Vec<Credentials>>);

    #[async_trait]
    impl CredentialsSource for List {
        async fn credentials(&self) -> Result<Credentials> {
            // Others may ask meanwhile.
            tokio::task::yield_now().await;
            let next = self.0.lock().expect("not poisoned").pop();
            next.ok_or_else(|| Error::new(ErrorKind::Credentials, "no more"))
        }
    }

    fn given(id: &str, secret: &str, token: Option<&str>, end: Option<SystemTime>) -> Credentials {
        Credentials::new(id, secret, token.map(str::to_owned), end, "test")
    }

    fn listed(list: impl IntoIterator<Item = Credentials>) -> SharedCredentialsProvider {
        let provider = provider(Arc::new(List(SyncMutex::new(list.into_iter().collect()))));
        checked(provider, Duration::from_secs(1))
    }

    #[tokio::test]
    async fn credentials_are_asked_for_once_until_they_end() {
        for end in [None, Some(SystemTime::now() + Duration::from_hours(1))] {
            let provider = listed([given("AKID", "hush", None, end)]);
            let (first, second) = tokio::join!(provider.provide_credentials(), provider.provide_credentials());
            assert_eq!(first.expect("asked").access_key_id(), "AKID");
            assert_eq!(second.expect("the same").access_key_id(), "AKID");
            assert!(provider.provide_credentials().await.is_ok(), "kept");
        }
        let ending = SystemTime::now() + Duration::from_mins(4);
        let provider = listed([given("AKID2", "hush", None, None), given("AKID1", "hush", None, Some(ending))]);
        for id in ["AKID1", "AKID2", "AKID2"] {
            assert_eq!(provider.provide_credentials().await.expect("asked").access_key_id(), id);
        }
    }

    #[test]
    fn credentials_are_used_until_five_minutes_before_their_end() {
        let end = UNIX_EPOCH + Duration::from_secs(10_000);
        let credentials = given("AKID", "hush", None, Some(end));
        assert!(is_fresh(&credentials, UNIX_EPOCH + Duration::from_secs(9_699)));
        assert!(!is_fresh(&credentials, UNIX_EPOCH + Duration::from_secs(9_700)));
    }

    #[test]
    fn the_sdk_is_told_of_an_end_that_is_the_margin_earlier() {
        let now = UNIX_EPOCH + Duration::from_secs(10_000);
        for (end, told) in [(3_600, 3_300), (301, 15), (200, 15), (5, 5)] {
            let given = given("AKID", "hush", None, Some(now + Duration::from_secs(end)));
            assert_eq!(ending_early(given, now).expiry(), Some(now + Duration::from_secs(told)), "{end}");
        }
        assert_eq!(ending_early(given("AKID", "hush", None, None), now).expiry(), None);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let provider = listed([]);
        assert!(provider.provide_credentials().await.is_err());
        assert!(provider.provide_credentials().await.is_err(), "asked again");
    }

    /// Never gives any.
    struct Silent;

    #[async_trait]
    impl CredentialsSource for Silent {
        async fn credentials(&self) -> Result<Credentials> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_never_answers_is_a_timeout_that_names_it() {
        let silent = checked(provider(Arc::new(Silent)), Duration::from_secs(27));
        let error = super::super::errors::unusable(&silent.provide_credentials().await.expect_err("no answer"));
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.message().contains("`credentials`"), "{error:#}");
    }

    #[tokio::test]
    async fn control_characters_are_refused_and_never_shown() {
        for (credentials, name) in [
            (given("AKID\n", "hush", None, None), "access key id"),
            (given("AKID", "hush\r\n", None, None), "secret access key"),
            (given("AKID", "hush", Some("hush\0"), None), "session token"),
        ] {
            let error = listed([credentials]).provide_credentials().await.expect_err("refused");
            let shown = super::super::errors::chain(&error);
            assert!(shown.contains(&format!("the {name} holds a line break")), "{shown}");
            assert!(!format!("{shown}{error:?}").contains("hush"), "{error:?}");
        }
    }
}
