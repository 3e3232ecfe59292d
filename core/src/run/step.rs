//! Performs one step.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{OwnedMutexGuard, watch};

use super::{Progress, Stop, Turns, cancelled_error, stopped};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::grant::ClusterSelector;
use crate::marks::CREATED_BY;
use crate::model::{Arn, ClusterName, NewRole, Role, RoleName, ServiceAccount};
use crate::observe::Hints;
use crate::plan::{Action, Step};
use crate::policy::Document;
use crate::ports::{
    AwsTarget, Backend, Clock, IamRead, IamWrite, KubernetesTarget, KubernetesWrite, ServiceAccountApply,
};

pub(super) struct Performer {
    pub(super) backend: Backend,
    pub(super) step: Step,
    pub(super) hints: Hints,
    pub(super) propagation: Duration,
    pub(super) turns: Arc<Turns>,
    pub(super) progress: Arc<Progress>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: watch::Receiver<Stop>,
    /// Whether the plan makes the role that the step is about.
    pub(super) new_role: bool,
    /// Whether a call of the step took effect, so that a later failure of the step leaves something behind.
    pub(super) changed: AtomicBool,
}

/// Whether a failed call may have taken effect: its answer was lost, and it was a write.
pub(super) fn effect_unknown(error: &Error) -> bool {
    let lost = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Unexpected);
    lost && error.get_operation().is_some_and(|operation| !is_read(operation))
}

fn is_read(operation: &str) -> bool {
    let action = operation.split_once(':').map_or(operation, |(_, action)| action);
    ["Get", "List", "Describe", "get ", "list ", "read"].iter().any(|verb| action.starts_with(verb))
}

/// Which API server.
pub(super) fn kubernetes_target(cluster: &ClusterSelector, hints: &Hints) -> Result<KubernetesTarget> {
    Ok(KubernetesTarget { name: ClusterName::new(&cluster.name)?, cluster: hints.cluster(cluster).cloned() })
}

impl Performer {
    /// Performs the step; `true` when its effect was there already.
    pub(super) async fn perform(&self) -> Result<bool> {
        match &self.step.action {
            Action::ApplyServiceAccount { .. }
            | Action::RestoreServiceAccount { .. }
            | Action::DeleteServiceAccount { .. }
            | Action::ApplyWorkload { .. }
            | Action::RestoreWorkload { .. } => self.on_cluster().await,
            Action::EditFile { path, before, after } => {
                self.backend.writes.files().write(path, before, after).await.map(|()| false)
            }
            _ => self.on_aws().await,
        }
    }

    async fn on_cluster(&self) -> Result<bool> {
        let port = self.backend.writes.kubernetes(&self.kubernetes_target()?).await?;
        match &self.step.action {
            Action::ApplyServiceAccount { create, apply } => self.service_account(port.as_ref(), *create, apply).await,
            Action::RestoreServiceAccount { restore } => port.restore_service_account(restore).await.map(|()| false),
            Action::DeleteServiceAccount { namespace, name, uid } => {
                gone_is_done(port.delete_service_account(namespace, name, uid).await)
            }
            Action::ApplyWorkload { apply } => port.apply_workload(apply).await.map(|()| false),
            Action::RestoreWorkload { restore } => port.restore_workload(restore).await.map(|()| false),
            _ => Err(Error::new(ErrorKind::Unexpected, "this step is not for a cluster")),
        }
    }

    fn kubernetes_target(&self) -> Result<KubernetesTarget> {
        let Some(cluster) = &self.step.target.cluster else {
            return Err(Error::new(ErrorKind::Unexpected, "the step names no cluster"));
        };
        kubernetes_target(cluster, &self.hints)
    }

