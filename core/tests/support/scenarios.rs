//! Every way in which a grant can meet a world: what is there already, what the grant asks for, and what it asked for before.

use podrole::Grant;
use podrole::grant::{DataSyncGrant, Manage, PolicyGrant, PolicySource, WorkloadGrant};
use podrole::memory::{World, WorldServiceAccount, WorldWorkload};
use podrole::model::{Issuer, PolicyName, WorkloadKind};
use podrole::policy::S3Access;

use super::{
    ACCOUNT, ISSUER, NAMESPACE, ROLE, SERVICE_ACCOUNT, Scenario, account_mut, allow, bare_grant, deployment,
    namespace_mut, put_service_account, put_workload, role_mut, seed_grant,
};

const FILE: &str = "app/kustomization.yaml";
const KUSTOMIZATION: &str = "# ours\nresources:\n  - ../base # the base\nnamespace: devops-aurora-1\n";
const INLINE: &str = "resources: [../base]\npatches:\n  - patch: |-\n      - op: replace\n        path: /spec/template/spec/serviceAccountName\n        value: former\n    target:\n      kind: Deployment\n      name: connections-app\n";
const PATCHED: &str =
    "resources:\n- ../base\npatches:\n- path: patch.yaml\n  target:\n    kind: Deployment\n    name: connections-app\n";
const PATCH: &str = "- op: replace\n  path: /spec/replicas\n  value: 3\n- op: replace\n  path: /spec/template/spec/serviceAccountName\n  value: former # why\n";

pub fn scenarios() -> Vec<Scenario> {
    let mut all = fresh();
    all.extend(existing_roles());
    all.extend(owned());
    all.extend(policies());
    all.extend(data_syncs());
    all.extend(service_accounts());
    all.extend(workloads());
    all.extend(files());
    all.extend(settings());
    all.extend(changed());
    all.extend(shared());
    all
}

/// A second grant of another service account for the same role.
fn second_grant() -> Grant {
    Grant::new("devops_aurora", format!("{NAMESPACE}/second"), ROLE)
        .description("testing sa role for pod")
        .policy("AmazonS3FullAccess")
}

fn without_workload() -> Grant {
    bare_grant().description("testing sa role for pod").policy("AmazonS3FullAccess")
}

fn documented(action: &str) -> Grant {
    seed_grant().policy_document("connections-s3", allow(action))
}

fn synced(source_account: Option<&str>, external_id: Option<&str>) -> Grant {
    seed_grant().data_sync_grant(DataSyncGrant {
        role: "their-data-role".to_owned(),
        source_account: source_account.map(str::to_owned),
        external_id: external_id.map(str::to_owned),
    })
}

fn labelled() -> Grant {
    let mut grant = seed_grant();
    grant.service_account.labels.insert("team".to_owned(), "connections".to_owned());
    grant
}

/// A world in which the work was begun by hand: the deployment runs as the service account, without a role.
fn hand_made(world: &mut World) {
    put_service_account(world, SERVICE_ACCOUNT, WorldServiceAccount::new().label("app", "connections", "kubectl"));
    let app = WorldWorkload::new(2).running_as(SERVICE_ACCOUNT, "kubectl");
    put_workload(world, WorkloadKind::Deployment, "connections-app", app);
    namespace_mut(world).pods.clear();
}

fn no_provider(world: &mut World) {
    account_mut(world).oidc_providers.remove(&Issuer::new(ISSUER).unwrap());
}

