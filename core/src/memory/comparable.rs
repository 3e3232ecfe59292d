//! When two worlds count as the same: what a person or a program would call "as it was before".

use super::iam_policies::version_number;
use super::rollout::KINDS;
use super::world::{World, WorldPod};
use crate::model::FieldOwner;
use crate::ports::FIELD_MANAGER;

impl World {
    /// The world without what differs between two ways to the same state: uids, unique ids, generations, times, pod names,
    /// policy version numbers, and what podrole still owns by plain update after a workload was restored.
    ///
    /// Two worlds that are equal in this form hold the same for people and programs alike. Saying "as it was before" means
    /// this form.
    pub fn comparable(&self) -> Self {
        let mut world = self.clone();
        for account in world.accounts.values_mut() {
            for role in account.roles.values_mut() {
                role.unique_id.clear();
            }
            for policy in account.policies.values_mut() {
                let mut numbers: Vec<String> = policy.versions.keys().cloned().collect();
                numbers.sort_by_key(|id| version_number(id));
                let renamed =
                    |id: &String| format!("v{}", 1 + numbers.iter().position(|n| n == id).unwrap_or_default());
                policy.default_version = renamed(&policy.default_version);
                policy.versions = std::mem::take(&mut policy.versions)
                    .into_iter()
                    .map(|(id, document)| (renamed(&id), document))
                    .collect();
                policy.last_version = 0;
            }
        }
        for cluster in world.clusters.values_mut() {
            for namespace in cluster.namespaces.values_mut() {
                for account in namespace.service_accounts.values_mut() {
                    account.uid.clear();
                    account.owners = comparable_owners(&account.owners);
                }
                for kind in KINDS {
                    for workload in namespace.workloads_mut(kind).values_mut() {
                        workload.uid.clear();
                        workload.owners = comparable_owners(&workload.owners);
                        let behind = workload.observed_generation < workload.generation;
                        (workload.generation, workload.observed_generation) = (1, i64::from(!behind));
                    }
                }
                let mut pods: Vec<WorldPod> = std::mem::take(&mut namespace.pods).into_values().collect();
                for pod in &mut pods {
                    pod.created_at = 0;
                }
                pods.sort_by_key(|pod| serde_json::to_string(pod).unwrap_or_default());
                namespace.pods =
                    pods.into_iter().enumerate().map(|(index, pod)| (format!("pod-{index:04}"), pod)).collect();
            }
        }
        world
    }
}

fn comparable_owners(owners: &[FieldOwner]) -> Vec<FieldOwner> {
    let mut owners: Vec<FieldOwner> = owners
        .iter()
        .filter(|owner| owner.apply || owner.manager != FIELD_MANAGER)
        .map(|owner| FieldOwner { time: None, ..owner.clone() })
        .collect();
    owners.sort_by(|left, right| (&left.manager, left.apply).cmp(&(&right.manager, right.apply)));
    owners
}