    async fn service_account(
        &self,
        port: &dyn KubernetesWrite,
        create: bool,
        apply: &ServiceAccountApply,
    ) -> Result<bool> {
        let created = port.apply_service_account(apply).await?;
        if create && !created {
            self.took_effect();
            // Ours, from an attempt whose answer was lost or another run of the same grant? Then nobody else has a field of it.
            let cluster = self.kubernetes_target()?;
            let found = self.backend.reads.kubernetes(&cluster).await?;
            let found = found.service_account(&apply.namespace, &apply.name).await?;
            if found.is_some_and(|found| is_all_of(&found, apply)) {
                return Ok(true);
            }
            // Somebody else made it since the plan: it is theirs, so our mark must go, and the reader must see the new plan.
            let mut theirs = apply.clone();
            theirs.annotations.remove(CREATED_BY);
            port.apply_service_account(&theirs).await?;
            return Err(Error::new(
                ErrorKind::PlanStale,
                "somebody else created it at the same time; its mark as podrole's was dropped",
            )
            .remedy("plan again"));
        }
        Ok(false)
    }

    fn took_effect(&self) {
        self.changed.store(true, Ordering::Relaxed);
    }

    fn target(&self) -> AwsTarget {
        AwsTarget { account: self.step.target.credentials.clone(), region: None }
    }