fn fresh() -> Vec<Scenario> {
    let everything = || {
        synced(Some(ACCOUNT), Some("external-1"))
            .policy_document("connections-s3", allow("s3:GetObject"))
            .s3("buckets", ["connections-data"], S3Access::Write)
            .stateful_set("connections-db")
            .kustomization(FILE, "connections-app")
            .tag("cost", "42")
    };
    let prepared = |world: &mut World| {
        no_provider(world);
        put_workload(world, WorkloadKind::StatefulSet, "connections-db", WorldWorkload::new(3));
        world.files.insert(FILE.to_owned(), PATCHED.to_owned());
        world.files.insert("app/patch.yaml".to_owned(), PATCH.to_owned());
    };
    vec![
        Scenario::new("seed without provider", seed_grant()).world(no_provider),
        Scenario::new("seed without provider, which goes again", seed_grant()).world(no_provider).removing_provider(),
        Scenario::new("seed", seed_grant()),
        Scenario::new("provider without the audience", seed_grant()).world(|world| {
            account_mut(world).oidc_providers.get_mut(&Issuer::new(ISSUER).unwrap()).unwrap().client_ids =
                ["other".to_owned()].into();
        }),
        Scenario::new("everything", everything()).world(prepared),
        Scenario::new("everything, with the provider", everything()).world(prepared).removing_provider(),
    ]
}

fn existing_roles() -> Vec<Scenario> {
    vec![
        Scenario::new("existing role", seed_grant()).foreign_role(),
        Scenario::new(
            "existing role with everything",
            synced(None, None).policy_document("connections-s3", allow("s3:GetObject")).s3(
                "buckets",
                ["connections-data"],
                S3Access::Read,
            ),
        )
        .foreign_role(),
    ]
}

/// Grants that own what others made.
fn owned() -> Vec<Scenario> {
    let mut settings = seed_grant().tag("cost", "42").manage_role(Manage::Own);
    settings.role.max_session_duration = 7200;
    settings.role.permissions_boundary = Some(format!("arn:aws:iam::{ACCOUNT}:policy/their-policy"));
    let inline = PolicyGrant {
        name: Some("kept".to_owned()),
        document: Some(allow("sqs:SendMessage")),
        inline: true,
        manage: Manage::Own,
        ..PolicyGrant::of(PolicySource::Document)
    };
    vec![
        Scenario::new("settings of a role of others taken over", settings).foreign_role().staying(|world| {
            let role = role_mut(world, ROLE);
            (role.description, role.permissions_boundary, role.max_session_duration) = (None, None, 3600);
            role.tags.remove("cost");
        }),
        Scenario::new("inline policy of others taken over", seed_grant().policy_grant(inline)).foreign_role(),
    ]
}

/// Two policies, one of which has a document and a name after it.
fn two_of(action: &str) -> Grant {
    seed_grant().policy_document(action.replace(':', "-"), allow(action))
}

fn policies() -> Vec<Scenario> {
    let own_document = PolicyGrant {
        name: Some("their-policy".to_owned()),
        document: Some(allow("s3:GetObject")),
        manage: Manage::Own,
        ..PolicyGrant::of(PolicySource::Document)
    };
    let versions = ["s3:Get1", "s3:Get2", "s3:Get3", "s3:Get4", "s3:Get5"];
    vec![
        Scenario::new("document created", documented("s3:GetObject")),
        Scenario::new("document only", bare_grant().policy_document("connections-s3", allow("s3:GetObject"))),
        Scenario::new("document updated", documented("s3:PutObject")).after(documented("s3:GetObject")),
        versions
            .iter()
            .fold(Scenario::new("document updated, oldest pruned", documented("s3:Get6")), |scenario, action| {
                scenario.after(documented(action))
            }),
        Scenario::new("document of others taken over", seed_grant().policy_grant(own_document)).staying(|world| {
            account_mut(world).policies.remove(&PolicyName::new("their-policy").unwrap());
        }),
        Scenario::new("customer policy by name", seed_grant().customer_policy("their-policy")),
        Scenario::new(
            "inline and preset",
            seed_grant().inline_policy("queue", allow("sqs:SendMessage")).s3(
                "buckets",
                ["connections-data", "connections-more"],
                S3Access::ReadWrite,
            ),
        ),
        Scenario::new("policies exchanged on a full role", two_of("s3:PutObject"))
            .world(|world| account_mut(world).quotas.attached_policies_per_role = 2)
            .after(two_of("s3:GetObject")),
        Scenario::new("inline changed", seed_grant().inline_policy("queue", allow("sqs:ReceiveMessage")))
            .after(seed_grant().inline_policy("queue", allow("sqs:SendMessage"))),
    ]
}

