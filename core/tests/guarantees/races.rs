//! Guarantee 2: each write checks again what it relies on, where the API allows it. Here somebody acts between the look and the write.

use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use podrole::memory::{AccountRole, Memory, World, WorldServiceAccount};
use podrole::model::{Arn, Issuer, PolicyName};
use podrole::ports::{AwsTarget, Backend, FilesWrite, IamWrite, KubernetesTarget, KubernetesWrite, Writes};
use podrole::{Client, Error, ErrorKind, Grant, Receipt, Result};

use crate::support::{
    ACCOUNT, ISSUER, ROLE, S3_READ, SERVICE_ACCOUNT, account, account_mut, allow, assert_same, bare_grant, crowded,
    foreign_trust, put_role, put_service_account, role, role_mut, seed_grant, service_account,
};

type Edit = Box<dyn FnOnce(&mut World) + Send>;

/// The writing half, which lets somebody else act before its first use: when the run has looked, and has not written yet.
struct Racing {
    inner: Arc<dyn Writes>,
    memory: Memory,
    edit: Mutex<Option<Edit>>,
}

impl Racing {
    fn used(&self) {
        if let Some(edit) = self.edit.lock().unwrap().take() {
            self.memory.edit(edit);
        }
    }
}

#[async_trait]
impl Writes for Racing {
    async fn iam(&self, target: &AwsTarget) -> Result<Arc<dyn IamWrite>> {
        self.used();
        self.inner.iam(target).await
    }

    async fn kubernetes(&self, target: &KubernetesTarget) -> Result<Arc<dyn KubernetesWrite>> {
        self.used();
        self.inner.kubernetes(target).await
    }

    fn files(&self) -> Arc<dyn FilesWrite> {
        self.used();
        self.inner.files()
    }
}

/// Applies a grant while somebody changes the world between the look and the first write.
async fn race(memory: &Memory, grant: &Grant, edit: impl FnOnce(&mut World) + Send + 'static) -> Error {
    let Backend { reads, writes } = memory.backend();
    let racing = Racing { inner: writes, memory: memory.clone(), edit: Mutex::new(Some(Box::new(edit))) };
    let client = Client::with_backend(Backend { reads, writes: Arc::new(racing) });
    client.apply(grant).await.expect_err("somebody was faster")
}

