//! The Kubernetes half: service account, workloads and their pods, kustomizations.

use std::collections::{BTreeMap, BTreeSet};

use super::{CheckKind, Checks, Status};
use crate::grant::CheckedWorkload;
use crate::kustomize::{self, WorkloadTarget};
use crate::marks;
use crate::model::{Container, Pod};
use crate::observe::{Read, sibling};
use crate::plan::{AUDIENCE, ROLE_ARN, annotated_at, identity_annotations, is_older};

/// The pod annotation that takes containers out of the webhook's work, by their names.
const SKIP_CONTAINERS: &str = "eks.amazonaws.com/skip-containers";

impl Checks<'_> {
    pub(super) fn kubernetes(&mut self) {
        let grant = self.grant;
        let cluster = &grant.grant.cluster;
        let resource = format!("service account {}", grant.grant.subject());
        let account = grant.iam_account();
        let role_arn =
            grant.role_arn.clone().or_else(|| self.observed.role(&account, &grant.role).map(|role| role.arn.clone()));
        match (self.observed.service_account(cluster, &grant.namespace, &grant.service_account), role_arn) {
            (None, _) => {
                self.say(CheckKind::Annotation, &resource, Status::Failed, "does not exist", "apply the grant");
            }
            (Some(found), Some(arn)) => {
                let mut wanted = identity_annotations(grant, &arn);
                if found.annotations.contains_key(AUDIENCE) {
                    wanted.insert(AUDIENCE.to_owned(), grant.audience.to_string());
                }
                let wrong: Vec<String> = wanted
                    .into_iter()
                    .filter(|(key, value)| found.annotations.get(key) != Some(value))
                    .map(|(key, value)| {
                        let now = found.annotations.get(&key).map_or("absent", String::as_str);
                        format!("annotation {key} is {now} instead of {value}")
                    })
                    .collect();
                let no = wrong.join("; ");
                let yes = format!("is annotated with {arn}");
                self.judge(CheckKind::Annotation, &resource, wrong.is_empty(), (&yes, &no), "apply the grant");
            }
            (Some(_), None) => {
                let message = "there is no role to compare its annotation with";
                self.say(CheckKind::Annotation, &resource, Status::Failed, message, "apply the grant");
            }
        }
        for wanted in &grant.workloads {
            self.workload(wanted);
        }
        for wanted in &grant.grant.kustomizations {
            let resource = format!("file {}", wanted.path);
            let target = WorkloadTarget {
                kind: wanted.kind.kubernetes_kind().to_owned(),
                name: wanted.name.clone(),
                namespace: None,
            };
            let named = self.observed.file(&wanted.path).and_then(|text| {
                let files = kustomize::referenced_files(text)
                    .ok()?
                    .into_iter()
                    .filter_map(|name| {
                        let text = self.observed.file(&sibling(&wanted.path, &name))?;
                        Some((name, text.clone()))
                    })
                    .collect();
                kustomize::service_account_of(text, &files, &target).ok()?
            });
            let good = named.as_deref() == Some(grant.service_account.as_str());
            let yes = format!("runs {} as {}", wanted.name, grant.service_account);
            let no = format!("does not run {} as {}", wanted.name, grant.service_account);
            self.judge(CheckKind::Kustomization, &resource, good, (&yes, &no), "apply the grant");
        }
    }

    fn workload(&mut self, wanted: &CheckedWorkload) {
        let grant = self.grant;
        let cluster = &grant.grant.cluster;
        let resource = wanted.workload.to_string();
        let Some(found) = self.observed.workload(cluster, &wanted.workload) else {
            self.say(CheckKind::Workload, &resource, Status::Failed, "does not exist", "deploy it");
            return;
        };
        let now = found.service_account.as_deref().unwrap_or("default");
        let good = now == grant.service_account.as_str();
        let yes = format!("runs as service account {now}");
        let no = format!("runs as service account {now} instead of {}", grant.service_account);
        self.judge(CheckKind::Workload, &resource, good, (&yes, &no), "apply the grant");
        if !good {
            return;
        }
        let rollout = &found.rollout;
        if let Some(failure) = &rollout.failure {
            self.say(
                CheckKind::Rollout,
                &resource,
                Status::Failed,
                format!("its rollout is stuck: {failure}"),
                "see its events",
            );
        } else if rollout.is_complete() && rollout.desired == 0 {
            let message = "no pod runs, so nothing is proved";
            self.say(CheckKind::Rollout, &resource, Status::Warned, message, "scale it up");
        } else if rollout.is_complete() {
            let message = format!("{} of {} pods run with it", rollout.available, rollout.desired);
            self.say(CheckKind::Rollout, &resource, Status::Passed, message, "");
        } else {
            let why = if found.paused { "its rollouts are on hold, and this one" } else { "its rollout" };
            let message = format!(
                "{why} is not complete: {} of {} pods updated, {} available, {} in all",
                rollout.updated, rollout.desired, rollout.available, rollout.total
            );
            let remedy = if found.paused { "resume it, or replace its pods" } else { "wait for it, or see its events" };
            self.say(CheckKind::Rollout, &resource, Status::Failed, message, remedy);
        }
        let read = Read::pods_of(grant);
        let account = self.observed.service_account(cluster, &grant.namespace, &grant.service_account);
        let since = account.and_then(|found| annotated_at(&found.owners));
        let role_arn = account.and_then(|found| found.annotations.get(ROLE_ARN)).map_or("", String::as_str);
        let Some(pods) = self.observed.pods(cluster, &grant.namespace, &grant.service_account) else {
            if let Some(reason) = self.observed.unknown(&read) {
                let message = format!("its pods could not be listed: {reason}");
                self.say(CheckKind::Rollout, &resource, Status::Skipped, message, "allow listing pods");
            }
            return;
        };
        let pods: Vec<&Pod> = pods.iter().filter(|pod| !pod.ending).filter(|pod| found.selects(pod)).collect();
        let is_old = |pod: &&&Pod| since.is_some_and(|since| is_older(pod, since, role_arn));
        let old = pods.iter().filter(is_old).count();
        if old > 0 && !found.template_annotations.contains_key(marks::IDENTITY) {
            let message = format!("{old} of its pods are older than the annotation and do not have the role");
            self.say(CheckKind::Rollout, &resource, Status::Failed, message, "restart it, or apply the grant");
        } else if !pods.is_empty() && rollout.is_complete() {
            let own = found.containers.iter().map(|container| container.name.clone()).collect();
            self.credentials(&resource, &pods, &own, role_arn);
        } else if pods.is_empty() && rollout.is_complete() && rollout.available > 0 {
            let message = "its pods were not found among those of the service account";
            self.say(CheckKind::Credentials, &resource, Status::Skipped, message, "look at what its pods run as");
        }
    }

    /// Whether the pod-identity webhook gave the pods the role, and whether an SDK in them would use it.
    fn credentials(&mut self, resource: &str, pods: &[&Pod], own: &BTreeSet<String>, role_arn: &str) {
        let mut found: BTreeMap<(Status, String), usize> = BTreeMap::new();
        for pod in pods {
            for finding in lacks(pod, own, role_arn, self.grant.audience.as_str()) {
                *found.entry(finding).or_default() += 1;
            }
        }
        if found.is_empty() {
            let message = format!("{} of {} pods were given {role_arn}", pods.len(), pods.len());
            self.say(CheckKind::Credentials, resource, Status::Passed, message, "");
        }
        for ((status, what), count) in found {
            let message = format!("{count} of {} pods: {what}", pods.len());
            let remedy = "see that nothing presets AWS_* variables or a volume aws-iam-token, that the pods have no skip-pod-identity-webhook label and the webhook works, then restart it";
            self.say(CheckKind::Credentials, resource, status, message, remedy);
        }
    }
}