fn data_syncs() -> Vec<Scenario> {
    vec![
        Scenario::new("data sync", synced(None, None)),
        Scenario::new("data sync with conditions", synced(Some(ACCOUNT), Some("external-1"))),
        Scenario::new("data sync changed", synced(Some(ACCOUNT), None)).after(synced(None, None)),
    ]
}

fn service_accounts() -> Vec<Scenario> {
    vec![
        Scenario::new("existing service account", labelled()).world(|world| {
            let account = WorldServiceAccount::new().annotation("owner", "others", "helm").label(
                "app.kubernetes.io/name",
                "connections",
                "helm",
            );
            put_service_account(world, SERVICE_ACCOUNT, account);
        }),
        Scenario::new("labels dropped", seed_grant()).after(labelled()),
        Scenario::new("service account of others taken over", taken_over())
            .world(their_service_account)
            .staying(without_their_ownership),
        Scenario::new("label of others taken over and no longer asked for", {
            let mut grant = taken_over();
            grant.service_account.labels.clear();
            grant
        })
        .world(their_service_account)
        .after(taken_over())
        .staying(without_their_ownership),
    ]
}

/// A grant that takes the service account's annotation and label from whoever has them.
fn taken_over() -> Grant {
    let mut grant = labelled();
    grant.service_account.manage = Manage::Own;
    grant
}

fn their_service_account(world: &mut World) {
    let account = WorldServiceAccount::new()
        .annotation("eks.amazonaws.com/role-arn", "arn:aws:iam::204393242335:role/their-role", "argocd-controller")
        .annotation("owner", "others", "argocd-controller")
        .label("team", "others", "helm");
    put_service_account(world, SERVICE_ACCOUNT, account);
}

/// An undo puts the values back; who owned the fields is lost, since nobody but the owner can take them again.
fn without_their_ownership(world: &mut World) {
    let account = namespace_mut(world).service_accounts.get_mut(&SERVICE_ACCOUNT.parse().unwrap()).unwrap();
    let taken = [".metadata.annotations.eks.amazonaws.com/role-arn", ".metadata.labels.team"];
    for owner in &mut account.owners {
        owner.fields.retain(|field| !taken.contains(&field.as_str()));
    }
    account.owners.retain(|owner| !owner.fields.is_empty());
}

fn workloads() -> Vec<Scenario> {
    let of_every_kind = || seed_grant().stateful_set("connections-db").daemon_set("connections-agent");
    let taken = || {
        let mut workload = WorkloadGrant::new(WorkloadKind::Deployment, "connections-argo");
        workload.manage = Manage::Own;
        seed_grant().workload(workload)
    };
    vec![
        Scenario::new("former service account", seed_grant()).world(|world| {
            put_service_account(world, "former", WorldServiceAccount::new());
            let mut app = deployment(world, "connections-app").clone();
            app.service_account = Some("former".to_owned());
            put_workload(world, WorkloadKind::Deployment, "connections-app", app);
        }),
        Scenario::new("several kinds", of_every_kind()).world(|world| {
            put_workload(world, WorkloadKind::StatefulSet, "connections-db", WorldWorkload::new(3));
            put_workload(world, WorkloadKind::DaemonSet, "connections-agent", WorldWorkload::new(2));
        }),
        Scenario::new("former service accounts of several kinds", of_every_kind()).world(|world| {
            put_service_account(world, "former", WorldServiceAccount::new());
            let owners = deployment(world, "connections-app").owners.clone();
            let former = |pods| WorldWorkload {
                service_account: Some("former".to_owned()),
                owners: owners.clone(),
                ..WorldWorkload::new(pods)
            };
            put_workload(world, WorkloadKind::StatefulSet, "connections-db", former(3));
            put_workload(world, WorkloadKind::DaemonSet, "connections-agent", former(2));
        }),
        Scenario::new("already runs as it, restarted", seed_grant()).world(hand_made),
        // Pods that nobody names keep what they were given.
        Scenario::new("already runs as it, no longer named", without_workload())
            .world(hand_made)
            .after(seed_grant())
            .staying(|world| namespace_mut(world).pods.clear()),
        // As with a service account, the value is put back and not its owner.
        Scenario::new("workload of another manager taken over", taken())
            .world(|world| {
                let argo = WorldWorkload::new(1).running_as("theirs", "argocd-controller");
                put_workload(world, WorkloadKind::Deployment, "connections-argo", argo);
            })
            .staying(|world| {
                let argo = namespace_mut(world).deployments.get_mut(&"connections-argo".parse().unwrap()).unwrap();
                argo.owners.retain(|owner| owner.manager != "argocd-controller");
            }),
    ]
}