#[tokio::test]
async fn a_role_that_somebody_creates_first_is_theirs() {
    let memory = Memory::new(crowded());
    let error = race(&memory, &seed_grant(), |world| {
        put_role(world, ROLE, AccountRole::new(foreign_trust()).tag("team", "others"));
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
    let world = memory.world();
    let role = role(&world, ROLE).unwrap();
    assert!(role.trust.same_meaning(&foreign_trust()) && role.attached_policies.is_empty());
    assert_eq!(role.tags.len(), 1, "{:?}", role.tags);
}

#[tokio::test]
async fn two_runs_of_one_grant_at_the_same_time_leave_nothing_behind() {
    let memory = Memory::new(crowded());
    let client = Client::in_memory(&memory);
    let before = memory.world();
    let (one, two) = tokio::join!(client.apply(&seed_grant()).into_future(), client.apply(&seed_grant()).into_future());
    for result in [one, two] {
        assert!(
            result.as_ref().map_or_else(|error| error.kind() == ErrorKind::PlanStale, Receipt::is_complete),
            "{result:?}"
        );
    }
    client.apply(&seed_grant()).await.unwrap();
    client.revoke(&seed_grant()).await.unwrap();
    assert_same(&before.comparable(), &memory.world().comparable(), "after the undo");
}

#[tokio::test]
async fn a_service_account_that_somebody_creates_first_loses_our_created_mark() {
    let memory = Memory::new(crowded());
    let error = race(&memory, &seed_grant(), |world| {
        put_service_account(world, SERVICE_ACCOUNT, WorldServiceAccount::new().label("app", "theirs", "helm"));
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
    let world = memory.world();
    let found = service_account(&world, SERVICE_ACCOUNT).unwrap();
    assert_eq!(found.labels["app"], "theirs");
    assert!(!found.annotations.contains_key("podrole.dev/created-by"), "{:?}", found.annotations);
    // So an undo leaves it to them.
    Client::in_memory(&memory).revoke(&seed_grant()).await.unwrap();
    let world = memory.world();
    let found = service_account(&world, SERVICE_ACCOUNT).unwrap();
    assert_eq!((found.labels.len(), found.annotations.len()), (1, 0), "{found:?}");
}

#[tokio::test]
async fn a_provider_that_somebody_creates_first_is_theirs() {
    let mut world = crowded();
    account_mut(&mut world).oidc_providers.clear();
    let memory = Memory::new(world);
    let error = race(&memory, &seed_grant(), |world| {
        let theirs = podrole::memory::Account::new().provider(ISSUER, ["theirs"]);
        account_mut(world).oidc_providers = theirs.oidc_providers;
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
    let world = memory.world();
    let provider = &account(&world).oidc_providers[&Issuer::new(ISSUER).unwrap()];
    assert_eq!(provider.client_ids.iter().collect::<Vec<_>>(), ["theirs"]);
    assert!(provider.tags.is_empty());
}

#[tokio::test]
async fn a_policy_that_somebody_creates_first_is_theirs() {
    let memory = Memory::new(crowded());
    let grant = seed_grant().policy_document("connections-s3", allow("s3:GetObject"));
    let error = race(&memory, &grant, |world| {
        let theirs = podrole::memory::Account::new().policy("connections-s3", allow("s3:*"));
        account_mut(world).policies.extend(theirs.policies);
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
    let world = memory.world();
    let policy = &account(&world).policies[&PolicyName::new("connections-s3").unwrap()];
    assert!(policy.tags.is_empty() && policy.versions["v1"].same_meaning(&allow("s3:*")));
}

#[tokio::test]
async fn a_trust_policy_that_somebody_changes_first_is_not_overwritten() {
    let mut world = crowded();
    put_role(&mut world, ROLE, AccountRole::new(foreign_trust()));
    let memory = Memory::new(world);
    let theirs = crate::support::document(
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"Other","Effect":"Allow",
        "Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#,
    );
    let after = theirs.clone();
    let error = race(&memory, &seed_grant(), move |world| {
        crate::support::role_mut(world, ROLE).trust = after;
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
    assert!(role(&memory.world(), ROLE).unwrap().trust.same_meaning(&theirs));
}

#[tokio::test]
async fn a_workload_that_was_deleted_and_made_again_is_not_touched() {
    let memory = Memory::new(crowded());
    let error = race(&memory, &seed_grant(), |world| {
        let app =
            crate::support::namespace_mut(world).deployments.get_mut(&"connections-app".parse().unwrap()).unwrap();
        app.uid = "another".to_owned();
    })
    .await;
    assert_eq!((error.kind(), error.get_code()), (ErrorKind::Conflict, Some("Conflict")), "{error:#}");
    assert_eq!(crate::support::deployment(&memory.world(), "connections-app").service_account, None);
}

#[tokio::test]
async fn a_file_that_somebody_changes_first_is_not_overwritten() {
    let mut world = crowded();
    world.files.insert("kustomization.yaml".to_owned(), "resources: [app.yaml]\n".to_owned());
    let memory = Memory::new(world);
    let grant = crate::support::bare_grant().kustomization("kustomization.yaml", "connections-app");
    let error = race(&memory, &grant, |world| {
        world.files.insert("kustomization.yaml".to_owned(), "resources: [other.yaml]\n".to_owned());
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
    assert_eq!(memory.world().files["kustomization.yaml"], "resources: [other.yaml]\n");
}

/// Revokes a grant while somebody changes the world between the look and the first write.
async fn race_undo(memory: &Memory, grant: &Grant, edit: impl FnOnce(&mut World) + Send + 'static) -> Error {
    let Backend { reads, writes } = memory.backend();
    let racing = Racing { inner: writes, memory: memory.clone(), edit: Mutex::new(Some(Box::new(edit))) };
    let client = Client::with_backend(Backend { reads, writes: Arc::new(racing) });
    client.revoke(grant).remove_provider().await.expect_err("somebody was faster")
}

fn settings(role: &mut AccountRole) {
    role.description = Some("set by others".to_owned());
}

fn boundary(role: &mut AccountRole) {
    role.permissions_boundary = Some(Arn::new(S3_READ).unwrap());
}

#[tokio::test]
async fn settings_and_a_boundary_that_somebody_sets_first_stay() {
    let mut bounded = bare_grant();
    bounded.role.permissions_boundary = Some("arn:aws:iam::204393242335:policy/their-policy".to_owned());
    let described = bare_grant().description("ours");
    for (grant, edit) in [(bounded, boundary as fn(&mut AccountRole)), (described, settings)] {
        let memory = Memory::new(crowded());
        Client::in_memory(&memory).apply(&bare_grant()).await.unwrap();
        let error = race(&memory, &grant, move |world| edit(role_mut(world, ROLE))).await;
        assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
        let world = memory.world();
        let mut theirs = role(&world, ROLE).unwrap().clone();
        edit(&mut theirs);
        assert_eq!(&theirs, role(&world, ROLE).unwrap(), "theirs is in force");
    }
}

#[tokio::test]
async fn an_inline_policy_that_somebody_writes_first_is_theirs() {
    let memory = Memory::new(crowded());
    Client::in_memory(&memory).apply(&bare_grant()).await.unwrap();
    let grant = bare_grant().inline_policy("queue", allow("sqs:SendMessage"));
    let error = race(&memory, &grant, |world| {
        role_mut(world, ROLE).inline_policies.insert(PolicyName::new("queue").unwrap(), allow("sqs:*"));
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
    let world = memory.world();
    let now = &role(&world, ROLE).unwrap().inline_policies[&PolicyName::new("queue").unwrap()];
    assert!(now.same_meaning(&allow("sqs:*")));
}

#[tokio::test]
async fn a_role_into_which_somebody_is_let_first_is_not_deleted() {
    let memory = Memory::new(crowded());
    Client::in_memory(&memory).apply(&bare_grant()).await.unwrap();
    let error = race_undo(&memory, &bare_grant(), |world| role_mut(world, ROLE).trust = foreign_trust()).await;
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
    assert!(role(&memory.world(), ROLE).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_somebody_attaches_first_keeps_its_versions() {
    let memory = Memory::new(crowded());
    let grant = |action| bare_grant().policy_document("connections-s3", allow(action));
    for action in ["s3:GetObject", "s3:PutObject"] {
        Client::in_memory(&memory).apply(&grant(action)).await.unwrap();
    }
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/connections-s3");
    let Backend { reads, writes } = memory.backend();
    let edit: Edit =
        Box::new(move |world| put_role(world, "other", AccountRole::new(foreign_trust()).attached(&policy)));
    let racing = Racing { inner: writes, memory: memory.clone(), edit: Mutex::new(Some(edit)) };
    let client = Client::with_backend(Backend { reads, writes: Arc::new(racing) });
    let error = client.revoke(&grant("s3:PutObject")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:#}");
    let world = memory.world();
    assert_eq!(account(&world).policies[&PolicyName::new("connections-s3").unwrap()].versions.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_somebody_comes_to_trust_first_is_not_deleted() {
    let mut world = crowded();
    account_mut(&mut world).oidc_providers.clear();
    let memory = Memory::new(world);
    Client::in_memory(&memory).apply(&bare_grant()).await.unwrap();
    let error = race_undo(&memory, &bare_grant(), |world| {
        let trust = role(world, ROLE).unwrap().trust.clone();
        put_role(world, "another-role", AccountRole::new(trust));
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::PlanStale, "{error:#}");
    assert!(error.message().contains("another-role"), "{error:#}");
    assert!(!account(&memory.world()).oidc_providers.is_empty(), "what the new role needs is there");
}