    async fn on_aws(&self) -> Result<bool> {
        let read = self.backend.reads.iam(&self.target()).await?;
        let write = self.backend.writes.iam(&self.target()).await?;
        let (read, iam) = (read.as_ref(), write.as_ref());
        match &self.step.action {
            Action::CreateProvider { arn, url, client_ids, tags } => {
                match iam.create_oidc_provider(url, client_ids, tags).await {
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        let same = read.oidc_provider(arn).await?.is_some_and(|found| {
                            client_ids.iter().all(|id| found.client_ids.contains(id)) && contains(&found.tags, tags)
                        });
                        same_or_stale(same, error)
                    }
                    result => result.map(|()| false),
                }
            }
            Action::AddClientId { arn, client_id } => iam.add_client_id(arn, client_id).await.map(|()| false),
            Action::DeleteProvider { arn } => {
                self.unused(read, arn).await?;
                gone_is_done(iam.delete_oidc_provider(arn).await)
            }
            Action::CreatePolicy { policy } => match iam.create_policy(policy).await {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let same = match read.policy(&policy.arn).await? {
                        Some(found) if contains(&found.tags, &policy.tags) => read
                            .policy_document(&policy.arn, &found.default_version)
                            .await?
                            .is_some_and(|document| document.same_meaning(&policy.document)),
                        Some(_) => false,
                        // Names are unique without regard to path and case, and only found as they were written.
                        None => {
                            return Err(error.remedy(
                                "a policy of this name has another path, or other upper and lower case: choose another name",
                            ));
                        }
                    };
                    same_or_stale(same, error)
                }
                result => result.map(|()| false),
            },
            Action::UpdatePolicy { arn, before, after, prune } => {
                let Some(found) = read.policy(arn).await? else { return Err(stale("it is gone")) };
                match read.policy_document(arn, &found.default_version).await? {
                    Some(now) if now.same_meaning(after) => return Ok(true),
                    Some(now) if now.same_meaning(before) => {}
                    _ => return Err(stale("its document has changed")),
                }
                if let Some(version) = prune {
                    gone_is_done(iam.delete_policy_version(arn, version).await)?;
                    self.took_effect();
                }
                iam.create_policy_version(arn, after).await.map(|_| false)
            }
            Action::TagPolicy { arn, tags } => iam.tag_policy(arn, tags).await.map(|()| false),
            Action::UntagPolicy { arn, keys } => gone_is_done(iam.untag_policy(arn, keys).await),
            Action::DeletePolicy { arn, versions } => {
                // Before its versions go: a policy that somebody attached meanwhile stays, whole.
                self.settled(|| async {
                    match read.policy(arn).await? {
                        Some(found) if found.attachment_count > 0 => {
                            Err(Error::new(ErrorKind::Conflict, "it is attached to something else by now")
                                .code("DeleteConflict")
                                .remedy("plan again"))
                        }
                        _ => Ok(false),
                    }
                })
                .await?;
                for version in versions {
                    gone_is_done(iam.delete_policy_version(arn, version).await)?;
                    self.took_effect();
                }
                self.settled(|| async { gone_is_done(iam.delete_policy(arn).await) }).await
            }
            Action::CreateRole { role } => self.create_role(read, iam, role).await,
            Action::UpdateTrust { role, before, after } => self.update_trust(read, iam, role, before, after).await,
            Action::UpdateRole {
                role,
                former_description,
                former_session_duration,
                description,
                max_session_duration,
            } => {
                let now = self.role(read, role).await?;
                let now = (now.description.as_ref(), now.max_session_duration);
                if now == (description.as_ref(), *max_session_duration) {
                    return Ok(true);
                }
                if now != (former_description.as_ref(), *former_session_duration) {
                    return Err(stale("its settings have changed"));
                }
                iam.update_role(role, description.as_deref(), *max_session_duration).await.map(|()| false)
            }
            Action::PutBoundary { role, before, boundary } => {
                if self.has_boundary(read, role, before.as_ref(), Some(boundary)).await? {
                    return Ok(true);
                }
                iam.put_boundary(role, boundary).await.map(|()| false)
            }
            Action::DeleteBoundary { role, before } => {
                if self.has_boundary(read, role, before.as_ref(), None).await? {
                    return Ok(true);
                }
                gone_is_done(iam.delete_boundary(role).await)
            }
            Action::TagRole { role, tags } => {
                self.known(|| async { iam.tag_role(role, tags).await.map(|()| false) }).await
            }
            Action::UntagRole { role, keys } => gone_is_done(iam.untag_role(role, keys).await),
            Action::DeleteRole { role, trust } => {
                // Each time, for while IAM still sees what was removed somebody may be let in.
                let attempt = || async {
                    let _turn = self.turn(role).await?;
                    match read.role(role).await? {
                        None => Ok(true),
                        Some(now) if !now.trust.same_trust(trust) => Err(stale("its trust policy has changed")),
                        Some(_) => gone_is_done(iam.delete_role(role).await),
                    }
                };
                self.settled(attempt).await
            }
            Action::AttachPolicy { role, policy } => {
                self.known(|| async { iam.attach_policy(role, policy).await.map(|()| false) }).await
            }
            Action::DetachPolicy { role, policy } => gone_is_done(iam.detach_policy(role, policy).await),
            Action::PutInlinePolicy { role, name, before, after } => {
                // On a role that this run has made there is nothing to compare with.
                if !self.new_role {
                    match (read.inline_policy(role, name).await?, before) {
                        (Some(now), _) if now.same_meaning(after) => return Ok(true),
                        (Some(now), Some(before)) if now.same_meaning(before) => {}
                        (None, None) => {}
                        _ => return Err(stale("its document has changed")),
                    }
                }
                self.known(|| async { iam.put_inline_policy(role, name, after).await.map(|()| false) }).await
            }
            Action::DeleteInlinePolicy { role, name } => gone_is_done(iam.delete_inline_policy(role, name).await),
            _ => Err(Error::new(ErrorKind::Unexpected, "this step is not for AWS")),
        }
    }

    async fn create_role(&self, read: &dyn IamRead, iam: &dyn IamWrite, role: &NewRole) -> Result<bool> {
        let result = self.accepted(|| async { iam.create_role(role).await }).await;
        match result {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // Ours, from an attempt whose answer was lost? Then it carries exactly what we would have given it.
                let same = read.role(&role.name).await?.is_some_and(|found| {
                    found.trust.same_meaning(&role.trust)
                        && contains(&found.tags, &role.tags)
                        && found.path == role.path
                        && found.description == role.description
                        && found.max_session_duration == role.max_session_duration
                        && found.permissions_boundary == role.permissions_boundary
                });
                same_or_stale(same, error)
            }
            result => result.map(|_| false),
        }
    }

    /// That no role trusts a provider any more; one that this run deleted may be listed for a while.
    async fn unused(&self, read: &dyn IamRead, provider: &Arn) -> Result<()> {
        let fresh = !self.step.depends_on.is_empty();
        let look = || async {
            let trusts = read.role_trusts().await?;
            let mut users = trusts.iter().filter(|(_, trust)| trust.to_json().contains(provider.as_str()));
            match users.next() {
                Some((role, _)) => Err(stale(&format!("role {role} has come to trust it"))),
                None => Ok(()),
            }
        };
        self.while_true("IAM sees what was just removed", look, |error| fresh && error.kind() == ErrorKind::PlanStale)
            .await
    }

    /// A role that the step relies on.
    async fn role(&self, read: &dyn IamRead, role: &RoleName) -> Result<Role> {
        self.known(|| async {
            read.role(role).await?.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "the role is gone").operation("iam:GetRole").code("NoSuchEntity")
            })
        })
        .await
    }

    /// Whether a role has the wanted boundary already; an error when it has neither that one nor the one of before.
    async fn has_boundary(
        &self,
        read: &dyn IamRead,
        role: &RoleName,
        before: Option<&Arn>,
        wanted: Option<&Arn>,
    ) -> Result<bool> {
        let now = self.role(read, role).await?.permissions_boundary;
        if now.as_ref() != wanted && now.as_ref() != before {
            return Err(stale("its permissions boundary has changed"));
        }
        Ok(now.as_ref() == wanted)
    }

    /// Waits for the turn at a role's trust policy, but not for ever: a call that never answers may have it.
    async fn turn(&self, role: &RoleName) -> Result<OwnedMutexGuard<()>> {
        let mut turn = pin!(self.turns.at(self.step.target.account.as_ref(), role));
        if let Some(turn) = (&mut turn).now_or_never() {
            return Ok(turn);
        }
        let reason = "another run has written the trust policy";
        self.progress.tell(Event::Waiting { step: self.step.id, reason: reason.to_owned() });
        let mut stop = self.stop.clone();
        let limit = self.propagation.as_secs();
        tokio::select! {
            biased;
            () = stopped(&mut stop, Stop::Gently) => {
                Err(cancelled_error(format!("the run was cancelled while it waited until {reason}")))
            }
            turn = turn => Ok(turn),
            () = self.clock.sleep(self.propagation) => Err(Error::new(
                ErrorKind::Timeout,
                format!("another run of this client has not done with its trust policy within {limit} seconds"),
            )
            .remedy("nothing was written by this step: plan again when that run has ended")),
        }
    }

    /// IAM has no etag for trust policies: read, write, read back.
    async fn update_trust(
        &self,
        read: &dyn IamRead,
        iam: &dyn IamWrite,
        role: &RoleName,
        before: &Document,
        after: &Document,
    ) -> Result<bool> {
        let _turn = self.turn(role).await?;
        let now = self.role(read, role).await?.trust;
        if now.same_trust(after) {
            return Ok(true);
        }
        // What this run made a moment ago may still read as it was before.
        if !now.same_trust(before) {
            return Err(stale("its trust policy has changed"));
        }
        self.accepted(|| async { iam.update_trust(role, after).await }).await?;
        self.took_effect();
        let deadline = self.clock.elapsed() + self.propagation;
        let mut pause = Duration::from_millis(500);
        loop {
            let back = read.role(role).await?.map(|role| role.trust);
            let lagging = match &back {
                Some(back) if back.same_trust(after) => return Ok(false),
                // The old document, or an id in place of a new role's ARN: IAM has not caught up.
                Some(back) => back.same_trust(before) || shows_ids(back),
                None => false,
            };
            if !lagging {
                return Err(Error::new(ErrorKind::Conflict, "somebody else wrote its trust policy at the same time")
                    .remedy("plan again, and see whether both changes are there"));
            }
            if self.clock.elapsed() + pause > deadline {
                let limit = self.propagation.as_secs();
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("its trust policy was written, and does not read back as written within {limit} seconds"),
                )
                .remedy("plan again: an empty plan says that IAM has caught up"));
            }
            self.wait(pause, "the trust policy reads back as written").await?;
            pause = (pause * 2).min(Duration::from_secs(4));
        }
    }

    /// Waits, unless the run is to stop: no call is under way here, and none must begin any more.
    async fn wait(&self, pause: Duration, reason: &str) -> Result<()> {
        self.progress.tell(Event::Waiting { step: self.step.id, reason: reason.to_owned() });
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stopped(&mut stop, Stop::Gently) => {
                Err(cancelled_error(format!("the run was cancelled while it waited until {reason}")))
            }
            () = self.clock.sleep(pause) => Ok(()),
        }
    }

    /// Retries while IAM does not yet know a principal that was just created, and on nothing else.
    async fn accepted<T, F: Future<Output = Result<T>>>(&self, call: impl Fn() -> F) -> Result<T> {
        self.while_true("IAM knows the new principal", call, |error| {
            error.get_code() == Some("MalformedPolicyDocument")
                && error.message().contains("Invalid principal in policy")
        })
        .await
    }

    /// Retries while IAM does not yet know a thing that an earlier step of this run made.
    async fn known<T, F: Future<Output = Result<T>>>(&self, call: impl Fn() -> F) -> Result<T> {
        let fresh = !self.step.depends_on.is_empty();
        self.while_true("IAM knows what was just created", call, |error| fresh && error.kind() == ErrorKind::NotFound)
            .await
    }

    /// Retries while IAM still sees what an earlier step of this run removed.
    async fn settled<T, F: Future<Output = Result<T>>>(&self, call: impl Fn() -> F) -> Result<T> {
        let fresh = !self.step.depends_on.is_empty();
        self.while_true("IAM sees what was just removed", call, |error| {
            fresh && error.get_code() == Some("DeleteConflict")
        })
        .await
    }

    async fn while_true<T, F: Future<Output = Result<T>>>(
        &self,
        reason: &str,
        call: impl Fn() -> F,
        again: impl Fn(&Error) -> bool,
    ) -> Result<T> {
        let deadline = self.clock.elapsed() + self.propagation;
        let mut pause = Duration::from_millis(500);
        loop {
            match call().await {
                Err(error) if again(&error) && self.clock.elapsed() + pause <= deadline => {
                    self.wait(pause, reason).await?;
                    pause = (pause * 2).min(Duration::from_secs(4));
                }
                result => return result,
            }
        }
    }
}