fn files() -> Vec<Scenario> {
    let with = |name, grant: Grant, text: &'static str| {
        Scenario::new(name, grant.kustomization(FILE, "connections-app")).world(|world| {
            world.files.insert(FILE.to_owned(), text.to_owned());
        })
    };
    vec![
        with("kustomization", bare_grant().policy("AmazonS3FullAccess"), KUSTOMIZATION),
        with("kustomization with an inline patch", bare_grant(), INLINE),
        with("kustomization with a patch file", seed_grant(), PATCHED).world(|world| {
            world.files.insert("app/patch.yaml".to_owned(), PATCH.to_owned());
        }),
    ]
}

fn settings() -> Vec<Scenario> {
    let rich = || {
        let mut rich = seed_grant().tag("cost", "42");
        "/apps/".clone_into(&mut rich.role.path);
        rich.role.max_session_duration = 7200;
        rich.role.permissions_boundary = Some(format!("arn:aws:iam::{ACCOUNT}:policy/their-policy"));
        rich
    };
    let mut richer = rich().description("another description").tag("more", "tags");
    richer.role.max_session_duration = 3600;
    richer.role.permissions_boundary = None;
    let mut bounded = seed_grant();
    bounded.role.permissions_boundary = rich().role.permissions_boundary;
    let mut wider = seed_grant();
    wider.trust.service_accounts = vec![format!("{NAMESPACE}/also"), "other-*/worker".to_owned()];
    vec![
        Scenario::new("role with every setting", rich()),
        Scenario::new("role settings changed", richer).after(rich()),
        Scenario::new("boundary set", bounded).after(seed_grant()),
        Scenario::new("trust for several", wider.clone()),
        Scenario::new("trust for fewer", seed_grant()).after(wider),
    ]
}

fn changed() -> Vec<Scenario> {
    let mut audience = seed_grant();
    "connections.example.com".clone_into(&mut audience.trust.audience);
    let reduced = bare_grant()
        .description("testing sa role for pod")
        .policy("AmazonS3ReadOnlyAccess")
        .deployment("connections-app");
    vec![
        Scenario::new("policies and data sync dropped", reduced).after(
            synced(None, Some("external-1"))
                .policy_document("connections-s3", allow("s3:GetObject"))
                .inline_policy("queue", allow("sqs:SendMessage"))
                .customer_policy("their-policy"),
        ),
        Scenario::new("workload dropped", without_workload()).after(seed_grant()),
        Scenario::new("audience changed", audience).after(seed_grant()),
    ]
}

fn shared() -> Vec<Scenario> {
    vec![
        Scenario::new("role shared by two grants", seed_grant()).beside(second_grant()),
        Scenario::new(
            "role, document and data sync shared by two grants",
            synced(None, None).policy_document("connections-s3", allow("s3:GetObject")),
        )
        .beside(second_grant().policy_document("connections-s3", allow("s3:GetObject")).data_sync("their-data-role")),
        Scenario::new("document shared by two roles", documented("s3:GetObject")).beside(
            Grant::new("devops_aurora", format!("{NAMESPACE}/second"), "second-role")
                .policy_document("connections-s3", allow("s3:GetObject")),
        ),
    ]
}
