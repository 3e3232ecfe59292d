//! A simulated AWS and Kubernetes in memory: for examples, dry runs and tests, also of your own tooling.
//!
//! It is strict where AWS is: names, documents, sizes and quotas are checked, refusals carry AWS's codes, a trust policy can
//! only name roles that exist, deleted roles leave their unique id behind, server-side apply knows who owns which field, and
//! a changed workload gets new pods with what the pod-identity webhook injects. And it can be told to be slow, to throttle,
//! to lag and to fail at any call, also after the effect.
//!
//! ```
//! use podrole::memory::{Fault, FaultEffect, Memory, World};
//!
//! let memory = Memory::new(World::seed());
//! memory.script(Fault::new("iam:CreateRole", FaultEffect::LostAnswer).nth(1));
//! let backend = memory.backend();
//! # drop(backend);
//! assert!(memory.calls().is_empty());
//! assert_eq!(memory.world(), World::seed());
//! ```
//!
//! Where it knows less than AWS, it accepts: principals in accounts that are not part of the world, IAM users, services
//! and OIDC providers named in trust policies are taken to exist (AWS checks the form of a provider's ARN, and misses the
//! provider only when the role is assumed).

mod assume;
mod build;
mod checks;
mod clock;
mod comparable;
mod eks;
mod errors;
mod faults;
mod files;
mod fill;
mod iam_policies;
mod iam_read;
mod iam_write;
mod kubernetes;
mod ownership;
mod ports;
mod principals;
mod rollout;
mod state;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]
mod tests;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use assume::AssumedRole;
pub use faults::{CallFilter, Fault, FaultEffect, Stop};
pub use state::CallRecord;
pub use world::{
    Account, AccountPolicy, AccountProvider, AccountRole, PodOwner, World, WorldCluster, WorldNamespace, WorldPod,
    WorldServiceAccount, WorldWorkload,
};

use clock::MemoryClock;
use state::State;

use crate::model::{Arn, ClusterName};
use crate::ports::Backend;

/// A running simulation. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    clock: MemoryClock,
}

impl Memory {
    /// Starts from a world, with what it leaves out [filled in](World::filled).
    pub fn new(world: World) -> Self {
        let clock = MemoryClock::default();
        Self { state: Arc::new(Mutex::new(State::new(world, clock.clone()))), clock }
    }

    /// The ports.
    pub fn backend(&self) -> Backend {
        let ports = Arc::new(ports::Ports(self.clone()));
        Backend { reads: ports.clone(), writes: ports }
    }

    /// The world as it is now.
    pub fn world(&self) -> World {
        self.lock().world.clone()
    }

    /// Changes the world as somebody else would, without a call. What the change leaves out is filled in, and workloads
    /// that it touches roll out.
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let now = self.clock.seconds();
        let mut state = self.lock();
        let state = &mut *state;
        let result = change(&mut state.world);
        fill::fill(&mut state.world, &mut state.ids, now);
        result
    }

    /// The calls received so far, in the order in which they arrived.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.lock().calls.clone()
    }

    /// Forgets the calls received so far.
    pub fn clear_calls(&self) {
        self.lock().calls.clear();
    }

    /// How long each remote call takes from now on: the effect comes after half of it, the answer at its end.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// How long IAM takes from now on to show a new role, and a changed trust policy, to readers, to the validation of trust policies and to
    /// STS. Writes to the role work at once.
    pub fn set_lag(&self, lag: Duration) {
        self.lock().lag = lag;
    }

    /// Adds a fault. Of several that cover a call, the one added first is played.
    pub fn script(&self, fault: Fault) {
        self.lock().script.add(fault);
    }

    /// Forgets all faults and stops.
    pub fn clear_faults(&self) {
        self.lock().script.clear();
    }

    /// Lets the caller die just before the n-th call from now (counted from 1) takes effect.
    ///
    /// From then on nothing is answered and nothing has an effect, whoever calls, until [`Memory::restart`]. What was under
    /// way then is never answered.
    pub fn stop_before_call(&self, nth: u32, filter: CallFilter) -> Stop {
        self.lock().script.stop(nth, filter, false)
    }

    /// Lets the caller die just after the n-th call from now (counted from 1) took effect, and before its answer.
    ///
    /// See [`Memory::stop_before_call`].
    pub fn stop_after_call(&self, nth: u32, filter: CallFilter) -> Stop {
        self.lock().script.stop(nth, filter, true)
    }

    /// Takes calls again after a [`Stop`] was reached: those of a new run.
    pub fn restart(&self) {
        self.lock().restart();
    }

    /// Lets all workloads roll out, also those of clusters without [`WorldCluster::auto_rollout`].
    pub fn roll_out(&self) {
        let now = self.clock.seconds();
        for (arn, cluster) in &mut self.lock().world.clusters {
            rollout::reconcile(arn, cluster, now);
        }
    }

    /// From now on, who asks for the API server of `name` gets that of the cluster with this ARN: as a kubeconfig that points
    /// to the wrong cluster does.
    pub fn point_kubernetes_at(&self, name: ClusterName, arn: Arn) {
        self.lock().api_servers.insert(name, arn);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
