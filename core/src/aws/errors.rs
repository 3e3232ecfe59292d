//! What an AWS failure means: the service's code, never its text, decides the kind.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::ErrorKind::TransientError;

use crate::error::{Error, ErrorKind, Result, Retry, cause};

/// Codes that say "there is no such thing", and nothing else.
const ABSENT: &[&str] = &["NoSuchEntity", "NoSuchEntityException", "ResourceNotFoundException"];

const NETWORK: &str =
    "check the network, the name of the region (AWS_REGION) and the endpoint (AWS_ENDPOINT_URL, proxies)";

const LATER: &str = "try again later: what is done stays done";

const LOG_IN: &str = "log in (`aws sso login`, `aws login`), or set AWS_PROFILE, AWS_ACCESS_KEY_ID or another source of the AWS credentials chain";

/// The answer, or `None` where the service says that the thing does not exist.
pub(super) fn found<T, E>(
    operation: &'static str,
    resource: &str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Option<T>>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match answer {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.as_service_error().and_then(E::code).is_some_and(|code| ABSENT.contains(&code)) => Ok(None),
        Err(error) => Err(map(operation, resource, &error)),
    }
}

/// Nothing to sign with.
pub(super) fn no_credentials(why: &str) -> Error {
    Error::new(ErrorKind::Credentials, format!("no usable AWS credentials: {why}")).remedy(LOG_IN)
}

/// A source of credentials that gave none: one of ours says itself what to do.
pub(super) fn unusable(error: &CredentialsError) -> Error {
    let own = cause::<Error>(error);
    let remedy = own.and_then(Error::get_remedy).unwrap_or(LOG_IN);
    match own.filter(|own| own.kind() == ErrorKind::Timeout) {
        Some(late) => Error::new(ErrorKind::Timeout, late.message()).retry(Retry::Safe).remedy(remedy),
        None => no_credentials(&chain(error)).remedy(remedy),
    }
}

/// An answer that does not have the shape it must have.
pub(super) fn unexpected(operation: &str, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unexpected, message)
        .operation(operation)
        .remedy("check that the endpoint is AWS's (AWS_ENDPOINT_URL, proxies)")
}

/// A failed call as podrole's error. No credential, token or signed header gets into it.
pub(super) fn map<E>(operation: &'static str, resource: impl Into<String>, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let mapped = match error {
        SdkError::ServiceError(context) => {
            let service = context.err();
            match service.code() {
                Some(code) => coded(operation, code, service.message().unwrap_or_default()),
                None => uncoded(operation, context.raw().status().as_u16()),
            }
        }
        SdkError::ResponseError(_) if cause::<std::io::Error>(error).is_some() => torn(error),
        SdkError::ResponseError(context) => uncoded(operation, context.raw().status().as_u16()),
        other => unsent(operation, other),
    };
    mapped.operation(operation).resource(resource)
}

/// A refusal with AWS's code.
fn coded(operation: &str, code: &str, message: &str) -> Error {
    let kind = kind_of(code);
    let error = Error::new(kind, shown(code, message)).code(code);
    match (kind, code) {
        (ErrorKind::PermissionDenied, _) => {
            let action = denied_action(message).unwrap_or(operation).to_owned();
            let remedy = format!("allow {action} to the caller");
            let remedy = if message.contains("explicit deny") {
                format!("{remedy}: an explicit deny (policy, boundary, SCP or session policy) forbids it")
            } else {
                remedy
            };
            error.action(action).remedy(remedy)
        }
        (ErrorKind::Credentials, "RequestTimeTooSkewed" | "RequestExpired" | "SignatureDoesNotMatch") => {
            error.remedy("check the secret key and this machine's clock")
        }
        (ErrorKind::Credentials, _) => error.remedy(LOG_IN),
        (ErrorKind::LimitExceeded, _) => {
            error.remedy("use fewer or smaller things, or ask AWS to raise the quota (Service Quotas)")
        }
        (ErrorKind::Throttled, _) => error.remedy("try again later, or do less at once"),
        (ErrorKind::Conflict, "UnmodifiableEntity" | "UnmodifiableEntityException") => {
            error.remedy("AWS manages this role for one of its services: use another role")
        }
        (ErrorKind::Conflict, "ConcurrentModification" | "ConcurrentModificationException") => {
            error.retry(Retry::Safe).remedy("somebody else is changing the same thing: try again")
        }
        // Right after a principal was created, IAM may not know it yet.
        (ErrorKind::InvalidInput, _) if message.contains("Invalid principal in policy") => error.retry(Retry::Safe),
        (ErrorKind::Unavailable, "OpenIdIdpCommunicationError" | "OpenIdIdpCommunicationErrorException") => {
            error.remedy("IAM could not reach the issuer: check its URL, then try again")
        }
        (ErrorKind::Unavailable | ErrorKind::Timeout, _) => error.remedy(LATER),
        (ErrorKind::ConfigInvalid, "RegionDisabledException") => {
            error.remedy("activate STS in this region (IAM, account settings), or use another region")
        }
        _ => error,
    }
}

