//! IAM, EKS and STS through the AWS SDK.
//!
//! Everything here converts, calls and maps errors; it decides nothing. Retries, adaptive rate limiting, timeouts and connection reuse
//! are the SDK's settings, made in [`AwsBuilder`].

mod builder;
mod convert;
mod eks;
#[cfg(feature = "kubernetes")]
mod eks_token;
mod errors;
mod genuine;
mod iam_read;
mod iam_write;
mod profile;
mod source;
mod sts;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{Region as SdkRegion, SdkConfig};
use aws_sdk_iam::config::retry::{ClientRateLimiter, RetryConfig, RetryPartition};

pub use aws_credential_types::Credentials;
pub use aws_credential_types::provider::SharedCredentialsProvider;
pub use builder::AwsBuilder;
pub use source::{CredentialsSource, provider};

use crate::error::{Error, ErrorKind, Result};
use crate::model::AccountId;
use crate::ports::{AwsTarget, EksRead, IamRead, IamWrite, StsRead};

/// The calls to IAM per second that the SDK's adaptive mode takes us to have made before the first one, of which a fifth counts. It slows down
/// from what it measured; of the first half second it has measured nothing, and one throttled call would leave the others a call every two
/// seconds.
const FIRST_RATE: f64 = 50.0;

/// AWS, as configuration and credentials say: gives a port per account and region.
///
/// Cheap to clone. Clients are made once per target and share one HTTP connection pool.
///
/// An account without a credentials provider of its own gets the default credentials.
#[derive(Clone)]
pub struct Aws(Arc<Inner>);

struct Inner {
    config: SdkConfig,
    accounts: HashMap<AccountId, SharedCredentialsProvider>,
    clients: Mutex<HashMap<AwsTarget, Clients>>,
}

/// The clients of one target, made together: they are cheap until used.
#[derive(Clone)]
struct Clients {
    eks: Arc<eks::Eks>,
    iam: Arc<iam_read::Iam>,
    iam_write: Arc<iam_write::IamWriter>,
    sts: Arc<sts::Sts>,
}

impl Aws {
    /// How to set it up; [`AwsBuilder::load`] finishes.
    pub fn builder() -> AwsBuilder {
        AwsBuilder::default()
    }

    /// EKS in an account and region.
    ///
    /// # Errors
    /// [`ErrorKind::ConfigInvalid`] when neither the target nor the configuration names a region. Nothing is called yet.
    pub fn eks(&self, target: &AwsTarget) -> Result<Arc<dyn EksRead>> {
        Ok(self.clients(target)?.eks)
    }

    /// The reading half of IAM in an account. Errors are those of [`Aws::eks`]: IAM is global, but the region tells the partition.
    pub fn iam_read(&self, target: &AwsTarget) -> Result<Arc<dyn IamRead>> {
        Ok(self.clients(target)?.iam)
    }

    /// The writing half of IAM in an account. Errors are those of [`Aws::eks`].
    pub fn iam_write(&self, target: &AwsTarget) -> Result<Arc<dyn IamWrite>> {
        Ok(self.clients(target)?.iam_write)
    }

    /// STS in an account and region. Errors are those of [`Aws::eks`].
    pub fn sts(&self, target: &AwsTarget) -> Result<Arc<dyn StsRead>> {
        Ok(self.clients(target)?.sts)
    }

    /// The region used where a target names none.
    pub fn region(&self) -> Option<&str> {
        self.0.config.region().map(AsRef::as_ref)
    }

    fn clients(&self, target: &AwsTarget) -> Result<Clients> {
        let mut held = self.0.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clients) = held.get(target) {
            return Ok(clients.clone());
        }
        let clients = self.connect(target)?;
        held.insert(target.clone(), clients.clone());
        Ok(clients)
    }

    fn connect(&self, target: &AwsTarget) -> Result<Clients> {
        let mut config = self.0.config.to_builder();
        if let Some(region) = &target.region {
            config.set_region(Some(SdkRegion::new(region.to_string())));
        } else if self.0.config.region().is_none() {
            return Err(no_region());
        }
        if let Some(provider) = self.credentials(target.account.as_ref()) {
            config.set_credentials_provider(Some(provider));
        }
        let config = config.build();
        // AWS counts its rates per account: one throttled account must not slow down the others, nor another client in the process.
        let partition = |service: &str| {
            let account = target.account.as_ref().map_or("default", AccountId::as_str);
            let region = config.region().map(AsRef::as_ref).unwrap_or_default();
            RetryPartition::custom(format!("podrole-{service}-{account}-{region}"))
        };
        let limiter = ClientRateLimiter::builder().tokens_retrieved_per_second(FIRST_RATE).build();
        let iam = aws_sdk_iam::config::Builder::from(&config)
            .retry_partition(partition("iam").client_rate_limiter(limiter).build())
            .interceptor(genuine::GenuineAnswers)
            .build();
        let iam = aws_sdk_iam::Client::from_conf(iam);
        // A call or two are no rate: a throttled one is tried again after a while, as often.
        let attempts = config.retry_config().map_or(1, RetryConfig::max_attempts);
        let retries = RetryConfig::standard().with_max_attempts(attempts);
        let eks = aws_sdk_eks::config::Builder::from(&config)
            .retry_config(retries.clone())
            .retry_partition(partition("eks").build())
            .build();
        let sts = aws_sdk_sts::config::Builder::from(&config)
            .retry_config(retries)
            .retry_partition(partition("sts").build())
            .build();
        Ok(Clients {
            eks: Arc::new(eks::Eks::new(aws_sdk_eks::Client::from_conf(eks))),
            iam: Arc::new(iam_read::Iam::new(iam.clone())),
            iam_write: Arc::new(iam_write::IamWriter::new(iam)),
            sts: Arc::new(sts::Sts::new(aws_sdk_sts::Client::from_conf(sts))),
        })
    }

    /// The credentials of an account: its own provider if it has one, else the default chain.
    fn credentials(&self, account: Option<&AccountId>) -> Option<SharedCredentialsProvider> {
        account
            .and_then(|account| self.0.accounts.get(account).cloned())
            .or_else(|| self.0.config.credentials_provider())
    }
}

impl fmt::Debug for Aws {
    /// Without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region()).finish_non_exhaustive()
    }
}

fn no_region() -> Error {
    Error::new(ErrorKind::ConfigInvalid, "no AWS region is configured")
        .remedy("set AWS_REGION, put `region` into the profile, or give the cluster as an ARN or with its region")
}
