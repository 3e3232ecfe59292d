//! The world in memory.
#![allow(clippy::needless_pass_by_value, reason = "napi hands strings over by value")]

use napi::bindgen_prelude::spawn;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};
use napi_derive::napi;
use podrole::memory::{CallFilter, World};
use podrole::model::{Arn, ClusterName, Namespace, ServiceAccountName};
use serde_json::json;

use crate::client::seconds;
use crate::failure::{read, thrown, written};

/// The world of the worked example.
#[napi]
pub(crate) fn seed_world() -> Result<String> {
    written(&World::seed())
}

/// Checks the JSON text of a world.
#[napi]
pub(crate) fn world_from_json(text: String) -> Result<String> {
    written(&World::from_json(&text).map_err(thrown)?)
}

/// A world without what differs between two ways to the same state.
#[napi]
pub(crate) fn comparable_world(world: String) -> Result<String> {
    written(&World::from_json(&world).map_err(thrown)?.comparable())
}

/// A running simulation.
#[napi]
pub struct Memory {
    pub(crate) inner: podrole::memory::Memory,
}

#[napi]
impl Memory {
    /// Starts from a world.
    #[napi(constructor)]
    pub fn new(world: String) -> Result<Self> {
        Ok(Self { inner: podrole::memory::Memory::new(World::from_json(&world).map_err(thrown)?) })
    }

    /// The world as it is now.
    #[napi]
    pub fn world(&self) -> Result<String> {
        written(&self.inner.world())
    }

    /// Replaces the world, if it is still as it was written.
    #[napi]
    pub fn replace(&self, before: String, after: String) -> Result<bool> {
        let after = World::from_json(&after).map_err(thrown)?;
        self.inner.edit(|held| {
            // As texts: what is read from a text need not equal what was written to it.
            let unchanged = written(held)? == before;
            if unchanged {
                *held = after;
            }
            Ok(unchanged)
        })
    }

    /// The calls so far.
    #[napi]
    pub fn calls(&self) -> Result<String> {
        written(&self.inner.calls())
    }

    /// Forgets them.
    #[napi]
    pub fn clear_calls(&self) {
        self.inner.clear_calls();
    }

    /// How many seconds each remote call takes.
    #[napi]
    pub fn set_latency(&self, latency: f64) -> Result<()> {
        self.inner.set_latency(seconds(latency)?);
        Ok(())
    }

    /// How many seconds IAM takes to show a new role.
    #[napi]
    pub fn set_lag(&self, lag: f64) -> Result<()> {
        self.inner.set_lag(seconds(lag)?);
        Ok(())
    }

    /// Adds a fault.
    #[napi]
    pub fn script(&self, fault: String) -> Result<()> {
        self.inner.script(read("a fault", &fault)?);
        Ok(())
    }

    /// Forgets faults and stops.
    #[napi]
    pub fn clear_faults(&self) {
        self.inner.clear_faults();
    }

    /// Lets the caller die before the n-th call takes effect.
    #[napi]
    pub fn stop_before_call(&self, nth: u32, filter: String) -> Result<Stop> {
        let filter: CallFilter = read("a filter of calls", &filter)?;
        Ok(Stop { inner: self.inner.stop_before_call(nth, filter) })
    }

    /// Lets the caller die after the n-th call took effect.
    #[napi]
    pub fn stop_after_call(&self, nth: u32, filter: String) -> Result<Stop> {
        let filter: CallFilter = read("a filter of calls", &filter)?;
        Ok(Stop { inner: self.inner.stop_after_call(nth, filter) })
    }

    /// Takes calls again after a stop.
    #[napi]
    pub fn restart(&self) {
        self.inner.restart();
    }

    /// Lets all workloads roll out.
    #[napi]
    pub fn roll_out(&self) {
        self.inner.roll_out();
    }

    /// Leads the Kubernetes connection of a cluster to another one.
    #[napi]
    pub fn point_kubernetes_at(&self, cluster: String, arn: String) -> Result<()> {
        let cluster = ClusterName::new(cluster).map_err(|problem| thrown(problem.into()))?;
        self.inner.point_kubernetes_at(cluster, arn_of(arn)?);
        Ok(())
    }

    /// What a pod gets from STS, as JSON text.
    #[napi]
    pub fn assume_role_with_web_identity(
        &self,
        cluster: String,
        namespace: String,
        service_account: String,
        audience: String,
        role: String,
    ) -> Result<String> {
        let namespace = Namespace::new(namespace).map_err(|problem| thrown(problem.into()))?;
        let account = ServiceAccountName::new(service_account).map_err(|problem| thrown(problem.into()))?;
        let assumed = self
            .inner
            .assume_role_with_web_identity(&arn_of(cluster)?, &namespace, &account, &audience, &arn_of(role)?)
            .map_err(thrown)?;
        written(&json!({
            "arn": assumed.arn,
            "roleUniqueId": assumed.role_unique_id,
            "statement": assumed.statement,
        }))
    }
}

fn arn_of(text: String) -> Result<Arn> {
    Arn::new(text).map_err(|problem| thrown(problem.into()))
}

/// A function that is told something and never throws. Weak: it does not keep the process alive.
type Tell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// A point at which the caller is made to die.
#[napi]
pub struct Stop {
    inner: podrole::memory::Stop,
}

#[napi]
impl Stop {
    /// Whether it was reached.
    #[napi]
    pub fn is_reached(&self) -> bool {
        self.inner.is_reached()
    }

    /// Calls `tell` when it is reached. Until then, nothing keeps the process alive.
    #[napi]
    pub fn reached(&self, tell: Tell) {
        let stop = self.inner.clone();
        spawn(async move {
            stop.reached().await;
            tell.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
    }
}
