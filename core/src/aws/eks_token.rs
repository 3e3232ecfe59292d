//! The bearer token of an EKS cluster, minted in-process: a presigned `GetCallerIdentity` request that the cluster's authenticator sends
//! to STS. Nothing is called here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Aws;
use super::errors::{no_credentials, unusable};
use crate::error::{Error, ErrorKind, Result};
use crate::kubernetes::{BearerToken, TokenSource};
use crate::model::Cluster;

/// How long the presigned request says that it is good; the authenticator only looks at its date, and takes it for 15 minutes.
const PRESIGNED_FOR: Duration = Duration::from_mins(1);

/// How long a token is used: a minute less than the authenticator accepts it.
const LIFETIME: Duration = Duration::from_mins(14);

/// The longest token that the authenticator reads.
const LONGEST: usize = 4096;

/// What stays as it is in a query value (RFC 3986 unreserved).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[async_trait]
impl TokenSource for Aws {
    /// Signs with the credentials of the cluster's account (see [`AwsBuilder::account`](super::AwsBuilder::account)).
    async fn token(&self, cluster: &Cluster) -> Result<BearerToken> {
        let Some(provider) = self.credentials(cluster.account().as_ref()) else {
            return Err(no_credentials("no source of AWS credentials is set up"));
        };
        let credentials = provider.provide_credentials().await.map_err(|error| unusable(&error))?;
        mint(&credentials, cluster, SystemTime::now())
    }
}

/// The token for a cluster, signed at a time.
pub(super) fn mint(credentials: &Credentials, cluster: &Cluster, now: SystemTime) -> Result<BearerToken> {
    let region = cluster.arn.region();
    let host = sts_host(cluster.arn.partition(), region)?;
    let mut url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");

    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(PRESIGNED_FOR);
    let identity = credentials.clone().into();
    let bad = |error: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Unexpected, format!("the token of cluster {} cannot be signed: {error}", cluster.name))
    };
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| bad(&error))?
        .into();
    let headers = [("x-k8s-aws-id", cluster.name.as_str())];
    let request = SignableRequest::new("GET", &url, headers.into_iter(), SignableBody::Bytes(b""))
        .map_err(|error| bad(&error))?;
    let (instructions, _) = sign(request, &params).map_err(|error| bad(&error))?.into_parts();
    for (name, value) in instructions.params() {
        url.push('&');
        url.push_str(name);
        url.push('=');
        url.extend(utf8_percent_encode(value, QUERY));
    }

    let token = format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url));
    if token.len() > LONGEST {
        return Err(Error::new(
            ErrorKind::Credentials,
            format!("the token of cluster {} is longer ({}) than EKS reads ({LONGEST})", cluster.name, token.len()),
        )
        .remedy("use credentials with a shorter session token (fewer session tags)"));
    }
    let expires = now + LIFETIME;
    let expires = credentials.expiry().map_or(expires, |expiry| expires.min(expiry));
    let expires = expires.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(BearerToken::new(token, i64::try_from(expires).unwrap_or(i64::MAX)))
}

/// The public regional STS host: the only one that the cluster's authenticator accepts, whatever `AWS_ENDPOINT_URL` says.
fn sts_host(partition: &str, region: &str) -> Result<String> {
    let suffix = match partition {
        "aws" | "aws-us-gov" => "amazonaws.com",
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        "aws-eusc" => "amazonaws.eu",
        other => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("the STS host of partition {other:?} is not known"),
            ));
        }
    };
    if region.is_empty() {
        return Err(Error::new(ErrorKind::Unexpected, "the cluster's ARN holds no region"));
    }
    Ok(format!("sts.{region}.{suffix}"))
}

#[cfg(test)]
#[path = "eks_token_tests.rs"]
mod tests;
