//! What the workload controllers and the pod-identity webhook do: new pods for a new template, with the environment that
//! belongs to their service account.

use std::collections::BTreeMap;

use super::state::hex;
use super::world::{PodOwner, WorldCluster, WorldNamespace, WorldPod, WorldServiceAccount, WorldWorkload};
use crate::model::{Arn, Namespace, PodIdentityAssociation, Rollout, ServiceAccountName, WorkloadKind, WorkloadName};

/// The kinds of workload.
pub(super) const KINDS: [WorkloadKind; 3] =
    [WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet];

const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";
const REGIONAL_ANNOTATION: &str = "eks.amazonaws.com/sts-regional-endpoints";
const AUDIENCE_ANNOTATION: &str = "eks.amazonaws.com/audience";
const SKIP_CONTAINERS: &str = "eks.amazonaws.com/skip-containers";
const SKIP_LABEL: &str = "eks.amazonaws.com/skip-pod-identity-webhook";
const POD_IDENTITY_LABEL: &str = "eks.amazonaws.com/pod-identity";
const TOKEN_FILE: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";
const CREDENTIALS_URI: &str = "http://169.254.170.23/v1/credentials";
const CREDENTIALS_TOKEN: &str = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token";

/// The plural that Kubernetes uses in paths.
pub(super) fn resource(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment => "deployments",
        WorkloadKind::StatefulSet => "statefulsets",
        WorkloadKind::DaemonSet => "daemonsets",
    }
}

/// What makes one pod template differ from another.
fn template(workload: &WorldWorkload) -> String {
    let parts =
        (&workload.service_account, &workload.template_labels, &workload.template_annotations, &workload.containers);
    hex(&serde_json::to_string(&parts).unwrap_or_default())[..10].to_owned()
}

fn is_of(pod: &WorldPod, kind: WorkloadKind, name: &WorkloadName) -> bool {
    pod.owner.as_ref().is_some_and(|owner| owner.kind == kind && owner.name == *name)
}

/// Pods written by hand without a template are of their owner's present one.
pub(super) fn adopt_pods(cluster: &mut WorldCluster) {
    for namespace in cluster.namespaces.values_mut() {
        for pod in namespace.pods.values_mut().filter(|pod| pod.template.is_empty()) {
            let owner = pod.owner.clone();
            let workload = owner.and_then(|owner| match owner.kind {
                WorkloadKind::Deployment => namespace.deployments.get(&owner.name),
                WorkloadKind::StatefulSet => namespace.stateful_sets.get(&owner.name),
                WorkloadKind::DaemonSet => namespace.daemon_sets.get(&owner.name),
            });
            if let Some(workload) = workload {
                pod.template = template(workload);
            }
        }
    }
}

/// Lets the controllers finish their work in a cluster. Doing it again changes nothing.
pub(super) fn reconcile(arn: &Arn, cluster: &mut WorldCluster, now: i64) {
    let associations = cluster.pod_identity_associations.clone();
    let webhook = cluster.pod_identity_webhook.then_some(associations.as_slice());
    for (name, namespace) in &mut cluster.namespaces {
        for kind in KINDS {
            let names: Vec<WorkloadName> = namespace.workloads(kind).keys().cloned().collect();
            for workload in names {
                reconcile_workload(&format!("{arn}/{name}"), name, namespace, kind, &workload, webhook, now);
            }
        }
    }
}

fn reconcile_workload(
    place: &str,
    namespace_name: &Namespace,
    namespace: &mut WorldNamespace,
    kind: WorkloadKind,
    name: &WorkloadName,
    webhook: Option<&[PodIdentityAssociation]>,
    now: i64,
) {
    let Some(mut workload) = namespace.workloads(kind).get(name).cloned() else { return };
    workload.observed_generation = workload.generation;
    let template = template(&workload);
    let wanted = usize::try_from(workload.replicas).unwrap_or_default();
    let present =
        namespace.pods.values().filter(|pod| is_of(pod, kind, name) && !pod.ending && pod.template == template);
    let missing = wanted.saturating_sub(present.count());
    let outdated = namespace.pods.values().any(|pod| is_of(pod, kind, name) && pod.template != template);
    if workload.paused {
        workload.failure = None;
    } else if missing > 0 || outdated {
        let account_name = workload.service_account.clone().unwrap_or_else(|| "default".to_owned());
        let account = ServiceAccountName::new(account_name.as_str())
            .ok()
            .and_then(|account| namespace.service_accounts.get(&account).map(|held| (account, held.clone())));
        if let Some((account, held)) = account {
            workload.failure = None;
            namespace.pods.retain(|_, pod| !is_of(pod, kind, name) || pod.template == template);
            let injector = webhook.map(|associations| Injector {
                role: held,
                pod_identity: associations
                    .iter()
                    .any(|known| known.namespace == *namespace_name && known.service_account == account),
            });
            let mut index = 0;
            for _ in 0..missing {
                let mut pod_name;
                loop {
                    pod_name = pod_name_of(place, kind, name, &template, workload.generation, index);
                    index += 1;
                    if !namespace.pods.contains_key(&pod_name) {
                        break;
                    }
                }
                let owner = PodOwner { kind, name: name.clone() };
                let pod = new_pod(&workload, &account, owner, &template, injector.as_ref(), now);
                namespace.pods.insert(pod_name, pod);
            }
        } else {
            workload.failure = Some(format!(
                "ReplicaFailure: pods \"{name}-{template}-\" is forbidden: error looking up service account \
                 {namespace_name}/{account_name}: serviceaccount {account_name:?} not found"
            ));
        }
    } else {
        workload.failure = None;
    }
    // Scaling down: the pods last by name go.
    let surplus: Vec<String> = namespace
        .pods
        .iter()
        .filter(|(_, pod)| is_of(pod, kind, name) && !pod.ending && pod.template == template)
        .map(|(name, _)| name.clone())
        .skip(wanted)
        .collect();
    for pod in surplus {
        namespace.pods.remove(&pod);
    }
    namespace.workloads_mut(kind).insert(name.clone(), workload);
}