fn shows_ids(document: &Document) -> bool {
    document
        .statements()
        .iter()
        .flat_map(|statement| statement.principals.values().flatten())
        .any(|principal| crate::policy::is_unique_id(principal))
}

fn contains(
    all: &std::collections::BTreeMap<String, String>,
    some: &std::collections::BTreeMap<String, String>,
) -> bool {
    some.iter().all(|(key, value)| all.get(key) == Some(value))
}

/// Whether a service account holds what an apply set, and nothing of anybody else. The controllers that hand out token secrets write `secrets`.
fn is_all_of(found: &ServiceAccount, apply: &ServiceAccountApply) -> bool {
    let of_others = |field: &String| field != ".secrets" && field != ".imagePullSecrets";
    let alone = found.owners.iter().all(|owner| owner.manager == apply.manager || !owner.fields.iter().any(of_others));
    alone && found.annotations == apply.annotations && found.labels == apply.labels
}

fn stale(what: &str) -> Error {
    Error::new(ErrorKind::PlanStale, format!("{what} since the plan was made"))
        .remedy("plan again, and read the new plan before applying it")
}

fn same_or_stale(same: bool, error: Error) -> Result<bool> {
    if same {
        return Ok(true);
    }
    Err(stale("somebody else created it").caused_by(error))
}

/// Removing what is gone already is no failure.
fn gone_is_done(result: Result<()>) -> Result<bool> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        result => result.map(|()| false),
    }
}
