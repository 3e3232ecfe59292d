//! An AWS that hangs, answers nonsense, fails, throttles, cannot be reached, or does not know the caller.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use podrole::aws::{Credentials, SharedCredentialsProvider};
use podrole::grant::Scope;
use podrole::{Client, Error, ErrorKind, Grant, Leftovers, Retry};
use podrole_tests::{CLUSTER, Emulator, Front, ROLE};
use serde_json::{Value, json};

use super::{SESSION_TOKEN, keeps_secrets, leftovers_are_those_of_the_receipt};
use crate::account::account;
use crate::support::allow;

/// The AWS half of the worked example, with a policy of its own.
fn grant() -> Grant {
    Grant::new(CLUSTER, "devops-aurora-1/connections-serviceaccount-s3", ROLE)
        .scope(Scope::Iam)
        .policy("AmazonS3FullAccess")
        .policy_document("connections-data", allow("s3:Get"))
}

fn front() -> Front {
    let front = Front::empty(Emulator::Moto);
    front.cluster_with(CLUSTER, "https://127.0.0.1:1", "Y2E=");
    front
}

/// Applies with a fault, looks at the error, and applies again without: then everything is there, and goes again.
async fn disturbed(front: &Front, client: &Client, faults: &Value) -> Error {
    let before = account(front);
    front.faults(faults);
    let error = client.apply(&grant()).await.unwrap_err();
    front.faults(&json!([]));
    keeps_secrets(front, &error);
    leftovers_are_those_of_the_receipt(&error);
    assert!(error.get_resource().is_some() && error.get_operation().is_some(), "{error:?}");
    assert!(error.get_remedy().is_some(), "{error:?}");
    if account(front) != before {
        assert_ne!(*error.get_leftovers(), Leftovers::None, "{error:?}");
    }
    let calm = front.client().await;
    calm.apply(&grant()).await.unwrap();
    calm.verify(&grant()).await.unwrap().into_result().unwrap();
    calm.revoke(&grant()).remove_provider().await.unwrap();
    assert_eq!(account(front), before);
    error
}

