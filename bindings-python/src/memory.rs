//! The world in memory.

use podrole::memory::{CallFilter, World};
use podrole::model::{Arn, ClusterName, Namespace, ServiceAccountName};
use pyo3::prelude::*;
use serde_json::json;

use crate::client::seconds;
use crate::failure::{detached, read, written};
use crate::runtime::Home;

/// The world of the worked example.
#[pyfunction]
pub(crate) fn seed_world(py: Python<'_>) -> PyResult<String> {
    detached(py, || written(&World::seed()))
}

/// Checks the JSON text of a world.
#[pyfunction]
pub(crate) fn world_from_json(py: Python<'_>, text: &str) -> PyResult<String> {
    detached(py, || written(&World::from_json(text)?))
}

/// A world without what differs between two ways to the same state.
#[pyfunction]
pub(crate) fn comparable_world(py: Python<'_>, world: &str) -> PyResult<String> {
    detached(py, || written(&World::from_json(world)?.comparable()))
}

/// A running simulation.
#[pyclass(frozen)]
pub(crate) struct Memory {
    inner: podrole::memory::Memory,
    home: Home,
}

impl Memory {
    /// The simulation, unless a fork may have caught its lock in the hands of a thread that is not there any more.
    pub(crate) fn open(&self) -> podrole::Result<&podrole::memory::Memory> {
        self.home.check("this simulation")?;
        Ok(&self.inner)
    }
}

#[pymethods]
impl Memory {
    /// Starts from a world.
    #[new]
    fn new(py: Python<'_>, world: &str) -> PyResult<Self> {
        detached(py, || Ok(Self { inner: podrole::memory::Memory::new(World::from_json(world)?), home: Home::here() }))
    }

    /// The world as it is now.
    fn world(&self, py: Python<'_>) -> PyResult<String> {
        detached(py, || written(&self.open()?.world()))
    }

    /// Replaces the world, if it is still as it was.
    fn replace(&self, py: Python<'_>, before: &str, after: &str) -> PyResult<bool> {
        detached(py, || {
            let (before, after) = (World::from_json(before)?, World::from_json(after)?);
            Ok(self.open()?.edit(|held| {
                let unchanged = *held == before;
                if unchanged {
                    *held = after;
                }
                unchanged
            }))
        })
    }

    /// The calls so far.
    fn calls(&self, py: Python<'_>) -> PyResult<String> {
        detached(py, || written(&self.open()?.calls()))
    }

    /// Forgets them.
    fn clear_calls(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || {
            self.open()?.clear_calls();
            Ok(())
        })
    }

    /// How many seconds each remote call takes.
    fn set_latency(&self, py: Python<'_>, latency: f64) -> PyResult<()> {
        detached(py, || {
            self.open()?.set_latency(seconds(latency)?);
            Ok(())
        })
    }

    /// How many seconds IAM takes to show a new role.
    fn set_lag(&self, py: Python<'_>, lag: f64) -> PyResult<()> {
        detached(py, || {
            self.open()?.set_lag(seconds(lag)?);
            Ok(())
        })
    }

    /// Adds a fault.
    fn script(&self, py: Python<'_>, fault: &str) -> PyResult<()> {
        detached(py, || {
            self.open()?.script(read("a fault", fault)?);
            Ok(())
        })
    }

    /// Forgets faults and stops.
    fn clear_faults(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || {
            self.open()?.clear_faults();
            Ok(())
        })
    }

    /// Lets the caller die before the n-th call takes effect.
    fn stop_before_call(&self, py: Python<'_>, nth: u32, filter: &str) -> PyResult<Stop> {
        detached(py, || {
            let filter: CallFilter = read("a filter of calls", filter)?;
            Ok(Stop { inner: self.open()?.stop_before_call(nth, filter) })
        })
    }

    /// Lets the caller die after the n-th call took effect.
    fn stop_after_call(&self, py: Python<'_>, nth: u32, filter: &str) -> PyResult<Stop> {
        detached(py, || {
            let filter: CallFilter = read("a filter of calls", filter)?;
            Ok(Stop { inner: self.open()?.stop_after_call(nth, filter) })
        })
    }

    /// Takes calls again after a stop.
    fn restart(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || {
            self.open()?.restart();
            Ok(())
        })
    }

    /// Lets all workloads roll out.
    fn roll_out(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || {
            self.open()?.roll_out();
            Ok(())
        })
    }

    /// Leads the Kubernetes connection of a cluster to another one.
    fn point_kubernetes_at(&self, py: Python<'_>, cluster: &str, arn: &str) -> PyResult<()> {
        detached(py, || {
            self.open()?.point_kubernetes_at(ClusterName::new(cluster)?, Arn::new(arn)?);
            Ok(())
        })
    }

    /// What a pod gets from STS, as JSON text.
    fn assume_role_with_web_identity(
        &self,
        py: Python<'_>,
        cluster: &str,
        namespace: &str,
        service_account: &str,
        audience: &str,
        role: &str,
    ) -> PyResult<String> {
        detached(py, || {
            let (cluster, role) = (Arn::new(cluster)?, Arn::new(role)?);
            let (namespace, account) = (Namespace::new(namespace)?, ServiceAccountName::new(service_account)?);
            let assumed =
                self.open()?.assume_role_with_web_identity(&cluster, &namespace, &account, audience, &role)?;
            written(&json!({
                "arn": assumed.arn,
                "roleUniqueId": assumed.role_unique_id,
                "statement": assumed.statement,
            }))
        })
    }
}

/// A point at which the caller is made to die.
#[pyclass(frozen)]
pub(crate) struct Stop {
    inner: podrole::memory::Stop,
}

#[pymethods]
impl Stop {
    /// Whether it was reached.
    fn is_reached(&self) -> bool {
        self.inner.is_reached()
    }
}
