//! Scenarios and helpers that the tests on the simulated world share.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;

use podrole::grant::{DataSyncGrant, Manage, PolicyGrant, PolicySource, WorkloadGrant};
use podrole::memory::{Account, AccountRole, Memory, World, WorldNamespace, WorldServiceAccount, WorldWorkload};
use podrole::model::{AccountId, Arn, Issuer, Namespace, PolicyName, RoleName, WorkloadKind, WorkloadName};
use podrole::policy::{Document, S3Access};
use podrole::{Client, Grant, Receipt};

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

/// One way in which a grant meets a world.
#[derive(Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub world: World,
    /// Applied before, without a disturbance.
    pub earlier: Vec<Grant>,
    pub grant: Grant,
    /// Whether what `earlier` made stays after a revoke: it is another grant's.
    pub earlier_stays: bool,
    /// Whether the role is not podrole's, so that attachments can only be taken back with a receipt.
    pub foreign_role: bool,
    /// A policy whose document the grant takes over from others: an undo leaves it.
    pub taken_over: Option<&'static str>,
    /// Whether pods that nobody names keep what they were given.
    pub pods_stay: bool,
}

impl Scenario {
    pub fn new(name: &'static str, grant: Grant) -> Self {
        Self {
            name,
            world: crowded(),
            earlier: Vec::new(),
            grant,
            earlier_stays: false,
            foreign_role: false,
            taken_over: None,
            pods_stay: false,
        }
    }

    fn world(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self.world = self.world.filled();
        self
    }

    fn after(mut self, earlier: Grant) -> Self {
        self.earlier.push(earlier);
        self
    }

    fn beside(mut self, earlier: Grant) -> Self {
        self.earlier_stays = true;
        self.after(earlier)
    }

    fn foreign_role(self) -> Self {
        let mut scenario = self.world(|world| {
            let role = AccountRole::new(foreign_trust())
                .tag("team", "others")
                .attached(S3_READ)
                .inline("kept", allow("sqs:*"));
            put_role(world, ROLE, role);
        });
        scenario.foreign_role = true;
        scenario
    }

    /// The simulation with everything done that comes before the grant.
    pub async fn prepare(&self) -> Memory {
        let memory = Memory::new(self.world.clone());
        for grant in &self.earlier {
            Client::in_memory(&memory).apply(grant).await.unwrap_or_else(|error| panic!("{}: {error:#}", self.name));
        }
        memory.clear_calls();
        memory
    }

    /// What a revoke must come back to.
    pub fn before(&self, prepared: &World) -> World {
        self.without_what_stays(if self.earlier_stays { prepared } else { &self.world })
    }

    /// The comparable world without the OIDC provider, which an undo leaves, and what is taken over for good.
    pub fn without_what_stays(&self, world: &World) -> World {
        let mut world = world.comparable();
        account_mut(&mut world).oidc_providers.clear();
        if self.pods_stay {
            namespace_mut(&mut world).pods.clear();
        }
        if let Some(name) = self.taken_over {
            account_mut(&mut world).policies.remove(&PolicyName::new(name).unwrap());
        }
        world
    }

    /// The same, without the former versions of policies.
    pub fn without_history(world: &World) -> World {
        let mut world = world.comparable();
        for policy in account_mut(&mut world).policies.values_mut() {
            let default = policy.default_version.clone();
            policy.versions.retain(|version, _| *version == default);
        }
        world.comparable()
    }

    /// The same, without what the grant puts on its role where no mark can be.
    pub fn without_unmarked(&self, world: &World) -> World {
        let mut world = world.clone();
        if self.foreign_role
            && let Some(role) = account_mut(&mut world).roles.get_mut(&RoleName::new(ROLE).unwrap())
        {
            for (attached, inline) in unmarked(&self.grant) {
                role.attached_policies.retain(|arn| Some(arn.as_str()) != attached.as_deref());
                role.inline_policies.retain(|name, _| Some(name.as_str()) != inline.as_deref());
            }
        }
        world
    }
}

/// The ARN or the inline name of each policy of a grant that carries no mark of its own.
fn unmarked(grant: &Grant) -> Vec<(Option<String>, Option<String>)> {
    grant
        .policies
        .iter()
        .map(|policy| match policy.source {
            PolicySource::AwsManaged => {
                (policy.name.as_ref().map(|name| format!("arn:aws:iam::aws:policy/{name}")), None)
            }
            PolicySource::Arn => (policy.arn.clone(), None),
            PolicySource::Customer => {
                (policy.name.as_ref().map(|name| format!("arn:aws:iam::{ACCOUNT}:policy/{name}")), None)
            }
            _ if policy.inline => (None, policy.name.clone()),
            _ => (None, None),
        })
        .collect()
}