fn kind_of(code: &str) -> ErrorKind {
    match code.strip_suffix("Exception").unwrap_or(code) {
        "NoSuchEntity" | "ResourceNotFound" => ErrorKind::NotFound,
        "EntityAlreadyExists" | "ResourceInUse" => ErrorKind::AlreadyExists,
        "LimitExceeded" | "ResourceLimitExceeded" => ErrorKind::LimitExceeded,
        "MalformedPolicyDocument"
        | "InvalidInput"
        | "ValidationError"
        | "Validation"
        | "PolicyNotAttachable"
        | "InvalidParameter"
        | "InvalidParameterValue"
        | "InvalidParameterCombination"
        | "MissingParameter"
        | "InvalidRequest"
        | "Client" => ErrorKind::InvalidInput,
        "DeleteConflict" | "ConcurrentModification" | "UnmodifiableEntity" => ErrorKind::Conflict,
        "AccessDenied" | "UnauthorizedOperation" | "AuthorizationError" | "NotAuthorized" | "Forbidden" => {
            ErrorKind::PermissionDenied
        }
        "Throttling"
        | "Throttled"
        | "RequestThrottled"
        | "RequestLimitExceeded"
        | "TooManyRequests"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "BandwidthLimitExceeded" => ErrorKind::Throttled,
        "ExpiredToken"
        | "InvalidClientTokenId"
        | "UnrecognizedClient"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "AuthFailure"
        | "InvalidSignature" => ErrorKind::Credentials,
        "ServiceFailure"
        | "InternalFailure"
        | "InternalError"
        | "InternalServer"
        | "InternalServerError"
        | "Server"
        | "ServiceUnavailable"
        | "OpenIdIdpCommunicationError" => ErrorKind::Unavailable,
        "RequestTimeout" => ErrorKind::Timeout,
        "RegionDisabled" | "OptInRequired" => ErrorKind::ConfigInvalid,
        _ => ErrorKind::Unexpected,
    }
}

/// AWS's own words, except where they repeat what was signed: that holds the session token.
fn shown(code: &str, message: &str) -> String {
    match code {
        "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidSignatureException" => "AWS does not accept the request's signature".to_owned(),
        _ if message.trim().is_empty() => format!("AWS refused the call with {code}"),
        _ => message.trim().trim_end_matches('.').to_owned(),
    }
}

/// The action in `… is not authorized to perform: iam:TagRole on resource: …`: not always the one that was called.
fn denied_action(message: &str) -> Option<&str> {
    let rest = message.split_once("to perform:")?.1.trim_start();
    let action = rest.split(|c: char| c.is_whitespace() || c == ',').next()?;
    let legal = action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
    legal.then(|| action.trim_end_matches('.'))
}

/// An answer without a code: a proxy's page, a load balancer, not AWS.
fn uncoded(operation: &str, status: u16) -> Error {
    match status {
        500..=599 => {
            Error::new(ErrorKind::Unavailable, format!("the service answered HTTP {status} without saying why"))
                .remedy(LATER)
        }
        _ => unexpected(operation, format!("the answer (HTTP {status}) is not one that AWS gives")),
    }
}

/// A connection that was closed before the whole answer came.
fn torn(error: &(dyn StdError + 'static)) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the answer did not come: {}", chain(error))).remedy(NETWORK)
}

/// A call that got no answer.
fn unsent<E, R>(operation: &str, error: &SdkError<E, R>) -> Error
where
    E: StdError + 'static,
    R: std::fmt::Debug + 'static,
{
    if let Some(credentials) = cause::<CredentialsError>(error) {
        return unusable(credentials);
    }
    match error {
        SdkError::TimeoutError(_) => Error::new(ErrorKind::Timeout, "no answer in time").remedy(NETWORK),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            Error::new(ErrorKind::Timeout, "no answer in time").remedy(NETWORK)
        }
        SdkError::DispatchFailure(failure) if failure.is_io() => {
            Error::new(ErrorKind::Unavailable, format!("the service cannot be reached: {}", chain(error)))
                .remedy(NETWORK)
        }
        SdkError::DispatchFailure(failure) if failure.as_other() == Some(TransientError) => torn(error),
        SdkError::ConstructionFailure(_) => {
            Error::new(ErrorKind::ConfigInvalid, format!("the call cannot be made: {}", chain(error)))
        }
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            Error::new(ErrorKind::ConfigInvalid, format!("the call cannot be made: {}", chain(error)))
        }
        _ => unexpected(operation, chain(error)),
    }
}

/// The texts of an error and its causes, without the requests and responses that some of them print: these hold what was signed.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        // Some list what was tried, a line each.
        let text = error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let dump = ["Request {", "Response {", "HeaderMap"].iter().filter_map(|name| text.find(name)).min();
        let text = text[..dump.unwrap_or(text.len())].trim_end_matches([' ', ':', '(']).to_owned();
        if !text.is_empty() && texts.last() != Some(&text) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}
