//! Guarantee 1: what you saw is what is done.

use std::collections::BTreeMap;

use podrole::memory::{CallRecord, Memory};
use podrole::plan::{Action, Plan};
use podrole::{Client, Grant};

use crate::support::{Scenario, scenarios};

async fn plans(scenario: &Scenario, memory: &Memory) -> [Plan; 2] {
    let client = Client::in_memory(memory);
    let plan = client.plan(&scenario.grant).await.unwrap_or_else(|error| panic!("{}: {error:#}", scenario.name));
    let revoke = client.plan_revoke(&scenario.grant).await.unwrap();
    [plan, revoke]
}

#[tokio::test]
async fn the_same_inputs_give_the_same_plan_byte_for_byte() {
    for scenario in scenarios() {
        let first = plans(&scenario, &scenario.prepare().await).await;
        // Made anew, of a grant that went through a file.
        let memory = scenario.prepare().await;
        let grant = serde_json::from_str::<Grant>(&serde_json::to_string(&scenario.grant).unwrap()).unwrap();
        let again = plans(&Scenario { grant, ..scenario.clone() }, &memory).await;
        for (first, again) in first.iter().zip(&again) {
            assert_eq!(first.to_json(), again.to_json(), "{}", scenario.name);
        }
    }
}

#[tokio::test]
async fn a_plan_reads_back_from_its_json_as_it_was() {
    for scenario in scenarios() {
        let memory = scenario.prepare().await;
        for plan in plans(&scenario, &memory).await {
            let back = Plan::from_json(&plan.to_json()).unwrap();
            assert_eq!(back, plan, "{}", scenario.name);
            assert_eq!(back.to_json(), plan.to_json(), "{}", scenario.name);
            assert_eq!(back.to_string(), plan.to_string(), "{}", scenario.name);
        }
    }
}

#[tokio::test]
async fn a_plan_of_another_version_or_with_more_in_it_is_refused() {
    let scenario = &scenarios()[0];
    let [plan, _] = plans(scenario, &scenario.prepare().await).await;
    let json: serde_json::Value = serde_json::from_str(&plan.to_json()).unwrap();
    for (pointer, value) in [
        ("/schemaVersion", serde_json::json!(2)),
        ("/more", serde_json::json!(1)),
        ("/steps/0/more", serde_json::json!(1)),
        ("/steps/0/action/more", serde_json::json!(1)),
        ("/steps/0/action/kind", serde_json::json!("delete_everything")),
        ("/verb", serde_json::json!("destroy")),
    ] {
        let mut json = json.clone();
        let (place, key) = pointer.rsplit_once('/').unwrap();
        json.pointer_mut(place).unwrap()[key] = value;
        let error = Plan::from_json(&json.to_string()).unwrap_err();
        assert_eq!(error.kind(), podrole::ErrorKind::InvalidInput, "{pointer}: {error}");
        assert!(error.get_remedy().is_some(), "{pointer}: {error}");
    }
}

