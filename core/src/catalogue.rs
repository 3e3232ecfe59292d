//! What there is to offer in every language: the names that bindings are compared with, as data.
//!
//! `tests/parity.json` holds it. A binding's tests compare their own public names with that file; here a test compares it with the types.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::ErrorKind;
use crate::event::Event;
use crate::grant::{
    ClusterSelector, DataSyncGrant, Grant, KustomizationGrant, Manage, Mechanism, PolicyGrant, PolicySource,
    ProviderGrant, RoleGrant, S3Grant, Scope, ServiceAccountGrant, TokenGrant, TrustGrant, WorkloadGrant,
};
use crate::model::WorkloadKind;
use crate::plan::{Action, Level, Verb};
use crate::policy::{Document, S3Access};
use crate::schema::SchemaVersion;
use crate::verify::{CheckKind, Status};

/// The fields of every action besides its kind, sorted.
const ACTION_FIELDS: &[(&str, &[&str])] = &[
    ("create_provider", &["arn", "clientIds", "tags", "url"]),
    ("add_client_id", &["arn", "clientId"]),
    ("delete_provider", &["arn"]),
    ("create_policy", &["policy"]),
    ("update_policy", &["after", "arn", "before", "prune"]),
    ("tag_policy", &["arn", "tags"]),
    ("untag_policy", &["arn", "keys"]),
    ("delete_policy", &["arn", "versions"]),
    ("create_role", &["role"]),
    ("update_trust", &["after", "before", "role"]),
    ("update_role", &["description", "formerDescription", "formerSessionDuration", "maxSessionDuration", "role"]),
    ("put_boundary", &["before", "boundary", "role"]),
    ("delete_boundary", &["before", "role"]),
    ("tag_role", &["role", "tags"]),
    ("untag_role", &["keys", "role"]),
    ("delete_role", &["role", "trust"]),
    ("attach_policy", &["policy", "role"]),
    ("detach_policy", &["policy", "role"]),
    ("put_inline_policy", &["after", "before", "name", "role"]),
    ("delete_inline_policy", &["name", "role"]),
    ("apply_service_account", &["apply", "create"]),
    ("restore_service_account", &["restore"]),
    ("delete_service_account", &["name", "namespace", "uid"]),
    ("apply_workload", &["apply"]),
    ("restore_workload", &["restore"]),
    ("edit_file", &["after", "before", "path"]),
];

/// The names of operations, fields, kinds and values, in the words that every language uses (a language may change their case).
///
/// | key | holds |
/// |---|---|
/// | `schemaVersion` | the version of grants, plans, receipts, reports and worlds |
/// | `client` | verbs of a client, with the options of each |
/// | `run` | what can be done with a run |
/// | `artifacts` | pure functions, with their arguments |
/// | `grant` | fields of a grant in its long form, by the path of the mapping they stand in |
/// | `values` | values of enumerations, by their name |
/// | `actionFields` | fields of an action, by its kind |
/// | `actions`, `events`, `errors`, `checks`, `outcomes`, `leftovers` | kinds |
pub fn catalogue() -> Value {
    json!({
        "schemaVersion": SchemaVersion,
        "client": {
            "plan": [],
            "apply": ["wait"],
            "verify": [],
            "plan_revoke": [],
            "revoke": ["wait", "receipt", "remove_provider"],
        },
        "run": ["next_event", "cancel", "finish"],
        "artifacts": {
            "trust_document": ["provider_arn", "service_account"],
            "service_account_yaml": ["service_account", "role_arn"],
            "data_sync_statement": ["role_arn", "source_account", "external_id"],
            "s3_policy": ["partition", "buckets", "access"],
            "kustomize_patch": ["service_account"],
        },
        "grant": grant_fields(),
        "values": {
            "mechanism": words(&[Mechanism::Irsa]),
            "scope": words(&[Scope::Iam, Scope::Kubernetes, Scope::Both]),
            "manage": words(&[Manage::Observe, Manage::Merge, Manage::Own]),
            "policySource": words(&[
                PolicySource::AwsManaged,
                PolicySource::Customer,
                PolicySource::Arn,
                PolicySource::Document,
                PolicySource::S3,
            ]),
            "s3Access": words(&[S3Access::Read, S3Access::Write, S3Access::ReadWrite]),
            "workloadKind": words(&[WorkloadKind::Deployment, WorkloadKind::StatefulSet, WorkloadKind::DaemonSet]),
            "verb": words(&[Verb::Apply, Verb::Revoke]),
            "noticeLevel": words(&[Level::Info, Level::Warning]),
            "status": words(&[Status::Passed, Status::Warned, Status::Skipped, Status::Failed]),
            "retry": words(&[crate::error::Retry::Never, crate::error::Retry::Safe, crate::error::Retry::Exhausted]),
        },
        "actions": Action::KINDS,
        "actionFields": ACTION_FIELDS.iter().copied().collect::<BTreeMap<_, _>>(),
        "events": Event::KINDS,
        "errors": words(ErrorKind::ALL),
        "checks": words(CheckKind::ALL),
        "outcomes": OUTCOMES,
        "leftovers": LEFTOVERS,
    })
}

