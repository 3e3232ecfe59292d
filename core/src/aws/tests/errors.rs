//! Which failure becomes which kind.

use std::time::Duration;

use super::{Answer, Wire, refusal};
use crate::error::{Error, ErrorKind, Retry};
use crate::model::{AccountId, Region, RoleName};
use crate::ports::AwsTarget;

async fn failure(answer: Answer) -> Error {
    let wire = Wire::new([answer]);
    let role = RoleName::new("r").expect("a name");
    let error = wire.iam_write().await.delete_role(&role).await.expect_err("a failure");
    assert_eq!(wire.lines().len(), 1);
    assert_eq!((error.get_operation(), error.get_resource()), (Some("iam:DeleteRole"), Some("role r")));
    error
}

#[tokio::test]
async fn the_code_decides_the_kind_whatever_the_status() {
    use ErrorKind::{
        AlreadyExists, Conflict, Credentials, InvalidInput, LimitExceeded, NotFound, PermissionDenied, Throttled,
        Unavailable, Unexpected,
    };
    let cases = [
        (404, "NoSuchEntity", NotFound, Retry::Never),
        (409, "EntityAlreadyExists", AlreadyExists, Retry::Never),
        (409, "LimitExceeded", LimitExceeded, Retry::Never),
        (400, "MalformedPolicyDocument", InvalidInput, Retry::Never),
        (400, "ValidationError", InvalidInput, Retry::Never),
        (400, "PolicyNotAttachable", InvalidInput, Retry::Never),
        (409, "DeleteConflict", Conflict, Retry::Never),
        (409, "ConcurrentModification", Conflict, Retry::Safe),
        (400, "UnmodifiableEntity", Conflict, Retry::Never),
        (403, "AccessDenied", PermissionDenied, Retry::Never),
        (400, "AccessDeniedException", PermissionDenied, Retry::Never),
        (400, "Throttling", Throttled, Retry::Exhausted),
        (429, "TooManyRequestsException", Throttled, Retry::Exhausted),
        (403, "ExpiredToken", Credentials, Retry::Never),
        (403, "InvalidClientTokenId", Credentials, Retry::Never),
        (500, "ServiceFailure", Unavailable, Retry::Safe),
        (503, "ServiceUnavailable", Unavailable, Retry::Safe),
        (400, "OpenIdIdpCommunicationError", Unavailable, Retry::Safe),
        (400, "SomethingNew", Unexpected, Retry::Never),
    ];
    for (status, code, kind, retry) in cases {
        let error = failure(refusal(status, code, "Said so.")).await;
        assert_eq!((error.kind(), error.get_retry(), error.get_code()), (kind, retry, Some(code)), "{code}");
        assert_eq!(error.message(), "Said so");
    }
}

#[tokio::test]
async fn only_an_unknown_principal_makes_a_bad_document_worth_another_try() {
    let error = failure(refusal(400, "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"x\"")).await;
    assert_eq!((error.kind(), error.get_retry()), (ErrorKind::InvalidInput, Retry::Safe));
}

#[tokio::test]
async fn a_denial_names_the_action_that_is_missing_even_if_it_is_not_the_one_called() {
    let message = "User: u is not authorized to perform: iam:PassRole on resource: r with an explicit deny in a service control policy";
    let error = failure(refusal(403, "AccessDenied", message)).await;
    assert_eq!(error.get_action(), Some("iam:PassRole"));
    assert!(error.get_remedy().is_some_and(|remedy| remedy.contains("explicit deny")), "{error:#}");
    let error = failure(refusal(403, "AccessDenied", "no")).await;
    assert_eq!(error.get_action(), Some("iam:DeleteRole"));
}

#[tokio::test]
async fn what_was_signed_is_not_repeated() {
    let message = "The Canonical String for this request should have been x-amz-security-token:SECRET";
    let error = failure(refusal(403, "SignatureDoesNotMatch", message)).await;
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert!(!format!("{error:?}").contains("SECRET"));
}

