//! Tokens for an API server: where they come from, and the one that is in use.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::error::Result;
use crate::model::Cluster;

/// Makes tokens for the API server of a cluster.
///
/// # Behavior
/// - A token is good for the given cluster alone, from now until its [expiry](BearerToken::expires_at).
/// - No usable credentials is the error `credentials`.
/// - Secrets appear in no error, log or `Debug`.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A fresh token.
    async fn token(&self, cluster: &Cluster) -> Result<BearerToken>;
}

/// A secret that lets its holder in; `Debug` does not show it.
#[derive(Clone)]
pub struct BearerToken {
    secret: String,
    expires_at: i64,
}

impl BearerToken {
    /// A token and when it ends, in seconds since 1970.
    pub fn new(secret: impl Into<String>, expires_at: i64) -> Self {
        Self { secret: secret.into(), expires_at }
    }

    /// The secret itself: never log it.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// When it ends, in seconds since 1970.
    pub fn expires_at(&self) -> i64 {
        self.expires_at
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// How long a token is used before the next one is made, whatever it says: EKS accepts one for 15 minutes.
const FRESH_FOR: Duration = Duration::from_mins(12);

/// How long before its end a token is no longer used, in seconds.
const MARGIN: i64 = 30;

/// The token in use for one cluster. It is made at the first need, made again when it is old, and when the server refused it.
pub(super) struct Tokens {
    source: Arc<dyn TokenSource>,
    cluster: Cluster,
    held: Mutex<Option<Held>>,
}

struct Held {
    token: BearerToken,
    made_at: i64,
}

impl Tokens {
    pub(super) fn new(source: Arc<dyn TokenSource>, cluster: Cluster) -> Self {
        Self { source, cluster, held: Mutex::new(None) }
    }

    /// The token to use; `refused` is the one that the server has just turned down.
    pub(super) async fn current(&self, refused: Option<&BearerToken>) -> Result<BearerToken> {
        // Held during the making, so that many calls at once make one token.
        let mut held = self.held.lock().await;
        if let Some(Held { token, made_at }) = &*held
            && is_fresh(token, *made_at, now())
            && refused.is_none_or(|refused| refused.secret != token.secret)
        {
            return Ok(token.clone());
        }
        let token = self.source.token(&self.cluster).await?;
        *held = Some(Held { token: token.clone(), made_at: now() });
        Ok(token)
    }
}

fn is_fresh(token: &BearerToken, made_at: i64, now: i64) -> bool {
    let age = u64::try_from(now - made_at).unwrap_or(u64::MAX);
    age < FRESH_FOR.as_secs() && now < token.expires_at - MARGIN
}

/// The machine's time: what tokens are signed with, so simulated clocks have no say here.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_replaced_after_twelve_minutes_before_its_end_and_when_the_clock_jumped_back() {
        let token = BearerToken::new("secret", 10_000);
        assert!(is_fresh(&token, 9_000, 9_000));
        assert!(is_fresh(&token, 9_000, 9_719));
        assert!(!is_fresh(&token, 9_000, 9_720));
        assert!(is_fresh(&token, 9_900, 9_969));
        assert!(!is_fresh(&token, 9_900, 9_970));
        assert!(!is_fresh(&token, 9_000, 8_999));
    }

    #[test]
    fn debug_hides_the_secret() {
        assert_eq!(format!("{:?}", BearerToken::new("secret", 7)), "BearerToken { expires_at: 7, .. }");
    }
}
