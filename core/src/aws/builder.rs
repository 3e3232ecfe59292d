//! How AWS is reached: region, profile, endpoint, credentials per account, timeouts and retries.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region as SdkRegion};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder as HttpBuilder, ConnectorBuilder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};

use super::source::checked;
use super::{Aws, Inner, profile};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{AccountId, Region};

/// The name that podrole's calls carry in the user agent.
const APP_NAME: &str = "podrole";

/// Sets up [`Aws`]. What is not set here comes from the environment and the shared configuration files, as everywhere in AWS's tools:
/// `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, web identity, SSO, container and instance credentials.
#[derive(Clone)]
pub struct AwsBuilder {
    region: Option<Region>,
    profile: Option<String>,
    endpoint_url: Option<String>,
    default_credentials: Option<SharedCredentialsProvider>,
    accounts: HashMap<AccountId, SharedCredentialsProvider>,
    operation_timeout: Duration,
    connect_timeout: Duration,
    max_attempts: u32,
    http_client: Option<SharedHttpClient>,
}

impl Default for AwsBuilder {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            endpoint_url: None,
            default_credentials: None,
            accounts: HashMap::new(),
            operation_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            max_attempts: 5,
            http_client: None,
        }
    }
}

impl AwsBuilder {
    /// The region of targets that name none; else `AWS_REGION` or the profile's.
    pub fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// A profile of the shared configuration; else `AWS_PROFILE` or `default`.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }

    /// One endpoint for all services; else `AWS_ENDPOINT_URL`, its variants per service, or AWS itself.
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint_url = Some(url.into());
        self
    }

    /// Credentials for every account that has none of its own; else the SDK's default chain.
    pub fn credentials(mut self, provider: SharedCredentialsProvider) -> Self {
        self.default_credentials = Some(provider);
        self
    }

    /// Credentials for one account.
    pub fn account(mut self, account: AccountId, provider: SharedCredentialsProvider) -> Self {
        self.accounts.insert(account, provider);
        self
    }

    /// How long one call may take, retries and waits for the rate limit included. Default 30 s.
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = timeout;
        self
    }

    /// How long connecting may take. Default 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often a call is tried. Default 5; throttled calls also slow down the ones after them (the SDK's adaptive mode).
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// A ready-made HTTP client, which brings its own TLS settings.
    pub fn http_client(mut self, client: SharedHttpClient) -> Self {
        self.http_client = Some(client);
        self
    }

    /// Reads environment and configuration files. Credentials are resolved at the first call, not here.
    ///
    /// # Errors
    /// [`ErrorKind::ConfigInvalid`] when a setting cannot work: a profile that is not there, a region that cannot be one, a URL that is none. A
    /// region that nothing tells is not an error yet.
    pub async fn load(self) -> Result<Aws> {
        if self.max_attempts == 0 {
            return Err(
                Error::new(ErrorKind::ConfigInvalid, "the number of attempts is 0").remedy("set it to 1 or more")
            );
        }
        match &self.endpoint_url {
            Some(url) => check_url(url)?,
            None => check_endpoints(&Env::real())?,
        }
        profile::check(&Fs::real(), &Env::real(), self.profile.as_deref()).await?;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.operation_timeout)
            .operation_timeout(self.operation_timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .app_name(AppName::new(APP_NAME).unwrap_or_else(|_| unreachable!("a constant that the SDK accepts")))
            .retry_config(RetryConfig::adaptive().with_max_attempts(self.max_attempts))
            .timeout_config(timeouts)
            .http_client(self.http_client.unwrap_or_else(http_client));
        if let Some(region) = &self.region {
            loader = loader.region(SdkRegion::new(region.to_string()));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(provider) = self.default_credentials {
            loader = loader.credentials_provider(provider);
        }
        // Less than the call that waits for them has, so that it can say who did not answer; the SDK's own limit must not come before.
        let limit = self.operation_timeout * 9 / 10;
        loader = loader.identity_cache(IdentityCache::lazy().load_timeout(self.operation_timeout).build());
        let mut config = loader.load().await;
        if let Some(provider) = config.credentials_provider() {
            config = config.into_builder().credentials_provider(checked(provider, limit)).build();
        }
        let accounts = self.accounts.into_iter().map(|(account, provider)| (account, checked(provider, limit)));
        // The environment and the profile may set these too; the SDK would print what it cannot use.
        if let Some(region) = config.region() {
            Region::new(region.as_ref()).map_err(|error| {
                Error::new(ErrorKind::ConfigInvalid, format!("the configured AWS region: {error}"))
                    .remedy("correct AWS_REGION or the profile's `region`")
            })?;
        }
        if let Some(url) = config.endpoint_url() {
            check_url(url)?;
        }
        Ok(Aws(Arc::new(Inner { config, accounts: accounts.collect(), clients: Mutex::default() })))
    }
}

impl fmt::Debug for AwsBuilder {
    /// Without credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsBuilder")
            .field("region", &self.region)
            .field("profile", &self.profile)
            .field("endpoint_url", &self.endpoint_url.as_deref().map(without_user))
            .field("accounts", &self.accounts.keys())
            .finish_non_exhaustive()
    }
}

/// Refuses endpoints of the environment that are no URLs: the SDK says so at the first call, and at an empty one it panics.
fn check_endpoints(env: &Env) -> Result<()> {
    if env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_ok_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(());
    }
    for service in ["", "_IAM", "_EKS", "_STS"] {
        let name = format!("AWS_ENDPOINT_URL{service}");
        if let Ok(url) = env.get(&name) {
            check_url(&url).map_err(|error| {
                error.resource(&name).remedy(format!("unset {name}, or give it as https://host or http://host:port"))
            })?;
        }
    }
    Ok(())
}

fn check_url(url: &str) -> Result<()> {
    let legal = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if legal {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::ConfigInvalid,
        format!("endpoint URL {:?} is not an http or https URL", without_user(url)),
    )
    .remedy("give it as https://host or http://host:port"))
}

/// The URL without a user's name and password.
fn without_user(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => url.to_owned(),
    }
}

/// The SDK's own default (hyper, rustls with aws-lc, proxies from the environment), made once so that all clients share its connections.
fn http_client() -> SharedHttpClient {
    HttpBuilder::new().build_with_connector_fn(|settings, components| {
        let mut connector = ConnectorBuilder::default()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_of_the_environment_that_is_no_url_is_named() {
        let check = |variables: &[(&str, &str)]| check_endpoints(&Env::from_slice(variables)).err();
        for (name, url) in
            [("AWS_ENDPOINT_URL", ""), ("AWS_ENDPOINT_URL_EKS", "localhost"), ("AWS_ENDPOINT_URL_IAM", "https://x y")]
        {
            let error = check(&[(name, url)]).map(|error| (error.kind(), format!("{error:#}")));
            assert!(
                error.is_some_and(|(kind, text)| kind == ErrorKind::ConfigInvalid && text.contains(name)),
                "{name}"
            );
        }
        assert!(check(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:5000"), ("AWS_ENDPOINT_URL_S3", "")]).is_none());
        assert!(check(&[("AWS_ENDPOINT_URL", ""), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]).is_none());
    }
}