#[tokio::test]
async fn garbage_is_unexpected_and_a_failing_gateway_unavailable() {
    let html = "<!DOCTYPE html><html><body><h1>404 Not Found</h1></body></html>";
    assert_eq!(failure(Answer::Http(404, html.to_owned())).await.kind(), ErrorKind::Unexpected);
    assert_eq!(failure(Answer::Http(403, html.to_owned())).await.kind(), ErrorKind::Unexpected);
    assert_eq!(failure(Answer::Http(502, html.to_owned())).await.kind(), ErrorKind::Unavailable);

    // Nothing of this answer is read, and yet it is none.
    assert_eq!(failure(Answer::Http(200, html.to_owned())).await.kind(), ErrorKind::Unexpected);
    let wire = Wire::new([Answer::Http(200, html.to_owned())]);
    let error = wire.iam().await.role(&RoleName::new("r").expect("a name")).await.expect_err("garbage");
    assert_eq!(error.kind(), ErrorKind::Unexpected);
}

#[tokio::test]
async fn a_connection_refused_or_closed_is_unavailable_and_silence_a_timeout() {
    let error = failure(Answer::Refused).await;
    assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Unavailable, Retry::Safe));
    assert!(error.message().contains("connection refused"), "{error}");
    let error = failure(Answer::Closed).await;
    assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Unavailable, Retry::Safe));

    let wire = Wire::new([Answer::Silent]);
    let aws = wire.builder().operation_timeout(Duration::from_millis(20)).load().await.expect("legal");
    let iam = aws.iam_read(&AwsTarget::default()).expect("there is a region");
    let error = iam.role(&RoleName::new("r").expect("a name")).await.expect_err("silence");
    assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Timeout, Retry::Safe));
}

#[tokio::test]
async fn each_account_uses_its_own_credentials_and_clients_are_kept() {
    use super::super::{Credentials, SharedCredentialsProvider};
    use aws_credential_types::provider::error::CredentialsError;

    #[derive(Debug)]
    struct Nobody;
    impl aws_credential_types::provider::ProvideCredentials for Nobody {
        fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let none: Result<Credentials, _> = Err(CredentialsError::not_loaded("nobody is logged in"));
            aws_credential_types::provider::future::ProvideCredentials::ready(none)
        }
    }

    let wire = Wire::new([]);
    let account = AccountId::new("111122223333").expect("an account");
    let builder = wire.builder().account(account.clone(), SharedCredentialsProvider::new(Nobody));
    assert!(!format!("{builder:?}").contains("hush"));
    let aws = builder.load().await.expect("legal");
    let target = AwsTarget { account: Some(account), region: Some(Region::new("us-east-1").expect("a region")) };
    let error = aws.sts(&target).expect("there is a region").caller().await.expect_err("no credentials");
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert!(error.message().contains("nobody is logged in"), "{error}");
    assert!(error.get_remedy().is_some());
    assert_eq!(aws.0.clients.lock().expect("not poisoned").len(), 1);
    aws.eks(&target).expect("there is a region");
    assert_eq!(aws.0.clients.lock().expect("not poisoned").len(), 1);
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_anything_is_read() {
    for url in ["localhost:4566", "ftp://x", "http://", "not a url"] {
        let error = Wire::new([]).builder().endpoint_url(url).load().await.expect_err(url);
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{url}");
    }
    let error = Wire::new([]).builder().profile("nobody-has-this").load().await.expect_err("no such profile");
    assert!(error.message().contains("nobody-has-this"), "{error}");
    let error = Wire::new([]).builder().max_attempts(0).load().await.expect_err("no attempts");
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
}

#[test]
fn what_an_error_prints_of_the_request_is_left_out() {
    #[derive(Debug)]
    struct Outer(std::io::Error);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("it cannot be sent: Request { headers: {\"authorization\": \"hush\"} }")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let text = super::super::errors::chain(&Outer(std::io::Error::other("no such host")));
    assert_eq!(text, "it cannot be sent: no such host");
}
