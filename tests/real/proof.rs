//! The proof: a token of the real API server becomes credentials that may do what the grant says, and nothing else does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use podrole::policy::S3Access;
use podrole_tests::{Emulator, Front, Keys, ROLE_ARN, call, call_as, control_plane};
use serde_json::{Value, json};

use crate::support::{SERVICE_ACCOUNT, Scene, text};

const AUDIENCE: &str = "sts.amazonaws.com";

impl Scene {
    fn assume(&self, token: &str) -> Result<Keys, String> {
        let request = json!({"RoleArn": ROLE_ARN, "RoleSessionName": "proof", "WebIdentityToken": token});
        let credentials =
            call(&self.front.url, "sts", "assume_role_with_web_identity", &request)?["Credentials"].clone();
        Ok(Keys {
            access_key: text(&credentials["AccessKeyId"]),
            secret_key: text(&credentials["SecretAccessKey"]),
            session_token: Some(text(&credentials["SessionToken"])),
        })
    }

    fn s3(&self, keys: &Keys, operation: &str, arguments: &Value) -> Result<Value, String> {
        call_as(&self.front.url, keys, "s3", operation, arguments)
    }
}

/// The token with another issuer in it. The emulator checks no signature: only the issuer can be what refuses it.
fn with_issuer(token: &str, issuer: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&parts[1]).unwrap()).unwrap();
    claims["iss"] = json!(issuer);
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}

#[tokio::test]
async fn the_service_accounts_token_reads_the_allowed_bucket_and_no_other_and_nobody_elses_does() {
    let plane = control_plane();
    let front = Front::new(Emulator::Ministack);
    let scene = Scene::at(front, plane.namespace("proof")).await;
    for bucket in ["connections-data", "somebody-elses"] {
        let location = json!({"LocationConstraint": "ca-central-1"});
        scene.front.boto("s3", "create_bucket", &json!({"Bucket": bucket, "CreateBucketConfiguration": location}));
        scene.front.boto("s3", "put_object", &json!({"Bucket": bucket, "Key": "hello", "Body": "allowed"}));
    }
    let grant = scene.bare_grant().s3("data", ["connections-data"], S3Access::Read);
    scene.applied(&grant).await;
    scene.verified(&grant).await;

    let token = plane.token(&scene.namespace, SERVICE_ACCOUNT, AUDIENCE);
    let keys = scene.assume(&token).unwrap();
    let read = |bucket: &str| scene.s3(&keys, "get_object", &json!({"Bucket": bucket, "Key": "hello"}));
    assert_eq!(read("connections-data").unwrap()["Body"], "allowed");
    assert_eq!(read("somebody-elses").unwrap_err(), "AccessDenied");
    let write = json!({"Bucket": "connections-data", "Key": "hello", "Body": "changed"});
    assert_eq!(scene.s3(&keys, "put_object", &write).unwrap_err(), "AccessDenied");
    scene.s3(&keys, "list_objects_v2", &json!({"Bucket": "connections-data"})).unwrap();

    // The same token but for one thing each.
    let denied = |token: &str| scene.assume(token).map(|_| ()).unwrap_err();
    plane.kubectl(&["create", "serviceaccount", "another", "-n", &scene.namespace]);
    assert_eq!(denied(&plane.token(&scene.namespace, "another", AUDIENCE)), "AccessDenied");
    let elsewhere = plane.namespace("proof-elsewhere");
    plane.kubectl(&["create", "serviceaccount", SERVICE_ACCOUNT, "-n", &elsewhere]);
    assert_eq!(denied(&plane.token(&elsewhere, SERVICE_ACCOUNT, AUDIENCE)), "AccessDenied");
    assert_eq!(denied(&plane.token(&scene.namespace, SERVICE_ACCOUNT, "somebody-else")), "InvalidIdentityToken");
    let other = "https://oidc.eks.ca-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF";
    assert_eq!(denied(&with_issuer(&token, other)), "InvalidIdentityToken");
    let provider = json!({"Url": other, "ClientIDList": [AUDIENCE]});
    scene.front.boto("iam", "create_open_id_connect_provider", &provider);
    assert_eq!(denied(&with_issuer(&token, other)), "AccessDenied", "IAM knows the issuer, the role does not trust it");
    scene.assume(&token).unwrap();

    scene.revoked(&grant, None).await;
    assert!(scene.assume(&token).is_err());
}

#[tokio::test]
async fn data_syncs_let_the_role_assume_the_other_one() {
    let plane = control_plane();
    let scene = Scene::at(Front::new(Emulator::Ministack), plane.namespace("proof-sync")).await;
    scene.create_role("data-sync", &crate::support::theirs());
    let other = "arn:aws:iam::204393242335:role/data-sync";
    let allow = crate::support::document(json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": other},
    ]}));
    let request = json!({"RoleArn": other, "RoleSessionName": "sync"});
    let grant = scene.bare_grant().inline_policy("sync", allow);
    scene.applied(&grant).await;
    let token = plane.token(&scene.namespace, SERVICE_ACCOUNT, AUDIENCE);
    let keys = scene.assume(&token).unwrap();
    assert_eq!(call_as(&scene.front.url, &keys, "sts", "assume_role", &request).unwrap_err(), "AccessDenied");
    let grant = grant.data_sync("data-sync");
    scene.applied(&grant).await;
    call_as(&scene.front.url, &keys, "sts", "assume_role", &request).unwrap();
}
