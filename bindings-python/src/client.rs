//! The client.

use std::time::Duration;

use podrole::{Apply, ClientOptions, Error, Plan, Result};
use pyo3::prelude::*;
use serde::Deserialize;

use crate::connect::connect;
use crate::failure::{detached, read, thrown};
use crate::memory::Memory;
use crate::runtime::Home;
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
        let inner = detached(py, || connect(settings, credentials, accounts, defaults, token))?;
        Ok(Self { inner, home: Home::here() })
    }

    /// A client of a world in memory.
    #[staticmethod]
    fn in_memory(memory: &Memory, settings: &str) -> PyResult<Self> {
        let made = || {
            let settings: Settings = read("settings of a client", settings)?;
            let propagation = settings.propagation.map(seconds).transpose()?;
            let options = ClientOptions { owner: settings.owner, propagation, sink: None };
            podrole::Client::with_options(memory.inner.backend(), options)
        };
        Ok(Self { inner: made().map_err(|error| thrown(&error))?, home: Home::here() })
    }

    /// Plans a grant.
    fn plan(&self, py: Python<'_>, value: &str) -> PyResult<Work> {
        detached(py, || {
            let (client, grant) = (self.open()?, grant(value)?);
            Work::reading(async move { client.plan(&grant).await })
        })
    }

    /// Plans the revocation of a grant.
    fn plan_revoke(&self, py: Python<'_>, value: &str) -> PyResult<Work> {
        detached(py, || {
            let (client, grant) = (self.open()?, grant(value)?);
            Work::reading(async move { client.plan_revoke(&grant).await })
        })
    }

    /// Verifies a grant.
    fn verify(&self, py: Python<'_>, value: &str) -> PyResult<Work> {
        detached(py, || {
            let (client, grant) = (self.open()?, grant(value)?);
            Work::reading(async move { client.verify(&grant).await })
        })
    }

    /// Plans and applies a grant.
    fn apply(&self, py: Python<'_>, value: &str, settings: &str) -> PyResult<Work> {
        detached(py, || run(self.open()?.apply(&grant(value)?), settings))
    }

    /// Applies a plan.
    fn apply_plan(&self, py: Python<'_>, plan: &str, settings: &str) -> PyResult<Work> {
        detached(py, || run(self.open()?.apply(Plan::from_json(plan)?), settings))
    }

    /// Revokes a grant.
    #[pyo3(signature = (value, settings, given))]
    fn revoke(&self, py: Python<'_>, value: &str, settings: &str, given: Option<&str>) -> PyResult<Work> {
        detached(py, || {
            let mut revoke = self.open()?.revoke(&grant(value)?);
            if let Some(given) = given {
                revoke = revoke.with_receipt(receipt(given)?);
            }
            run(revoke, settings)
        })
    }
}

impl Client {
    fn open(&self) -> Result<podrole::Client> {
        self.home.check("this client")?;
        Ok(self.inner.clone())
    }
}

fn run(mut apply: Apply, settings: &str) -> Result<Work> {
    let settings: RunSettings = read("options of a run", settings)?;
    if let Some(wait) = settings.wait {
        apply = apply.wait(seconds(wait)?);
    }
    if settings.remove_provider {
        apply = apply.remove_provider();
    }
    Work::run(apply)
}

/// A length of time from seconds.
pub(crate) fn seconds(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|problem| Error::invalid(format!("{seconds} is not a length of time in seconds: {problem}")))
}
