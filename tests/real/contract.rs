//! The exported contract of the ports, on the real adapters: IAM and STS on both emulators, EKS on our front, Kubernetes on the API
//! server. (Files are checked on a real folder in `core/tests/contract_memory.rs`.)
//!
//! What an emulator does otherwise than AWS is in a list here, with what the check then finds. Those checks run too: one that holds by
//! now, or that fails for another reason, fails the test.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use podrole::contract::{
    Context, EksContext, ForeignEdit, IamContext, KubernetesContext, KubernetesFixture, StsContext, eks_checks,
    iam_checks, kubernetes_checks, run, sts_checks,
};
use podrole::model::{AccountId, Arn, Cluster, ClusterName, Namespace, PodIdentityAssociation, WorkloadRef};
use podrole::ports::{AwsTarget, KubernetesTarget};
use podrole_tests::{ACCOUNT, CLUSTER, ControlPlane, Emulator, Front, ISSUER, REGION, control_plane};
use serde_json::{Value, json};

/// A check that an emulator does not pass: its name, the gap, and a part of what the check finds there.
type Gap = (&'static str, &'static str, &'static str);

const SUCCEEDS: &str = "succeeds instead of being refused";

/// What neither of them does.
const BOTH: &[Gap] = &[
    ("creating_a_role_in_another_case_is_already_exists", "names are compared with their case", SUCCEEDS),
    ("a_role_is_found_in_any_case", "names are compared with their case", "absent"),
    ("a_trust_policy_with_a_resource_is_malformed", "CreateRole takes any trust policy", SUCCEEDS),
    ("a_trust_policy_beyond_the_quota_is_limit_exceeded", "no quota is enforced", SUCCEEDS),
    ("a_trust_policy_that_names_no_such_role_is_malformed", "principals need not exist", SUCCEEDS),
    ("a_deleted_principal_reads_back_as_its_unique_id", "principals are text", "does not name"),
    ("a_session_outside_the_rule_is_invalid_input", "session durations are not checked", SUCCEEDS),
    ("a_fifty_first_tag_is_limit_exceeded", "TagRole does not count", SUCCEEDS),
    ("a_policy_document_beyond_the_quota_is_limit_exceeded", "no quota is enforced", SUCCEEDS),
    ("deleting_a_policy_with_versions_is_a_conflict", "DeletePolicy takes the versions with it", SUCCEEDS),
    ("an_attachment_beyond_the_quota_is_limit_exceeded", "no quota is enforced", SUCCEEDS),
];

const MOTO: &[Gap] = &[
    ("a_boundary_that_does_not_exist_is_not_found", "a boundary need not exist", SUCCEEDS),
    ("deleting_a_boundary_that_is_not_there_is_not_found", "it is not missed", SUCCEEDS),
    ("deleting_an_attached_policy_is_a_conflict", "the policy goes, and the role stays for ever", SUCCEEDS),
    ("deleting_a_provider_removes_it_and_again_is_not_found", "it is not missed", SUCCEEDS),
];

const MINISTACK: &[Gap] = &[
    ("a_description_keeps_markup_and_latin_letters", "markup goes into its XML as it is", "is not one that AWS gives"),
    ("updating_the_trust_replaces_all_of_it", "UpdateAssumeRolePolicy takes anything", SUCCEEDS),
    ("updating_the_settings_without_description_removes_it", "an empty parameter is none", "Some(\"old\")"),
    ("attaching_a_policy_that_does_not_exist_is_not_found", "an attached policy need not exist", SUCCEEDS),
];

fn account() -> AccountId {
    AccountId::new(ACCOUNT).unwrap()
}

async fn iam(front: &Front, prefix: &str) -> IamContext {
    let backend = front.client().await.backend().clone();
    let target = AwsTarget::default();
    let (read, write) = (backend.reads.iam(&target).await.unwrap(), backend.writes.iam(&target).await.unwrap());
    IamContext::new(read, write, "aws", account(), prefix)
}

async fn iam_keeps_the_contract(emulator: Emulator, own_gaps: &[Gap]) {
    let front = Front::empty(emulator);
    let gaps: Vec<Gap> = BOTH.iter().chain(own_gaps).copied().collect();
    let skip: Vec<&str> = gaps.iter().map(|(name, ..)| *name).collect();
    let outcome = run(&iam_checks(), &iam(&front, "contract").await, &skip).await;
    println!("{outcome}");
    let mut problems: Vec<String> = outcome.require(49, 15).err().into_iter().collect();
    for (number, (name, reason, finds)) in gaps.iter().enumerate() {
        println!("{name}: {reason}");
        let check: Vec<_> = iam_checks().into_iter().filter(|check| check.name() == *name).collect();
        // What a gap leaves behind does not meet the next.
        let context = iam(&front, &format!("gap-{number}")).await;
        let outcome = run(&check, &context, &[]).await;
        match outcome.failed.first() {
            None => problems.push(format!("{name} holds by now: take it out of the list")),
            Some((_, found)) if !found.contains(finds) => problems.push(format!("{name} finds another gap: {found}")),
            Some(_) => {}
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn iam_on_moto_keeps_the_contract_but_for_the_known_gaps() {
    iam_keeps_the_contract(Emulator::Moto, MOTO).await;
}

#[tokio::test]
async fn iam_on_ministack_keeps_the_contract_but_for_the_known_gaps() {
    iam_keeps_the_contract(Emulator::Ministack, MINISTACK).await;
}

#[tokio::test]
async fn sts_on_both_emulators_keeps_the_contract() {
    for emulator in [Emulator::Moto, Emulator::Ministack] {
        let backend = Front::empty(emulator).client().await.backend().clone();
        let context = StsContext { read: backend.reads.sts(&AwsTarget::default()).await.unwrap(), account: account() };
        run(&sts_checks(), &context, &[]).await.require(1, 0).unwrap();
    }
}

#[tokio::test]
async fn eks_on_the_front_keeps_the_contract() {
    let front = Front::empty(Emulator::Moto);
    front.cluster_with(CLUSTER, "https://127.0.0.1:6443", "Y2E=");
    let association = |name: &str, id: &str| {
        json!({
            "clusterName": CLUSTER, "namespace": "devops-aurora-1", "serviceAccount": name, "associationId": id,
            "associationArn": format!("arn:aws:eks:{REGION}:{ACCOUNT}:podidentityassociation/{CLUSTER}/{id}"),
        })
    };
    front.associations(&json!([association("modern", "a-one"), association("another", "a-two")]));
    let backend = front.client().await.backend().clone();
    let context = EksContext {
        read: backend.reads.eks(&AwsTarget::default()).await.unwrap(),
        cluster: Cluster {
            name: ClusterName::new(CLUSTER).unwrap(),
            arn: Arn::new(format!("arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLUSTER}")).unwrap(),
            status: "ACTIVE".to_owned(),
            issuer: Some(podrole::model::Issuer::new(ISSUER).unwrap()),
            endpoint: Some("https://127.0.0.1:6443".to_owned()),
            certificate_authority: Some("Y2E=".to_owned()),
        },
        association: PodIdentityAssociation {
            id: "a-one".to_owned(),
            namespace: Namespace::new("devops-aurora-1").unwrap(),
            service_account: podrole::model::ServiceAccountName::new("modern").unwrap(),
            owner_arn: None,
        },
        absent: ClusterName::new("no_such_cluster").unwrap(),
    };
    run(&eks_checks(), &context, &[]).await.require(5, 0).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubernetes_keeps_the_contract() {
    let front = Front::new(Emulator::Moto);
    let backend = front.client().await.backend().clone();
    let name = ClusterName::new(CLUSTER).unwrap();
    let cluster = backend.reads.eks(&AwsTarget::default()).await.unwrap().cluster(&name).await.unwrap();
    let target = KubernetesTarget { name, cluster };
    let context = KubernetesContext::new(
        backend.reads.kubernetes(&target).await.unwrap(),
        backend.writes.kubernetes(&target).await.unwrap(),
        Arc::new(ByHand(control_plane())),
        "contract",
    );
    let outcome = run(&kubernetes_checks(), &context, &[]).await;
    println!("{outcome}");
    outcome.require(40, 0).unwrap();
    assert_eq!(context.clean_up().await, Vec::<String>::new());
}

/// What the checks do to the cluster besides calling the ports.
struct ByHand(&'static ControlPlane);

/// Kind and name, as the beginning of a manifest.
fn object(workload: &WorkloadRef) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": workload.kind.kubernetes_kind(),
        "metadata": {"name": workload.name.as_str(), "namespace": workload.namespace.as_str()},
    })
}

#[async_trait]
impl KubernetesFixture for ByHand {
    async fn create_namespace(&self, name: &Namespace) -> Result<(), String> {
        self.0.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name.as_str()}}));
        // Pods need the default service account, which its controller makes.
        let arguments = ["wait", "--for=create", "--timeout=60s", "serviceaccount/default", "-n", name.as_str()];
        self.0.try_kubectl(&arguments, None).map(drop)
    }

    async fn delete_namespace(&self, name: &Namespace) -> Result<(), String> {
        self.0.delete("Namespace", "", name.as_str());
        Ok(())
    }

    async fn create_workload(&self, workload: &WorkloadRef, labels: &BTreeMap<String, String>) -> Result<(), String> {
        let mut made = object(workload);
        made["spec"] = json!({
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]},
            },
        });
        match workload.kind.kubernetes_kind() {
            "DaemonSet" => {}
            "StatefulSet" => {
                made["spec"]["replicas"] = json!(2);
                made["spec"]["serviceName"] = json!(workload.name.as_str());
            }
            _ => made["spec"]["replicas"] = json!(2),
        }
        self.0.create(&made);
        Ok(())
    }

    async fn edit_as(&self, manager: &str, edit: &ForeignEdit) -> Result<(), String> {
        let edited = match edit {
            ForeignEdit::ServiceAccount(apply) => {
                let metadata = json!({"name": apply.name.as_str(), "namespace": apply.namespace.as_str()});
                let mut edited = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
                // Who applies an empty map owns the map.
                for (field, map) in [("annotations", &apply.annotations), ("labels", &apply.labels)] {
                    if !map.is_empty() {
                        edited["metadata"][field] = json!(map);
                    }
                }
                edited
            }
            ForeignEdit::Workload(apply) => {
                let mut edited = object(&apply.workload);
                edited["metadata"]["annotations"] = json!(apply.annotations);
                edited["spec"]["template"]["metadata"]["annotations"] = json!(apply.template_annotations);
                if let Some(name) = &apply.service_account {
                    edited["spec"]["template"]["spec"] = json!({"serviceAccountName": name, "serviceAccount": name});
                }
                edited
            }
        };
        self.0.apply_as(manager, &edited);
        Ok(())
    }

    async fn settle(&self, workload: &WorkloadRef) -> Result<(), String> {
        let name = format!("{}/{}", workload.kind.kubernetes_kind(), workload.name);
        let arguments = ["rollout", "status", &name, "-n", workload.namespace.as_str(), "--timeout=120s"];
        self.0.try_kubectl(&arguments, None).map(drop)
    }
}