fn pod_name_of(
    place: &str,
    kind: WorkloadKind,
    name: &WorkloadName,
    template: &str,
    generation: i64,
    index: usize,
) -> String {
    let suffix = || hex(&format!("{place}/{}/{name}/{template}/{generation}/{index}", resource(kind)))[..5].to_owned();
    match kind {
        WorkloadKind::Deployment => format!("{name}-{template}-{}", suffix()),
        WorkloadKind::StatefulSet => format!("{name}-{index}"),
        WorkloadKind::DaemonSet => format!("{name}-{}", suffix()),
    }
}

/// What the webhook knows about a pod's service account.
struct Injector {
    role: WorldServiceAccount,
    pod_identity: bool,
}

fn new_pod(
    workload: &WorldWorkload,
    account: &ServiceAccountName,
    owner: PodOwner,
    template: &str,
    injector: Option<&Injector>,
    now: i64,
) -> WorldPod {
    let mut pod = WorldPod {
        service_account: account.clone(),
        labels: workload.template_labels.clone(),
        annotations: workload.template_annotations.clone(),
        containers: workload.containers.clone(),
        created_at: now,
        ending: false,
        available: true,
        owner: Some(owner),
        template: template.to_owned(),
    };
    if let Some(injector) = injector {
        injector.inject(&mut pod);
    }
    pod
}

impl Injector {
    /// A pod that carries the skip label, with any value, is left alone; a Pod Identity association wins over the
    /// annotation.
    fn inject(&self, pod: &mut WorldPod) {
        let role = self.role.annotations.get(ROLE_ANNOTATION).filter(|role| !role.is_empty());
        if pod.labels.contains_key(SKIP_LABEL) || !self.pod_identity && role.is_none() {
            return;
        }
        // The names are separated by commas and compared as they stand, blanks included.
        let skipped: Vec<&str> =
            pod.annotations.get(SKIP_CONTAINERS).map(|names| names.split(',').collect()).unwrap_or_default();
        let audience =
            pod.annotations.get(AUDIENCE_ANNOTATION).or_else(|| self.role.annotations.get(AUDIENCE_ANNOTATION));
        let audience = audience.map_or("sts.amazonaws.com", String::as_str).to_owned();
        let regional = self.role.annotations.get(REGIONAL_ANNOTATION).is_some_and(|value| value == "true");
        for container in &mut pod.containers {
            if skipped.contains(&container.name.as_str()) {
                continue;
            }
            let env = &mut container.env;
            if regional {
                set(env, &[("AWS_STS_REGIONAL_ENDPOINTS", "regional")]);
            }
            if self.pod_identity {
                set(
                    env,
                    &[
                        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", CREDENTIALS_URI),
                        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", CREDENTIALS_TOKEN),
                    ],
                );
                container.tokens.insert(CREDENTIALS_TOKEN.to_owned(), "pods.eks.amazonaws.com".to_owned());
            } else if let Some(role) = role {
                container.tokens.insert(TOKEN_FILE.to_owned(), audience.clone());
                set(env, &[("AWS_ROLE_ARN", role), ("AWS_WEB_IDENTITY_TOKEN_FILE", TOKEN_FILE)]);
            }
        }
        if self.pod_identity {
            pod.labels.insert(POD_IDENTITY_LABEL.to_owned(), "enabled".to_owned());
        }
    }
}

/// Adds variables, all or, where the container has one of them already, none.
fn set(env: &mut BTreeMap<String, Option<String>>, variables: &[(&str, &str)]) {
    if variables.iter().any(|(name, _)| env.contains_key(*name)) {
        return;
    }
    env.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))));
}

/// Where the rollout of a workload stands.
pub(super) fn status(
    namespace: &WorldNamespace,
    kind: WorkloadKind,
    name: &WorkloadName,
    workload: &WorldWorkload,
) -> Rollout {
    let template = template(workload);
    let pods = || namespace.pods.values().filter(|pod| is_of(pod, kind, name) && !pod.ending);
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    Rollout {
        generation: workload.generation,
        observed_generation: workload.observed_generation,
        desired: workload.replicas,
        total: count(pods().count()),
        updated: count(pods().filter(|pod| pod.template == template).count()),
        available: count(pods().filter(|pod| pod.available).count()),
        failure: workload.failure.clone(),
    }
}
