//! The client.

use std::sync::Arc;
use std::time::Duration;

use podrole::{Apply, ClientOptions, Error, Plan, Result};
use pyo3::prelude::*;
use serde::Deserialize;
use tokio::runtime::Runtime;

use crate::connect::connect;
use crate::failure::{detached, read, thrown};
use crate::memory::Memory;
use crate::runtime::{Home, runtime};
use crate::text::{grant, receipt};
use crate::work::Work;

/// What a client in memory can be set to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    owner: Option<String>,
    propagation: Option<f64>,
}

/// What a run can be set to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RunSettings {
    wait: Option<f64>,
    #[serde(default)]
    remove_provider: bool,
}

/// A client. Cheap to drop; work that began goes on.
#[pyclass(frozen)]
pub(crate) struct Client {
    inner: podrole::Client,
    home: Home,
}

#[pymethods]
impl Client {
    /// A client of real services: see [`connect`](crate::connect::connect).
    #[staticmethod]
    #[pyo3(signature = (settings, credentials, accounts, defaults, token))]
    fn connect(
        py: Python<'_>,
        settings: &str,
        credentials: Option<Py<PyAny>>,
        accounts: Vec<String>,
        defaults: bool,
        token: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let runtime = runtime(py);
        let inner = detached(py, || connect(settings, credentials, accounts, defaults, token, &*runtime?))?;
        Ok(Self { inner, home: Home::here() })
    }

    /// A client of a world in memory.
    #[staticmethod]
    fn in_memory(memory: &Memory, settings: &str) -> PyResult<Self> {
        let made = || {
            let settings: Settings = read("settings of a client", settings)?;
            let propagation = settings.propagation.map(seconds).transpose()?;
            let options = ClientOptions { owner: settings.owner, propagation, sink: None };
            podrole::Client::with_options(memory.open()?.backend(), options)
        };
        Ok(Self { inner: made().map_err(|error| thrown(&error))?, home: Home::here() })
    }

    /// Plans a grant.
    fn plan(&self, py: Python<'_>, value: &str) -> PyResult<Work> {
        self.begin(py, |client, runtime| {
            let grant = grant(value)?;
            Ok(Work::reading(runtime, async move { client.plan(&grant).await }))
        })
    }

    /// Plans the revocation of a grant.
    fn plan_revoke(&self, py: Python<'_>, value: &str) -> PyResult<Work> {
        self.begin(py, |client, runtime| {
            let grant = grant(value)?;
            Ok(Work::reading(runtime, async move { client.plan_revoke(&grant).await }))
        })
    }

    /// Verifies a grant.
    fn verify(&self, py: Python<'_>, value: &str) -> PyResult<Work> {
        self.begin(py, |client, runtime| {
            let grant = grant(value)?;
            Ok(Work::reading(runtime, async move { client.verify(&grant).await }))
        })
    }

    /// Plans and applies a grant.
    fn apply(&self, py: Python<'_>, value: &str, settings: &str) -> PyResult<Work> {
        self.begin(py, |client, runtime| run(runtime, client.apply(&grant(value)?), settings))
    }

    /// Applies a plan.
    fn apply_plan(&self, py: Python<'_>, plan: &str, settings: &str) -> PyResult<Work> {
        self.begin(py, |client, runtime| run(runtime, client.apply(Plan::from_json(plan)?), settings))
    }

    /// Revokes a grant.
    #[pyo3(signature = (value, settings, given))]
    fn revoke(&self, py: Python<'_>, value: &str, settings: &str, given: Option<&str>) -> PyResult<Work> {
        self.begin(py, |client, runtime| {
            let mut revoke = client.revoke(&grant(value)?);
            if let Some(given) = given {
                revoke = revoke.with_receipt(receipt(given)?);
            }
            run(runtime, revoke, settings)
        })
    }
}

impl Client {
    fn begin(
        &self,
        py: Python<'_>,
        begin: impl FnOnce(podrole::Client, &Arc<Runtime>) -> Result<Work> + Send,
    ) -> PyResult<Work> {
        let runtime = self.home.check("this client").and_then(|()| runtime(py));
        detached(py, || begin(self.inner.clone(), &runtime?))
    }
}

fn run(runtime: &Runtime, mut apply: Apply, settings: &str) -> Result<Work> {
    let settings: RunSettings = read("options of a run", settings)?;
    if let Some(wait) = settings.wait {
        apply = apply.wait(seconds(wait)?);
    }
    if settings.remove_provider {
        apply = apply.remove_provider();
    }
    Ok(Work::run(runtime, apply))
}

/// A length of time from seconds.
pub(crate) fn seconds(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|problem| Error::invalid(format!("{seconds} is not a length of time in seconds: {problem}")))
}