/// What keeps the containers of a pod from the role. Those that an annotation takes out are meant to do without; those that the workload does
/// not name are another webhook's.
fn lacks(pod: &Pod, own: &BTreeSet<String>, role_arn: &str, audience: &str) -> BTreeSet<(Status, String)> {
    let skipped: Vec<&str> =
        pod.annotations.get(SKIP_CONTAINERS).into_iter().flat_map(|names| names.split(',')).collect();
    let judged = || pod.containers.iter().filter(|container| !skipped.contains(&container.name.as_str()));
    if !judged().any(|container| own.contains(&container.name)) {
        return BTreeSet::from([(Status::Failed, "no container was given the role".to_owned())]);
    }
    judged()
        .flat_map(|container| {
            let lacks = container_lacks(container, role_arn, audience);
            lacks.into_iter().map(|(status, what)| {
                let status = if own.contains(&container.name) { status } else { Status::Warned };
                (status, format!("container {} {what}", container.name))
            })
        })
        .collect()
}

fn container_lacks(container: &Container, role_arn: &str, audience: &str) -> Vec<(Status, String)> {
    let mut found = Vec::new();
    for preset in ["AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI"] {
        if container.env.contains_key(preset) {
            found.push((Status::Failed, format!("has {preset}, which may come before the role")));
        }
    }
    for preset in ["AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        if container.env.contains_key(preset) {
            found.push((
                Status::Warned,
                format!("has {preset}: some SDKs take credentials of a profile before the role"),
            ));
        }
    }
    for source in &container.env_from {
        found.push((
            Status::Warned,
            format!("takes variables from {source}: AWS credentials in it come before the role"),
        ));
    }
    match container.env.get("AWS_ROLE_ARN") {
        None => found.push((Status::Failed, "was not given the role".to_owned())),
        Some(None) => found.push((Status::Warned, "takes AWS_ROLE_ARN from elsewhere".to_owned())),
        Some(Some(other)) if other != role_arn => {
            found.push((Status::Failed, format!("has {other} instead of the role")));
        }
        Some(Some(_)) => {}
    }
    if container.env.contains_key("AWS_ROLE_ARN") {
        match container.env.get("AWS_WEB_IDENTITY_TOKEN_FILE") {
            None => found.push((Status::Failed, "has no AWS_WEB_IDENTITY_TOKEN_FILE".to_owned())),
            Some(None) => found.push((Status::Warned, "takes AWS_WEB_IDENTITY_TOKEN_FILE from elsewhere".to_owned())),
            // On Windows the variable says `C:\…` and the mount does not.
            Some(Some(file)) => match container.tokens.get(&file.strip_prefix("C:").unwrap_or(file).replace('\\', "/"))
            {
                None => found.push((Status::Failed, format!("has no service-account token at {file}"))),
                Some(other) if other != audience => {
                    found.push((Status::Failed, format!("has a token for audience {other:?} instead of {audience}")));
                }
                Some(_) => {}
            },
        }
    }
    found
}
