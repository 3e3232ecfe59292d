//! The client.
#![allow(clippy::needless_pass_by_value, reason = "napi hands strings over by value")]

use std::time::Duration;

use napi::Result;
use napi_derive::napi;
use podrole::{Apply, ClientOptions, Plan, Receipt};
use serde::Deserialize;

use crate::connect::Asked;
use crate::failure::{read, thrown};
use crate::memory::Memory;
use crate::text::grant;
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
#[napi]
pub struct Client {
    inner: podrole::Client,
    in_memory: bool,
}

#[napi]
impl Client {
    /// A client of real services: see [`connect`](crate::connect::connect).
    #[napi(factory)]
    pub async fn connect(
        settings: String,
        credentials: Option<Asked>,
        accounts: Vec<String>,
        defaults: bool,
        token: Option<Asked>,
    ) -> Result<Self> {
        let inner = crate::connect::connect(settings, credentials, accounts, defaults, token).await?;
        Ok(Self { inner, in_memory: false })
    }

    /// A client of a world in memory.
    #[napi(factory)]
    pub fn in_memory(memory: &Memory, settings: String) -> Result<Self> {
        let settings: Settings = read("settings of a client", &settings)?;
        let options = ClientOptions {
            owner: settings.owner,
            propagation: settings.propagation.map(seconds).transpose()?,
            sink: None,
        };
        let inner = podrole::Client::with_options(memory.inner.backend(), options).map_err(thrown)?;
        Ok(Self { inner, in_memory: true })
    }

    /// Plans a grant.
    #[napi]
    pub fn plan(&self, value: String) -> Result<Work> {
        let (client, grant) = (self.inner.clone(), grant(&value)?);
        Ok(Work::reading(self.in_memory, async move { client.plan(&grant).await }))
    }

    /// Plans the revocation of a grant.
    #[napi]
    pub fn plan_revoke(&self, value: String) -> Result<Work> {
        let (client, grant) = (self.inner.clone(), grant(&value)?);
        Ok(Work::reading(self.in_memory, async move { client.plan_revoke(&grant).await }))
    }

    /// Verifies a grant.
    #[napi]
    pub fn verify(&self, value: String) -> Result<Work> {
        let (client, grant) = (self.inner.clone(), grant(&value)?);
        Ok(Work::reading(self.in_memory, async move { client.verify(&grant).await }))
    }

    /// Plans and applies a grant.
    #[napi]
    pub fn apply(&self, value: String, settings: String) -> Result<Work> {
        self.run(self.inner.apply(&grant(&value)?), &settings)
    }

    /// Applies a plan.
    #[napi]
    pub fn apply_plan(&self, plan: String, settings: String) -> Result<Work> {
        self.run(self.inner.apply(Plan::from_json(&plan).map_err(thrown)?), &settings)
    }

    /// Revokes a grant.
    #[napi]
    pub fn revoke(&self, value: String, settings: String, receipt: Option<String>) -> Result<Work> {
        let mut revoke = self.inner.revoke(&grant(&value)?);
        if let Some(receipt) = receipt {
            revoke = revoke.with_receipt(read::<Receipt>("a receipt that this release can read", &receipt)?);
        }
        self.run(revoke, &settings)
    }

    #[allow(clippy::unused_self, reason = "it belongs to the verbs")]
    fn run(&self, mut apply: Apply, settings: &str) -> Result<Work> {
        let settings: RunSettings = read("options of a run", settings)?;
        if let Some(wait) = settings.wait {
            apply = apply.wait(seconds(wait)?);
        }
        if settings.remove_provider {
            apply = apply.remove_provider();
        }
        Ok(Work::run(apply))
    }
}

/// A length of time from seconds.
pub(crate) fn seconds(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|problem| {
        thrown(podrole::Error::invalid(format!("{seconds} is not a length of time in seconds: {problem}")))
    })
}
