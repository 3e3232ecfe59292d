//! Every single AWS call of a grant's life is denied once, and the answer to every single write is lost once, over the wire.

use std::collections::BTreeSet;

use podrole::aws::{Credentials, SharedCredentialsProvider};
use podrole::grant::Scope;
use podrole::plan::Verb;
use podrole::{Client, Error, ErrorKind, Grant, Leftovers, Receipt, Retry};
use podrole_tests::{CLUSTER, Emulator, Front, ROLE};
use serde_json::{Value, json};

use super::{SESSION_TOKEN, keeps_secrets, leftovers_are_those_of_the_receipt};
use crate::account::account;
use crate::support::{allow, theirs};

/// One change of the account.
enum Turn {
    Apply(Grant),
    Revoke(Grant),
}

/// A life in which every write to AWS that podrole knows is made.
fn life() -> Vec<Turn> {
    let grant = |service_account: &str| {
        Grant::new(CLUSTER, format!("devops-aurora-1/{service_account}"), ROLE)
            .scope(Scope::Iam)
            .policy_document("connections-data", allow("s3:Get"))
    };
    let one = || grant("one").description("one").data_sync("data-sync");
    let first = one().policy("AmazonS3FullAccess").inline_policy("queue", allow("sqs:Receive"));
    let mut second = one().description("changed").tag("team", "connections");
    second.policies[0].document = Some(allow("s3:Put"));
    second.role.permissions_boundary = Some("arn:aws:iam::aws:policy/PowerUserAccess".to_owned());
    let mut third = second.clone();
    third.role.permissions_boundary = None;
    third.role.tags.clear();
    let mut other = grant("other");
    other.policies[0].document = Some(allow("s3:Put"));
    other.role.description = Some("changed".to_owned());
    vec![
        Turn::Apply(first),
        Turn::Apply(second),
        Turn::Apply(third.clone()),
        Turn::Apply(other.clone()),
        Turn::Revoke(other),
        Turn::Revoke(third),
    ]
}

/// The account in which the life begins.
fn born() -> Front {
    let front = Front::empty(Emulator::Moto);
    front.cluster_with(CLUSTER, "https://127.0.0.1:1", "Y2E=");
    let role = json!({"RoleName": "data-sync", "AssumeRolePolicyDocument": theirs().to_json()});
    front.boto("iam", "create_role", &role);
    // An audience of somebody else, so that ours is added.
    let provider = json!({"Url": podrole_tests::ISSUER, "ClientIDList": ["somebody-else"]});
    front.boto("iam", "create_open_id_connect_provider", &provider);
    front
}

async fn client(front: &Front, attempts: u32) -> Client {
    let keys = front.keys();
    let credentials = Credentials::new(keys.access_key, keys.secret_key, Some(SESSION_TOKEN.to_owned()), None, "tests");
    let credentials = SharedCredentialsProvider::new(credentials);
    front.builder().credentials(credentials).aws_attempts(attempts).build().await.unwrap()
}

async fn take(client: &Client, turn: &Turn) -> Result<Receipt, Error> {
    match turn {
        Turn::Apply(grant) => client.apply(grant).await,
        Turn::Revoke(grant) => client.revoke(grant).remove_provider().await,
    }
}

/// A call: its action, and how many of the same came before it in the turn.
type Call = (String, usize);

/// The account in which an undisturbed life begins; then the calls of each turn, and the account after it.
async fn undisturbed() -> (Value, Vec<(Vec<Call>, Value)>) {
    let front = born();
    let client = client(&front, 1).await;
    let before = account(&front);
    let mut turns = Vec::new();
    for turn in life() {
        front.clear_log();
        take(&client, &turn).await.unwrap();
        let mut calls: Vec<Call> = Vec::new();
        for name in front.log() {
            let action = name.split_once(':').unwrap().1.to_owned();
            let earlier = calls.iter().filter(|(other, _)| *other == action).count();
            calls.push((action, earlier));
        }
        turns.push((calls, account(&front)));
    }
    let mut after = turns.last().unwrap().1.clone();
    // The provider was somebody else's: only the audience stays, said so by the plan.
    for (arn, provider) in after["providers"].as_object_mut().unwrap() {
        provider["clients"] = before["providers"][arn]["clients"].clone();
    }
    assert_eq!(after, before, "revoked");
    (before, turns)
}

fn is_read(action: &str) -> bool {
    ["Get", "List", "Describe"].iter().any(|verb| action.starts_with(verb))
}

/// Which calls are disturbed.
#[derive(Clone, Copy, PartialEq)]
enum Which {
    Writes,
    /// And each read at its first time in the life: once more is the same.
    All,
}