/// The writing calls that a step may make, written down here a second time: a step that does more than it says must fail somewhere.
fn writes_of(action: &Action) -> Vec<(&'static str, String)> {
    let on = |operation, resource: String| vec![(operation, resource)];
    let role = |name: &dyn std::fmt::Display| format!("role {name}");
    match action {
        Action::CreateProvider { url, .. } => on("iam:CreateOpenIDConnectProvider", format!("OIDC provider {url}")),
        Action::AddClientId { arn, .. } => on("iam:AddClientIDToOpenIDConnectProvider", format!("OIDC provider {arn}")),
        Action::DeleteProvider { arn } => on("iam:DeleteOpenIDConnectProvider", format!("OIDC provider {arn}")),
        Action::CreatePolicy { policy } => on("iam:CreatePolicy", format!("policy {}", policy.arn)),
        Action::UpdatePolicy { arn, prune, .. } => {
            let mut all: Vec<_> =
                prune.iter().map(|version| ("iam:DeletePolicyVersion", format!("policy {arn} {version}"))).collect();
            all.push(("iam:CreatePolicyVersion", format!("policy {arn}")));
            all
        }
        Action::TagPolicy { arn, .. } => on("iam:TagPolicy", format!("policy {arn}")),
        Action::UntagPolicy { arn, .. } => on("iam:UntagPolicy", format!("policy {arn}")),
        Action::DeletePolicy { arn, versions } => {
            let mut all: Vec<_> =
                versions.iter().map(|version| ("iam:DeletePolicyVersion", format!("policy {arn} {version}"))).collect();
            all.push(("iam:DeletePolicy", format!("policy {arn}")));
            all
        }
        Action::CreateRole { role: new } => on("iam:CreateRole", role(&new.name)),
        Action::UpdateTrust { role: name, .. } => on("iam:UpdateAssumeRolePolicy", role(name)),
        Action::UpdateRole { role: name, .. } => on("iam:UpdateRole", role(name)),
        Action::PutBoundary { role: name, .. } => on("iam:PutRolePermissionsBoundary", role(name)),
        Action::DeleteBoundary { role: name, .. } => on("iam:DeleteRolePermissionsBoundary", role(name)),
        Action::TagRole { role: name, .. } => on("iam:TagRole", role(name)),
        Action::UntagRole { role: name, .. } => on("iam:UntagRole", role(name)),
        Action::DeleteRole { role: name, .. } => on("iam:DeleteRole", role(name)),
        Action::AttachPolicy { role: name, policy } => {
            on("iam:AttachRolePolicy", format!("policy {policy} on role {name}"))
        }
        Action::DetachPolicy { role: name, policy } => {
            on("iam:DetachRolePolicy", format!("policy {policy} on role {name}"))
        }
        Action::PutInlinePolicy { role: on_role, name, .. } => {
            on("iam:PutRolePolicy", format!("inline policy {name} of role {on_role}"))
        }
        Action::DeleteInlinePolicy { role: on_role, name } => {
            on("iam:DeleteRolePolicy", format!("inline policy {name} of role {on_role}"))
        }
        Action::ApplyServiceAccount { apply, .. } => {
            on("kubernetes:patch serviceaccounts", format!("service account {}/{}", apply.namespace, apply.name))
        }
        Action::RestoreServiceAccount { restore } => {
            on("kubernetes:patch serviceaccounts", format!("service account {}/{}", restore.namespace, restore.name))
        }
        Action::DeleteServiceAccount { namespace, name, .. } => {
            on("kubernetes:delete serviceaccounts", format!("service account {namespace}/{name}"))
        }
        Action::ApplyWorkload { apply } => on(patch(&apply.workload), apply.workload.to_string()),
        Action::RestoreWorkload { restore } => on(patch(&restore.workload), restore.workload.to_string()),
        Action::EditFile { path, .. } => on("files:write", format!("file {path}")),
        other => panic!("which calls does {other:?} make?"),
    }
}

fn patch(workload: &podrole::model::WorkloadRef) -> &'static str {
    match workload.kind {
        podrole::model::WorkloadKind::Deployment => "kubernetes:patch deployments",
        podrole::model::WorkloadKind::StatefulSet => "kubernetes:patch statefulsets",
        podrole::model::WorkloadKind::DaemonSet => "kubernetes:patch daemonsets",
    }
}

fn count<T: Ord>(all: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    all.into_iter().fold(BTreeMap::new(), |mut counts, one| {
        *counts.entry(one).or_default() += 1;
        counts
    })
}

#[tokio::test]
async fn apply_and_revoke_make_the_writes_of_their_steps_and_no_other() {
    for scenario in scenarios() {
        let memory = scenario.prepare().await;
        let client = Client::in_memory(&memory);
        let plan = client.plan(&scenario.grant).await.unwrap();
        check_writes(&scenario, &memory, plan).await;
        let plan = client.plan_revoke(&scenario.grant).await.unwrap();
        check_writes(&scenario, &memory, plan).await;
    }
}

async fn check_writes(scenario: &Scenario, memory: &Memory, plan: Plan) {
    let wanted = plan.steps.iter().flat_map(|step| writes_of(&step.action));
    let wanted = count(wanted.map(|(operation, resource)| (operation.to_owned(), resource)));
    memory.clear_calls();
    Client::in_memory(memory).apply(plan).await.unwrap_or_else(|error| panic!("{}: {error:#}", scenario.name));
    let made = memory.calls().into_iter().filter(|call| call.write);
    let made = count(made.map(|CallRecord { operation, resource, .. }| (operation, resource)));
    assert_eq!(made, wanted, "{}", scenario.name);
}