/// A second grant of another service account for the same role.
pub fn second_grant() -> Grant {
    Grant::new("devops_aurora", format!("{NAMESPACE}/second"), ROLE)
        .description("testing sa role for pod")
        .policy("AmazonS3FullAccess")
}

pub const KUSTOMIZATION: &str = "# ours\nresources:\n  - ../base # the base\nnamespace: devops-aurora-1\n";

pub const PATCHED: &str =
    "resources:\n- ../base\npatches:\n- path: patch.yaml\n  target:\n    kind: Deployment\n    name: connections-app\n";
pub const PATCH: &str = "- op: replace\n  path: /spec/replicas\n  value: 3\n- op: replace\n  path: /spec/template/spec/serviceAccountName\n  value: former # why\n";

pub fn scenarios() -> Vec<Scenario> {
    let data_grant = |source_account: Option<&str>, external_id: Option<&str>| {
        seed_grant().data_sync_grant(DataSyncGrant {
            role: "their-data-role".to_owned(),
            source_account: source_account.map(str::to_owned),
            external_id: external_id.map(str::to_owned),
        })
    };
    let own_document = |name: &str| PolicyGrant {
        name: Some(name.to_owned()),
        document: Some(allow("s3:GetObject")),
        manage: Manage::Own,
        ..PolicyGrant::of(PolicySource::Document)
    };
    let versions = ["s3:Get1", "s3:Get2", "s3:Get3", "s3:Get4", "s3:Get5"];
    let documented = |action: &str| seed_grant().policy_document("connections-s3", allow(action));
    let audience = {
        let mut grant = seed_grant();
        "connections.example.com".clone_into(&mut grant.trust.audience);
        grant
    };
    let hand_made = |world: &mut World| {
        put_service_account(world, SERVICE_ACCOUNT, WorldServiceAccount::new().label("app", "connections", "kubectl"));
        let app = WorldWorkload::new(2).running_as(SERVICE_ACCOUNT, "kubectl");
        put_workload(world, WorkloadKind::Deployment, "connections-app", app);
        namespace_mut(world).pods.clear();
    };
    let mut labelled = seed_grant();
    labelled.service_account.labels.insert("team".to_owned(), "connections".to_owned());
    let mut rich = seed_grant().tag("cost", "42");
    rich.role.path = "/apps/".to_owned();
    rich.role.max_session_duration = 7200;
    rich.role.permissions_boundary = Some(format!("arn:aws:iam::{ACCOUNT}:policy/their-policy"));
    let mut wider = seed_grant();
    wider.trust.service_accounts = vec![format!("{NAMESPACE}/also"), "other-*/worker".to_owned()];
    let mut richer = rich.clone().description("another description").tag("more", "tags");
    richer.role.max_session_duration = 3600;
    richer.role.permissions_boundary = None;
    vec![
        Scenario::new("seed without provider", seed_grant()).world(|world| account_mut(world).oidc_providers.clear()),
        Scenario::new("seed", seed_grant()),
        Scenario::new("provider without the audience", seed_grant()).world(|world| {
            account_mut(world).oidc_providers.get_mut(&Issuer::new(ISSUER).unwrap()).unwrap().client_ids =
                ["other".to_owned()].into();
        }),
        Scenario::new("existing role", seed_grant()).foreign_role(),
        Scenario::new(
            "existing role with everything",
            data_grant(None, None).policy_document("connections-s3", allow("s3:GetObject")).s3(
                "buckets",
                ["connections-data"],
                S3Access::Read,
            ),
        )
        .foreign_role(),
        Scenario::new("document created", documented("s3:GetObject")),
        Scenario::new("document only", bare_grant().policy_document("connections-s3", allow("s3:GetObject"))),
        versions
            .iter()
            .fold(Scenario::new("document updated, oldest pruned", documented("s3:Get6")), |scenario, action| {
                scenario.after(documented(action))
            }),
        {
            let grant = seed_grant().policy_grant(own_document("their-policy"));
            Scenario { taken_over: Some("their-policy"), ..Scenario::new("document of others taken over", grant) }
        },
        Scenario::new("customer policy by name", seed_grant().customer_policy("their-policy")),
        Scenario::new(
            "inline and preset",
            seed_grant().inline_policy("queue", allow("sqs:SendMessage")).s3(
                "buckets",
                ["connections-data", "connections-more"],
                S3Access::ReadWrite,
            ),
        ),
        Scenario::new("inline changed", seed_grant().inline_policy("queue", allow("sqs:ReceiveMessage")))
            .after(seed_grant().inline_policy("queue", allow("sqs:SendMessage"))),
        Scenario::new("data sync", data_grant(None, None)),
        Scenario::new("data sync with conditions", data_grant(Some(ACCOUNT), Some("external-1"))),
        Scenario::new("data sync changed", data_grant(Some(ACCOUNT), None)).after(data_grant(None, None)),
        Scenario::new("existing service account", labelled.clone()).world(|world| {
            let account = WorldServiceAccount::new().annotation("owner", "others", "helm").label(
                "app.kubernetes.io/name",
                "connections",
                "helm",
            );
            put_service_account(world, SERVICE_ACCOUNT, account);
        }),
        Scenario::new("labels dropped", seed_grant()).after(labelled),
        Scenario::new("former service account", seed_grant()).world(|world| {
            put_service_account(world, "former", WorldServiceAccount::new());
            let mut app = deployment(world, "connections-app").clone();
            app.service_account = Some("former".to_owned());
            put_workload(world, WorkloadKind::Deployment, "connections-app", app);
        }),
        Scenario::new("already runs as it, restarted", seed_grant()).world(hand_made),
        Scenario {
            pods_stay: true,
            ..Scenario::new("already runs as it, no longer named", seed_grant_without_workload())
                .world(hand_made)
                .after(seed_grant())
        },
        Scenario::new("several kinds", seed_grant().stateful_set("connections-db").daemon_set("connections-agent"))
            .world(|world| {
                put_workload(world, WorkloadKind::StatefulSet, "connections-db", WorldWorkload::new(3));
                put_workload(world, WorkloadKind::DaemonSet, "connections-agent", WorldWorkload::new(2));
            }),
        Scenario::new("workload of another manager taken over", {
            let mut workload = WorkloadGrant::new(WorkloadKind::Deployment, "connections-argo");
            workload.manage = Manage::Own;
            seed_grant().workload(workload)
        })
        .world(|world| {
            put_workload(world, WorkloadKind::Deployment, "connections-argo", WorldWorkload::new(1));
        }),
        Scenario::new(
            "kustomization",
            bare_grant().policy("AmazonS3FullAccess").kustomization("app/kustomization.yaml", "connections-app"),
        )
        .world(|world| {
            world.files.insert("app/kustomization.yaml".to_owned(), KUSTOMIZATION.to_owned());
        }),
        Scenario::new(
            "kustomization with a patch file",
            seed_grant().kustomization("app/kustomization.yaml", "connections-app"),
        )
        .world(|world| {
            world.files.insert("app/kustomization.yaml".to_owned(), PATCHED.to_owned());
            world.files.insert("app/patch.yaml".to_owned(), PATCH.to_owned());
        }),
        Scenario::new("role with every setting", rich.clone()),
        Scenario::new("role settings changed", richer).after(rich),
        Scenario::new("trust for several", wider),
        Scenario::new(
            "policies removed",
            bare_grant()
                .description("testing sa role for pod")
                .policy("AmazonS3ReadOnlyAccess")
                .deployment("connections-app"),
        )
        .after(
            data_grant(None, Some("external-1"))
                .policy_document("connections-s3", allow("s3:GetObject"))
                .inline_policy("queue", allow("sqs:SendMessage"))
                .customer_policy("their-policy"),
        ),
        Scenario::new("workload removed", seed_grant_without_workload()).after(seed_grant()),
        Scenario::new("audience changed", audience).after(seed_grant()),
        Scenario::new("role shared by two grants", seed_grant()).beside(second_grant()),
        Scenario::new(
            "role, document and data sync shared by two grants",
            data_grant(None, None).policy_document("connections-s3", allow("s3:GetObject")),
        )
        .beside(second_grant().policy_document("connections-s3", allow("s3:GetObject")).data_sync("their-data-role")),
        Scenario::new("document shared by two roles", documented("s3:GetObject")).beside(
            Grant::new("devops_aurora", format!("{NAMESPACE}/second"), "second-role")
                .policy_document("connections-s3", allow("s3:GetObject")),
        ),
        Scenario::new("everything", {
            data_grant(Some(ACCOUNT), Some("external-1"))
                .policy_document("connections-s3", allow("s3:GetObject"))
                .s3("buckets", ["connections-data"], S3Access::Write)
                .stateful_set("connections-db")
                .kustomization("app/kustomization.yaml", "connections-app")
                .tag("cost", "42")
        })
        .world(|world| {
            account_mut(world).oidc_providers.clear();
            put_workload(world, WorkloadKind::StatefulSet, "connections-db", WorldWorkload::new(3));
            world.files.insert("app/kustomization.yaml".to_owned(), PATCHED.to_owned());
            world.files.insert("app/patch.yaml".to_owned(), PATCH.to_owned());
        }),
    ]
}

fn seed_grant_without_workload() -> Grant {
    bare_grant().description("testing sa role for pod").policy("AmazonS3FullAccess")
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
    let mut text = String::new();
    for (line, n) in &in_left {
        if in_right.get(line).copied().unwrap_or(0) < *n {
            text += &format!("- {}\n", line.trim());
        }
    }
    for (line, n) in &in_right {
        if in_left.get(line).copied().unwrap_or(0) < *n {
            text += &format!("+ {}\n", line.trim());
        }
    }
    Some(text)
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