/// Lives as often as it takes to disturb each call once, one in each turn; `check` judges what became of the disturbed turn.
async fn disturb_each(attempts: u32, fault: &Value, which: Which, check: impl Fn(&Front, &Call, Outcome)) -> usize {
    let (beginning, turns) = undisturbed().await;
    let mut seen = BTreeSet::new();
    let mut wanted = |call: &Call| !is_read(&call.0) || (which == Which::All && seen.insert(call.clone()));
    let calls: Vec<Vec<&Call>> =
        turns.iter().map(|(calls, _)| calls.iter().filter(|call| wanted(call)).collect()).collect();
    let lives = calls.iter().map(Vec::len).max().unwrap();
    let mut disturbed = 0;
    for number in 0..lives {
        let front = born();
        let client = client(&front, attempts).await;
        let mut before = beginning.clone();
        for ((turn, calls), (_, wanted)) in life().iter().zip(&calls).zip(&turns) {
            if let Some(call) = calls.get(number) {
                disturbed += 1;
                let mut fault = fault.clone();
                fault["action"] = json!(call.0);
                fault["skip"] = json!(call.1);
                front.faults(&json!([fault]));
                let result = take(&client, turn).await;
                assert!(front.faults_are_spent(), "{call:?} was not disturbed: {result:?}");
                if let Err(error) = &result {
                    keeps_secrets(&front, error);
                    leftovers_are_those_of_the_receipt(error);
                    assert!(error.get_resource().is_some(), "{call:?}: {error:?}");
                }
                let changed = account(&front) != before;
                check(&front, call, Outcome { result, changed });
            }
            take(&client, turn).await.unwrap_or_else(|error| panic!("{:?}: {error:?}", calls.get(number)));
            if let Some(call) = calls.get(number) {
                assert_eq!(account(&front), *wanted, "{call:?}");
            }
            before.clone_from(wanted);
        }
    }
    disturbed
}

/// What became of a turn that was disturbed.
struct Outcome {
    result: Result<Receipt, Error>,
    /// Whether the account changed.
    changed: bool,
}

#[tokio::test]
async fn each_single_call_denied_once_is_named_and_the_next_run_completes() {
    let denied = BTreeSet::new();
    let denied = std::sync::Mutex::new(denied);
    let message = "User: arn:aws:iam::204393242335:user/tests is not authorized to perform this";
    let fault = json!({"status": 403, "code": "AccessDenied", "message": message});
    let count = disturb_each(1, &fault, Which::All, |_, (action, _), outcome| {
        denied.lock().unwrap().insert(action.clone());
        // Only needed for a warning.
        if action == "GetAccountSummary" {
            let receipt = outcome.result.unwrap();
            let notices = format!("{:?}", receipt.plan.notices);
            assert_eq!(notices.contains("iam:GetAccountSummary"), receipt.verb() == Verb::Apply, "{notices}");
            return;
        }
        let error = outcome.result.unwrap_err();
        let service = if action == "DescribeCluster" { "eks" } else { "iam" };
        let permission = format!("{service}:{action}");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
        assert_eq!(error.get_action(), Some(permission.as_str()), "{error:?}");
        assert_eq!(error.get_operation(), Some(permission.as_str()), "{error:?}");
        assert!(error.get_remedy().unwrap().contains(&permission), "{error:?}");
        assert_eq!(error.get_retry(), Retry::Never);
        assert_eq!(*error.get_leftovers() == Leftovers::None, !outcome.changed, "{error:?}");
    })
    .await;
    let denied = denied.into_inner().unwrap();
    println!("{count} calls denied, of {} actions: {denied:?}", denied.len());
    let wanted = [
        "AddClientIDToOpenIDConnectProvider",
        "AttachRolePolicy",
        "CreatePolicy",
        "CreatePolicyVersion",
        "CreateRole",
        "DeletePolicy",
        "DeletePolicyVersion",
        "DeleteRole",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DescribeCluster",
        "DetachRolePolicy",
        "GetAccountSummary",
        "GetOpenIDConnectProvider",
        "GetPolicy",
        "GetPolicyVersion",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListPolicyVersions",
        "ListRolePolicies",
        "ListRoles",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "TagPolicy",
        "TagRole",
        "UntagPolicy",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
    ];
    assert_eq!(denied.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn each_write_whose_answer_is_lost_is_unknown_and_the_next_run_completes() {
    let count = disturb_each(1, &json!({"after": true}), Which::Writes, |_, _, outcome| {
        let error = outcome.result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(error.get_remedy().is_some(), "{error:?}");
        assert!(matches!(error.get_leftovers(), Leftovers::Unknown { .. }), "{error:?}");
    })
    .await;
    println!("{count} answers to writes lost");
}

#[tokio::test]
async fn each_write_whose_answer_is_lost_is_tried_again_and_completes_at_once() {
    let count = disturb_each(3, &json!({"after": true}), Which::Writes, |front, _, outcome| {
        let receipt = outcome.result.unwrap();
        assert!(receipt.is_complete(), "{receipt}");
        assert!(front.faults_are_spent());
    })
    .await;
    println!("{count} answers to writes lost");
}
