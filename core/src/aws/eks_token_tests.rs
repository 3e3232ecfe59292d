//! The signature is computed a second time here, from the rules of AWS Signature Version 4, without the SDK.

use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::*;
use crate::model::{Arn, ClusterName};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn cluster(arn: &str) -> Cluster {
    Cluster {
        name: ClusterName::new("devops_aurora").expect("a name"),
        arn: Arn::new(arn).expect("an ARN"),
        status: "ACTIVE".to_owned(),
        issuer: None,
        endpoint: None,
        certificate_authority: None,
    }
}

fn seed() -> Cluster {
    cluster("arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora")
}

/// 2026-11-23T19:14:45Z.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_461_285)
}

fn credentials(session: Option<&str>, expiry: Option<SystemTime>) -> Credentials {
    Credentials::new("AKIDEXAMPLE", SECRET, session.map(str::to_owned), expiry, "test")
}

fn url(token: &BearerToken) -> String {
    let encoded = token.secret().strip_prefix("k8s-aws-v1.").expect("the prefix");
    String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).expect("base64 without padding")).expect("a URL")
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut block = [0u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The signature that the query (without it) must have.
fn signature(query: &[&str], host: &str) -> String {
    let mut query = query.to_vec();
    query.sort_unstable();
    let empty = hex(&Sha256::digest(b""));
    let canonical =
        format!("GET\n/\n{}\nhost:{host}\nx-k8s-aws-id:devops_aurora\n\nhost;x-k8s-aws-id\n{empty}", query.join("&"));
    let scope = "20261123/ca-central-1/sts/aws4_request";
    let text = format!("AWS4-HMAC-SHA256\n20261123T191445Z\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let key = scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| hmac(&key, part));
    hex(&hmac(&key, &text))
}

#[test]
fn the_signature_is_the_one_that_aws_computes() {
    for session in [None, Some("IQoJb3JpZ2luX2VjE+/==")] {
        let token = mint(&credentials(session, None), &seed(), now()).expect("a token");
        let url = url(&token);
        let query = url.strip_prefix("https://sts.ca-central-1.amazonaws.com/?").expect("the regional host");
        let (signed, rest): (Vec<&str>, Vec<&str>) =
            query.split('&').partition(|pair| pair.starts_with("X-Amz-Signature="));
        assert_eq!(signed, [format!("X-Amz-Signature={}", signature(&rest, "sts.ca-central-1.amazonaws.com"))]);
        let mut keys: Vec<&str> = rest.iter().filter_map(|pair| pair.split('=').next()).collect();
        keys.sort_unstable();
        let mut expected =
            vec!["Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"];
        expected.extend(session.map(|_| "X-Amz-Security-Token"));
        expected.push("X-Amz-SignedHeaders");
        assert_eq!(keys, expected);
        for pair in ["X-Amz-Expires=60", "X-Amz-Date=20261123T191445Z", "X-Amz-SignedHeaders=host%3Bx-k8s-aws-id"] {
            assert!(rest.contains(&pair), "{pair} in {url}");
        }
    }
}

#[test]
fn a_token_ends_after_fourteen_minutes_or_with_its_credentials() {
    let at = |expiry| mint(&credentials(None, expiry), &seed(), now()).expect("a token").expires_at();
    assert_eq!(at(None), 1_795_461_285 + 14 * 60);
    assert_eq!(at(Some(now() + Duration::from_hours(1))), 1_795_461_285 + 14 * 60);
    assert_eq!(at(Some(now() + Duration::from_mins(5))), 1_795_461_285 + 5 * 60);
}

#[test]
fn the_host_is_the_public_one_of_the_partition() {
    let cases = [
        ("arn:aws-cn:eks:cn-north-1:204393242335:cluster/c", "https://sts.cn-north-1.amazonaws.com.cn/?"),
        ("arn:aws-us-gov:eks:us-gov-west-1:204393242335:cluster/c", "https://sts.us-gov-west-1.amazonaws.com/?"),
    ];
    for (arn, host) in cases {
        let token = mint(&credentials(None, None), &cluster(arn), now()).expect("a token");
        assert!(url(&token).starts_with(host), "{host}");
    }
}

#[test]
fn a_token_that_eks_would_not_read_is_refused_and_nothing_secret_is_shown() {
    let long = "s".repeat(3000);
    let error = mint(&credentials(Some(&long), None), &seed(), now()).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert!(!format!("{error:?}").contains(&long));
    let token = mint(&credentials(None, None), &seed(), now()).expect("a token");
    assert!(!format!("{token:?}").contains("k8s-aws-v1"));
}

struct Never;

#[async_trait]
impl crate::aws::CredentialsSource for Never {
    async fn credentials(&self) -> Result<Credentials> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_source_of_credentials_that_does_not_answer_is_a_timeout_that_names_it() {
    let provider = crate::aws::provider(std::sync::Arc::new(Never));
    let region = crate::model::Region::new("ca-central-1").expect("a region");
    let aws = Aws::builder().region(region).credentials(provider).load().await.expect("the settings are legal");
    tokio::time::pause();
    let error = aws.token(&seed()).await.expect_err("no credentials");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.message().contains("`credentials`"), "{error}");
}