const OUTCOMES: [&str; 5] = ["done", "already_done", "failed", "not_started", "unknown"];
const LEFTOVERS: [&str; 3] = ["none", "remaining", "unknown"];

fn words<T: Serialize>(values: &[T]) -> Vec<Value> {
    values.iter().map(|value| serde_json::to_value(value).unwrap_or_default()).collect()
}

/// A grant in which every field has a value. It names each field of each type, so that a new field does not go unnoticed.
fn full_grant() -> Grant {
    let text = || "x".to_owned();
    Grant {
        schema_version: SchemaVersion,
        mechanism: Mechanism::Irsa,
        scope: Scope::Both,
        cluster: ClusterSelector { name: text(), region: Some(text()), account: Some(text()) },
        service_account: ServiceAccountGrant {
            namespace: text(),
            name: text(),
            manage: Manage::Merge,
            labels: BTreeMap::new(),
        },
        role: RoleGrant {
            name: text(),
            arn: Some(text()),
            manage: Manage::Merge,
            path: text(),
            description: Some(text()),
            max_session_duration: 3600,
            permissions_boundary: Some(text()),
            tags: BTreeMap::new(),
        },
        provider: ProviderGrant { manage: Manage::Merge },
        trust: TrustGrant { audience: text(), service_accounts: Vec::new(), conditions: BTreeMap::new() },
        token: TokenGrant { expiration: Some(3600), regional_endpoints: Some(true) },
        policies: vec![PolicyGrant {
            source: PolicySource::S3,
            name: Some(text()),
            arn: Some(text()),
            path: text(),
            inline: true,
            document: Document::from_value(json!({"Version": "2012-10-17", "Statement": []})).ok(),
            s3: Some(S3Grant { buckets: Vec::new(), prefixes: Vec::new(), access: S3Access::Read }),
            manage: Manage::Merge,
        }],
        workloads: vec![WorkloadGrant {
            kind: WorkloadKind::Deployment,
            name: text(),
            manage: Manage::Merge,
            restart: true,
        }],
        kustomizations: vec![KustomizationGrant { path: text(), kind: WorkloadKind::Deployment, name: text() }],
        data_syncs: vec![DataSyncGrant { role: text(), source_account: Some(text()), external_id: Some(text()) }],
    }
}

/// Fields by the path of their mapping; `[]` stands for each item of a list.
fn grant_fields() -> BTreeMap<String, Vec<String>> {
    let mut fields = BTreeMap::new();
    collect("", &serde_json::to_value(full_grant()).unwrap_or_default(), &mut fields);
    fields
}