#[tokio::test]
async fn a_call_that_hangs_ends_with_the_clients_timeout_and_its_effect_is_unknown() {
    let front = front();
    let client = front.builder().aws_timeout(Duration::from_millis(500)).aws_attempts(1).build().await.unwrap();
    for (action, unknown) in [("DescribeCluster", false), ("GetRole", false), ("CreateRole", true)] {
        let mut fault = json!([{"action": action, "hang_seconds": 1}]);
        if unknown {
            // Had the write its effect at the end of the hang, it would meet what the test looks at by then.
            fault[0]["status"] = json!(500);
        }
        let error = disturbed(&front, &client, &fault).await;
        assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Timeout, Retry::Safe), "{error:?}");
        assert_eq!(matches!(error.get_leftovers(), Leftovers::Unknown { .. }), unknown, "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_awss_is_unexpected() {
    let front = front();
    let client = front.builder().aws_attempts(1).build().await.unwrap();
    for action in ["DescribeCluster", "GetRole", "CreateRole", "AttachRolePolicy"] {
        for after in [false, true] {
            let error = disturbed(&front, &client, &json!([{"action": action, "garbage": true, "after": after}])).await;
            assert_eq!(error.kind(), ErrorKind::Unexpected, "{error:?}");
            assert!(error.get_operation().unwrap().ends_with(action), "{error:?}");
            assert!(error.get_remedy().unwrap().contains("AWS_ENDPOINT_URL"), "{error:?}");
            let write = ["CreateRole", "AttachRolePolicy"].contains(&action);
            assert_eq!(matches!(error.get_leftovers(), Leftovers::Unknown { .. }), write, "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_service_that_goes_on_failing_is_unavailable_and_one_that_recovers_is_not_noticed() {
    let front = front();
    let client = front.builder().aws_attempts(2).build().await.unwrap();
    let codes = [
        ("GetRole", json!({"status": 503, "code": "ServiceUnavailable"}), Some("ServiceUnavailable")),
        ("CreateRole", json!({"status": 500, "code": "ServiceFailure"}), Some("ServiceFailure")),
        ("DescribeCluster", json!({"status": 500, "code": "ServerException"}), Some("ServerException")),
        ("CreatePolicy", json!({"status": 502, "garbage": true}), None),
    ];
    for (action, mut fault, code) in codes {
        fault["action"] = json!(action);
        fault["times"] = json!(-1);
        let error = disturbed(&front, &client, &json!([fault])).await;
        assert_eq!((error.kind(), error.get_code()), (ErrorKind::Unavailable, code), "{error:?}");
        assert_eq!(error.get_retry(), Retry::Safe);
        let write = action.starts_with("Create");
        assert_eq!(matches!(error.get_leftovers(), Leftovers::Unknown { .. }), write, "{error:?}");

        fault["times"] = json!(1);
        front.faults(&json!([fault]));
        client.apply(&grant()).await.unwrap();
        assert!(front.faults_are_spent());
        client.revoke(&grant()).remove_provider().await.unwrap();
    }
}

#[tokio::test]
async fn a_service_that_goes_on_throttling_is_throttled_and_one_that_stops_is_not_noticed() {
    let front = front();
    // One throttled call must not make the others wait until they are given up.
    let client = async || front.builder().aws_attempts(2).aws_timeout(Duration::from_secs(5)).build().await.unwrap();
    let codes = [
        ("DescribeCluster", 429, "TooManyRequestsException"),
        ("GetRole", 400, "Throttling"),
        ("CreateRole", 400, "Throttling"),
    ];
    for (action, status, code) in codes {
        let mut fault = json!({"action": action, "status": status, "code": code, "message": "Rate exceeded"});
        fault["times"] = json!(-1);
        let error = disturbed(&front, &client().await, &json!([fault])).await;
        assert_eq!((error.kind(), error.get_code()), (ErrorKind::Throttled, Some(code)), "{error:?}");
        assert_eq!(error.get_retry(), Retry::Exhausted);
        assert!(!matches!(error.get_leftovers(), Leftovers::Unknown { .. }), "a refusal has no effect: {error:?}");

        fault["times"] = json!(1);
        front.faults(&json!([fault]));
        let client = client().await;
        client.apply(&grant()).await.unwrap();
        assert!(front.faults_are_spent());
        client.revoke(&grant()).remove_provider().await.unwrap();
    }
}

#[tokio::test]
async fn credentials_that_aws_does_not_take_are_named_and_not_shown() {
    let front = front();
    let keys = front.keys();
    let credentials = Credentials::new(keys.access_key, keys.secret_key, Some(SESSION_TOKEN.to_owned()), None, "tests");
    let credentials = SharedCredentialsProvider::new(credentials);
    let client = front.builder().credentials(credentials).aws_attempts(1).build().await.unwrap();
    let answers = [
        ("DescribeCluster", 400, "ExpiredTokenException", "The security token included in the request is expired"),
        ("GetRole", 403, "ExpiredToken", "The security token included in the request is expired"),
        ("GetRole", 403, "InvalidClientTokenId", "The security token included in the request is invalid"),
        // AWS repeats what was signed, the session token included.
        ("CreateRole", 403, "SignatureDoesNotMatch", SESSION_TOKEN),
    ];
    for (action, status, code, message) in answers {
        let fault = json!([{"action": action, "status": status, "code": code, "message": message}]);
        let error = disturbed(&front, &client, &fault).await;
        assert_eq!((error.kind(), error.get_code()), (ErrorKind::Credentials, Some(code)), "{error:?}");
    }
}

/// A client of an endpoint that is no front.
async fn client_of(endpoint: &str) -> Client {
    let credentials = Credentials::new("AKIAPODROLETESTS0001", "hush", None, None, "tests");
    Client::builder()
        .region(podrole::model::Region::new(podrole_tests::REGION).unwrap())
        .endpoint_url(endpoint)
        .credentials(SharedCredentialsProvider::new(credentials))
        .aws_attempts(1)
        .aws_timeout(Duration::from_secs(1))
        .build()
        .await
        .unwrap()
}

async fn plan_error(endpoint: &str) -> Error {
    let error = client_of(endpoint).await.plan(&grant()).await.unwrap_err();
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    assert!(error.get_remedy().unwrap().contains("AWS_ENDPOINT_URL"), "{error:?}");
    assert!(error.get_operation().is_some() && error.get_resource().is_some(), "{error:?}");
    assert_eq!(*error.get_leftovers(), Leftovers::None);
    error
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_on_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = plan_error(&endpoint).await;
    assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Unavailable, Retry::Safe), "{error:?}");
    assert!(error.message().contains("refused"), "{error:?}");
}

#[tokio::test]
async fn an_endpoint_that_says_nothing_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = plan_error(&format!("http://{}", listener.local_addr().unwrap())).await;
    assert_eq!((error.kind(), error.get_retry()), (ErrorKind::Timeout, Retry::Safe), "{error:?}");
}

/// An endpoint that reads a request's beginning, says this, and closes.
pub(super) fn saying(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer);
        }
    });
    endpoint
}

#[tokio::test]
async fn an_endpoint_that_speaks_something_else_is_unexpected_and_one_that_hangs_up_unavailable() {
    let mail = saying(b"220 mail.example ESMTP\r\n");
    let error = plan_error(&format!("http://{mail}")).await;
    assert_eq!(error.kind(), ErrorKind::Unexpected, "{error:?}");
    let page = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/html\r\n\r\n<html></html>");
    let error = plan_error(&format!("http://{page}")).await;
    assert_eq!(error.kind(), ErrorKind::Unexpected, "{error:?}");
    let short = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<htm");
    let error = plan_error(&format!("http://{short}")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    let nothing = saying(b"");
    let error = plan_error(&format!("http://{nothing}")).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    // Plain text where TLS is expected.
    let error = plan_error(&format!("https://{mail}")).await;
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Unexpected), "{error:?}");
}
