//! Fills in what a world written by hand leaves out and the services would have made.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::build::legal;
use super::rollout::{self, KINDS};
use super::state::{Ids, hex};
use super::world::World;
use crate::model::{Container, ServiceAccountName};

impl World {
    /// The world with ids, endpoints, `default` service accounts and pods filled in where they are missing, as
    /// [`Memory::new`](super::Memory::new) does.
    pub fn filled(mut self) -> Self {
        let mut ids = Ids::of(&self);
        fill(&mut self, &mut ids, super::clock::START - 3600);
        self
    }
}

/// Fills in what is missing; pods that are made are as old as `now`.
pub(super) fn fill(world: &mut World, ids: &mut Ids, now: i64) {
    for (id, account) in &mut world.accounts {
        for (name, role) in &mut account.roles {
            if role.unique_id.is_empty() {
                role.unique_id = ids.role(&format!("{id}/{}", name.as_str().to_lowercase()));
            }
        }
        for policy in account.policies.values_mut() {
            let newest = policy.versions.keys().map(|version| super::iam_policies::version_number(version)).max();
            policy.last_version = policy.last_version.max(newest.unwrap_or_default());
        }
    }
    for (arn, cluster) in &mut world.clusters {
        if cluster.status == "ACTIVE" {
            let digest = hex(arn.as_str())[..32].to_uppercase();
            let endpoint = || format!("https://{digest}.gr7.{}.eks.amazonaws.com", arn.region());
            cluster.endpoint.get_or_insert_with(endpoint);
            let ca = || {
                let pem = format!(
                    "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                    STANDARD.encode(digest.as_bytes())
                );
                STANDARD.encode(pem)
            };
            cluster.certificate_authority.get_or_insert_with(ca);
        }
        for (name, namespace) in &mut cluster.namespaces {
            let place = format!("{arn}/{name}");
            namespace.service_accounts.entry(legal(ServiceAccountName::new("default"))).or_default();
            for (name, account) in &mut namespace.service_accounts {
                if account.uid.is_empty() {
                    account.uid = ids.uid(&format!("{place}/serviceaccount/{name}"));
                }
            }
            for kind in KINDS {
                for (name, workload) in namespace.workloads_mut(kind) {
                    if workload.uid.is_empty() {
                        workload.uid = ids.uid(&format!("{place}/{}/{name}", rollout::resource(kind)));
                    }
                    if workload.selector.is_empty() {
                        workload.selector.insert("app".to_owned(), name.to_string());
                    }
                    if workload.template_labels.is_empty() {
                        workload.template_labels = workload.selector.clone();
                    }
                    if workload.containers.is_empty() {
                        workload.containers.push(Container { name: name.to_string(), ..Container::default() });
                    }
                }
            }
        }
        rollout::adopt_pods(cluster);
        if cluster.auto_rollout {
            rollout::reconcile(arn, cluster, now);
        }
    }
}
