//! Credentials of the caller's own making, asked for again when they end.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::Credentials;
use crate::error::Result;

/// Gives credentials of AWS.
///
/// # Behavior
/// - It is asked at the first call that needs credentials, and again before those that it gave end (a few minutes before, as AWS's SDKs do).
/// - Credentials without an end are kept while the client is.
/// - An error is the error `credentials` of the call that needed them; it must hold no secret.
#[async_trait]
pub trait CredentialsSource: Send + Sync {
    /// Fresh credentials.
    async fn credentials(&self) -> Result<Credentials>;
}

/// A provider as the AWS SDK wants it.
pub fn provider(source: Arc<dyn CredentialsSource>) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Provider(source))
}

struct Provider(Arc<dyn CredentialsSource>);

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.0.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider")
    }
}