fn collect(path: &str, value: &Value, fields: &mut BTreeMap<String, Vec<String>>) {
    match value {
        // What is inside a policy document is AWS's.
        Value::Object(map) if !map.is_empty() && !path.ends_with(".document") => {
            let mut names: Vec<String> = map.keys().cloned().collect();
            names.sort();
            fields.insert(path.to_owned(), names);
            for (key, value) in map {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(&below, value, fields);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(&format!("{path}[]"), item, fields)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Leftovers, Retry};
    use crate::model::{Arn, IamPath, Issuer, Namespace, NewPolicy, NewRole, PolicyName, RoleName, ServiceAccountName};
    use crate::ports::{ServiceAccountApply, ServiceAccountRestore, WorkloadApply, WorkloadRestore};
    use crate::receipt::Outcome;

    /// One value of each variant. The match has no other arm: a new variant does not build until it stands here.
    macro_rules! one_of_each {
        ($type:ty { $($pattern:pat => $value:expr),+ $(,)? }) => {{
            let values: Vec<$type> = vec![$($value),+];
            let mut seen = std::collections::BTreeSet::new();
            for value in &values {
                let mut index = 0;
                let mut found = None;
                // Which arm a value belongs to; the match is only there to be exhaustive.
                match value { $($pattern => {}),+ }
                $( if matches!(value, $pattern) { found.get_or_insert(index); } index += 1; )+
                let _ = index;
                seen.insert(found);
            }
            assert_eq!(seen.len(), values.len(), "two values are of the same variant");
            values
        }};
    }

    fn kinds<T: Serialize>(key: &str, values: &[T]) -> Vec<String> {
        values
            .iter()
            .map(|value| {
                let value = serde_json::to_value(value).expect("it can be written");
                let kind = if value.is_string() { Some(&value) } else { value.get(key) };
                kind.and_then(Value::as_str).expect("it has a kind").to_owned()
            })
            .collect()
    }

    fn here(path: &[&str]) -> Vec<String> {
        let catalogue = catalogue();
        let list = path.iter().fold(&catalogue, |value, key| &value[*key]);
        list.as_array().expect("a list").iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
    }

    fn same(path: &[&str], found: &[String]) {
        assert_eq!(here(path), found, "{path:?}");
    }

    #[test]
    fn every_kind_of_action_is_listed() {
        let arn = || Arn::new("arn:aws:iam::204393242335:role/r").expect("legal");
        let document = || Document::from_value(json!({"Version": "2012-10-17", "Statement": []})).expect("a document");
        let role = || RoleName::new("r").expect("legal");
        let name = || PolicyName::new("p").expect("legal");
        let namespace = || Namespace::new("n").expect("legal");
        let account = || ServiceAccountName::new("s").expect("legal");
        let workload = || crate::model::WorkloadRef {
            kind: WorkloadKind::Deployment,
            namespace: namespace(),
            name: crate::model::WorkloadName::new("w").expect("legal"),
        };
        let map = BTreeMap::new;
        let values = one_of_each!(Action {
            Action::CreateProvider { .. } => Action::CreateProvider {
                arn: arn(),
                url: Issuer::new("https://oidc.example.com/id/A").expect("legal"),
                client_ids: Vec::new(),
                tags: map(),
            },
            Action::AddClientId { .. } => Action::AddClientId { arn: arn(), client_id: String::new() },
            Action::DeleteProvider { .. } => Action::DeleteProvider { arn: arn() },
            Action::CreatePolicy { .. } => Action::CreatePolicy {
                policy: NewPolicy { arn: arn(), description: None, document: document(), tags: map() },
            },
            Action::UpdatePolicy { .. } => Action::UpdatePolicy {
                arn: arn(), before: document(), after: document(), prune: None,
            },
            Action::TagPolicy { .. } => Action::TagPolicy { arn: arn(), tags: map() },
            Action::UntagPolicy { .. } => Action::UntagPolicy { arn: arn(), keys: Vec::new() },
            Action::DeletePolicy { .. } => Action::DeletePolicy { arn: arn(), versions: Vec::new() },
            Action::CreateRole { .. } => Action::CreateRole {
                role: NewRole {
                    name: role(),
                    path: IamPath::new("/").expect("legal"),
                    description: None,
                    max_session_duration: 3600,
                    permissions_boundary: None,
                    trust: document(),
                    tags: map(),
                },
            },
            Action::UpdateTrust { .. } => Action::UpdateTrust { role: role(), before: document(), after: document() },
            Action::UpdateRole { .. } => Action::UpdateRole {
                role: role(),
                former_description: None,
                former_session_duration: 3600,
                description: None,
                max_session_duration: 3600,
            },
            Action::PutBoundary { .. } => Action::PutBoundary { role: role(), before: None, boundary: arn() },
            Action::DeleteBoundary { .. } => Action::DeleteBoundary { role: role(), before: None },
            Action::TagRole { .. } => Action::TagRole { role: role(), tags: map() },
            Action::UntagRole { .. } => Action::UntagRole { role: role(), keys: Vec::new() },
            Action::DeleteRole { .. } => Action::DeleteRole { role: role(), trust: document() },
            Action::AttachPolicy { .. } => Action::AttachPolicy { role: role(), policy: arn() },
            Action::DetachPolicy { .. } => Action::DetachPolicy { role: role(), policy: arn() },
            Action::PutInlinePolicy { .. } => Action::PutInlinePolicy {
                role: role(), name: name(), before: None, after: document(),
            },
            Action::DeleteInlinePolicy { .. } => Action::DeleteInlinePolicy { role: role(), name: name() },
            Action::ApplyServiceAccount { .. } => Action::ApplyServiceAccount {
                create: true,
                apply: ServiceAccountApply {
                    manager: "podrole".to_owned(),
                    namespace: namespace(), name: account(), uid: None, annotations: map(), labels: map(), force: false,
                },
            },
            Action::RestoreServiceAccount { .. } => Action::RestoreServiceAccount {
                restore: ServiceAccountRestore {
                    manager: "podrole".to_owned(),
                    namespace: namespace(),
                    name: account(),
                    uid: String::new(),
                    annotations: map(),
                    labels: map(),
                },
            },
            Action::DeleteServiceAccount { .. } => Action::DeleteServiceAccount {
                namespace: namespace(), name: account(), uid: String::new(),
            },
            Action::ApplyWorkload { .. } => Action::ApplyWorkload {
                apply: WorkloadApply {
                    manager: "podrole".to_owned(),
                    workload: workload(),
                    uid: String::new(),
                    service_account: None,
                    annotations: map(),
                    template_annotations: map(),
                    force: false,
                },
            },
            Action::RestoreWorkload { .. } => Action::RestoreWorkload {
                restore: WorkloadRestore {
                    manager: "podrole".to_owned(),
                    workload: workload(),
                    uid: String::new(),
                    service_account: None,
                    remove_annotations: Vec::new(),
                    remove_template_annotations: Vec::new(),
                },
            },
            Action::EditFile { .. } => Action::EditFile {
                path: String::new(), before: String::new(), after: String::new(),
            },
        });
        same(&["actions"], &kinds("kind", &values));
        for value in &values {
            let value = serde_json::to_value(value).expect("it serialises");
            let kind = value["kind"].as_str().expect("a kind");
            let mut fields: Vec<String> = value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .filter(|name| name != "kind")
                .collect();
            fields.sort();
            same(&["actionFields", kind], &fields);
        }
    }

    #[test]
    fn every_kind_of_event_is_listed() {
        let values = one_of_each!(Event {
            Event::Started { .. } => Event::Started { steps: 1 },
            Event::StepStarted { .. } => Event::StepStarted { step: 1, summary: String::new() },
            Event::Waiting { .. } => Event::Waiting { step: 1, reason: String::new() },
            Event::StepFinished { .. } => Event::StepFinished { step: 1, outcome: Outcome::Done, duration_ms: 1 },
            Event::Cancelling => Event::Cancelling,
            Event::Finished { .. } => Event::Finished { complete: true, done: 1, duration_ms: 1 },
        });
        same(&["events"], &kinds("kind", &values));
    }

    #[test]
    fn every_outcome_and_leftover_is_listed() {
        let error = || Error::new(ErrorKind::Timeout, "no answer").payload();
        let values = one_of_each!(Outcome {
            Outcome::Done => Outcome::Done,
            Outcome::AlreadyDone => Outcome::AlreadyDone,
            Outcome::Failed { .. } => Outcome::Failed { error: Box::new(error()), effect_unknown: true },
            Outcome::NotStarted => Outcome::NotStarted,
            Outcome::Unknown => Outcome::Unknown,
        });
        same(&["outcomes"], &kinds("kind", &values));
        let values = one_of_each!(Leftovers {
            Leftovers::None => Leftovers::None,
            Leftovers::Remaining { .. } => Leftovers::Remaining { resources: Vec::new() },
            Leftovers::Unknown { .. } => Leftovers::Unknown { resources: Vec::new(), remaining: Vec::new() },
        });
        same(&["leftovers"], &kinds("state", &values));
    }

    macro_rules! plain {
        ($type:ident { $($variant:ident),+ $(,)? }) => {
            kinds("", &one_of_each!($type { $($type::$variant => $type::$variant),+ }))
        };
    }

    #[test]
    fn every_kind_of_error_and_check_is_listed() {
        let errors = plain!(ErrorKind {
            InvalidInput,
            ConfigInvalid,
            Credentials,
            PermissionDenied,
            NotFound,
            AlreadyExists,
            Conflict,
            LimitExceeded,
            Throttled,
            Timeout,
            Unavailable,
            Cancelled,
            PlanStale,
            VerificationFailed,
            Unsupported,
            Unexpected,
        });
        same(&["errors"], &errors);
        assert_eq!(errors, ErrorKind::ALL.iter().map(|kind| kind.as_str().to_owned()).collect::<Vec<_>>());
        let checks = plain!(CheckKind {
            Provider,
            Audience,
            Role,
            Trust,
            PodIdentity,
            Boundary,
            Attachment,
            Document,
            Annotation,
            Workload,
            Rollout,
            Credentials,
            Kustomization,
            DataSync,
        });
        same(&["checks"], &checks);
    }

    #[test]
    fn every_value_of_an_enumeration_is_listed() {
        for (name, found) in [
            ("mechanism", plain!(Mechanism { Irsa })),
            ("scope", plain!(Scope { Iam, Kubernetes, Both })),
            ("manage", plain!(Manage { Observe, Merge, Own })),
            ("policySource", plain!(PolicySource { AwsManaged, Customer, Arn, Document, S3 })),
            ("s3Access", plain!(S3Access { Read, Write, ReadWrite })),
            ("workloadKind", plain!(WorkloadKind { Deployment, StatefulSet, DaemonSet })),
            ("verb", plain!(Verb { Apply, Revoke })),
            ("noticeLevel", plain!(Level { Info, Warning })),
            ("status", plain!(Status { Passed, Warned, Skipped, Failed })),
            ("retry", plain!(Retry { Never, Safe, Exhausted })),
        ] {
            same(&["values", name], &found);
        }
    }

    #[test]
    fn the_full_grant_leaves_nothing_out() {
        let fields = grant_fields();
        assert_eq!(fields[""].len(), 13, "{:?}", fields[""]);
        assert!(fields["policies[]"].contains(&"document".to_owned()), "{:?}", fields["policies[]"]);
        assert!(fields.contains_key("policies[].s3"));
        assert!(!fields.keys().any(|path| path.contains("document")));
    }
}
