//! Worlds, scenarios and comparisons that the tests on the simulated world share.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod scenario;
mod scenarios;
mod watched;

use std::collections::BTreeMap;

use podrole::memory::{Account, AccountRole, Memory, World, WorldNamespace, WorldServiceAccount, WorldWorkload};
use podrole::model::{AccountId, Arn, Namespace, RoleName, WorkloadKind, WorkloadName};
use podrole::policy::Document;
use podrole::{Grant, Receipt};

pub use scenario::Scenario;
#[allow(unused_imports, reason = "each test uses a part of it")]
pub use scenarios::scenarios;
#[allow(unused_imports, reason = "each test uses a part of it")]
pub use watched::Watched;

pub const ACCOUNT: &str = "204393242335";
pub const CLUSTER: &str = "arn:aws:eks:ca-central-1:204393242335:cluster/devops_aurora";
pub const ISSUER: &str = "https://oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";
pub const HOST: &str = "oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";
pub const NAMESPACE: &str = "devops-aurora-1";
pub const SERVICE_ACCOUNT: &str = "connections-serviceaccount-s3";
pub const ROLE: &str = "connections-role-test";
pub const ROLE_ARN: &str = "arn:aws:iam::204393242335:role/connections-role-test";
pub const S3_FULL: &str = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
pub const S3_READ: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";

/// The worked example.
pub fn seed_grant() -> Grant {
    bare_grant().description("testing sa role for pod").policy("AmazonS3FullAccess").deployment("connections-app")
}

/// The worked example without policies and workloads.
pub fn bare_grant() -> Grant {
    Grant::new("devops_aurora", format!("{NAMESPACE}/{SERVICE_ACCOUNT}"), ROLE)
}

pub fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

pub fn allow(action: &str) -> Document {
    document(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
    ))
}

/// A trust policy of somebody else.
pub fn foreign_trust() -> Document {
    document(
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"Theirs","Effect":"Allow",
        "Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#,
    )
}

pub fn account(world: &World) -> &Account {
    &world.accounts[&AccountId::new(ACCOUNT).unwrap()]
}

pub fn account_mut(world: &mut World) -> &mut Account {
    world.accounts.get_mut(&AccountId::new(ACCOUNT).unwrap()).unwrap()
}

pub fn namespace(world: &World) -> &WorldNamespace {
    &world.clusters[&Arn::new(CLUSTER).unwrap()].namespaces[&Namespace::new(NAMESPACE).unwrap()]
}

pub fn namespace_mut(world: &mut World) -> &mut WorldNamespace {
    let cluster = world.clusters.get_mut(&Arn::new(CLUSTER).unwrap()).unwrap();
    cluster.namespaces.get_mut(&Namespace::new(NAMESPACE).unwrap()).unwrap()
}

pub fn role<'w>(world: &'w World, name: &str) -> Option<&'w AccountRole> {
    account(world).roles.get(&RoleName::new(name).unwrap())
}

pub fn role_mut<'w>(world: &'w mut World, name: &str) -> &'w mut AccountRole {
    account_mut(world).roles.get_mut(&RoleName::new(name).unwrap()).unwrap()
}

pub fn put_role(world: &mut World, name: &str, role: AccountRole) {
    account_mut(world).roles.insert(RoleName::new(name).unwrap(), role);
}

pub fn service_account<'w>(world: &'w World, name: &str) -> Option<&'w WorldServiceAccount> {
    namespace(world).service_accounts.get(&name.parse().unwrap())
}

pub fn put_service_account(world: &mut World, name: &str, account: WorldServiceAccount) {
    namespace_mut(world).service_accounts.insert(name.parse().unwrap(), account);
}

pub fn put_workload(world: &mut World, kind: WorkloadKind, name: &str, workload: WorldWorkload) {
    namespace_mut(world).workloads_mut(kind).insert(WorkloadName::new(name).unwrap(), workload);
}

pub fn deployment<'w>(world: &'w World, name: &str) -> &'w WorldWorkload {
    &namespace(world).deployments[&WorkloadName::new(name).unwrap()]
}

/// Whether a service account of the namespace gets credentials of the role.
pub fn gets_in(memory: &Memory, cluster: &str, name: &str) -> bool {
    let answer = memory.assume_role_with_web_identity(
        &Arn::new(cluster).unwrap(),
        &Namespace::new(NAMESPACE).unwrap(),
        &name.parse().unwrap(),
        "sts.amazonaws.com",
        &Arn::new(ROLE_ARN).unwrap(),
    );
    answer.is_ok()
}

/// The seed's world among things of other people, which nobody may touch.
pub fn crowded() -> World {
    let mut world = World::seed();
    let tagged = |role: AccountRole| role.tag("team", "others").attached(S3_READ).inline("theirs", allow("sqs:*"));
    put_role(&mut world, "their-role", tagged(AccountRole::new(foreign_trust())));
    put_role(&mut world, "their-data-role", tagged(AccountRole::new(foreign_trust())));
    account_mut(&mut world).policies.extend(Account::new().policy("their-policy", allow("sns:*")).policies);
    let theirs = WorldServiceAccount::new().annotation("owner", "others", "helm").label("app", "theirs", "helm");
    put_service_account(&mut world, "theirs", theirs);
    put_workload(&mut world, WorkloadKind::Deployment, "theirs", WorldWorkload::new(1).running_as("theirs", "helm"));
    world.filled()
}

/// Says where two worlds differ, line by line.
pub fn difference(left: &World, right: &World) -> Option<String> {
    if left == right {
        return None;
    }
    let (left, right) = (left.to_json(), right.to_json());
    let (left, right): (Vec<&str>, Vec<&str>) = (left.lines().collect(), right.lines().collect());
    let count = |lines: &[&str]| {
        let mut counts: BTreeMap<String, i32> = BTreeMap::new();
        for line in lines {
            *counts.entry((*line).to_owned()).or_default() += 1;
        }
        counts
    };
    let (in_left, in_right) = (count(&left), count(&right));
    let more = |one: &BTreeMap<String, i32>, other: &BTreeMap<String, i32>, sign: char| -> Vec<String> {
        let more = one.iter().filter(|(line, n)| other.get(*line).copied().unwrap_or(0) < **n);
        more.map(|(line, _)| format!("{sign} {}", line.trim())).collect()
    };
    Some([more(&in_left, &in_right, '-'), more(&in_right, &in_left, '+')].concat().join("\n"))
}

#[track_caller]
pub fn assert_same(expected: &World, found: &World, context: &str) {
    if let Some(difference) = difference(expected, found) {
        panic!("{context}: the worlds differ (- expected, + found):\n{difference}");
    }
}

/// The receipt that an apply came to, also where it failed.
pub fn receipt_of(result: &podrole::Result<Receipt>) -> Option<Receipt> {
    match result {
        Ok(receipt) => Some(receipt.clone()),
        Err(error) => error.get_receipt().cloned(),
    }
}
