//! The core alone, for the benchmarks: what work costs without the way through JavaScript. Never in a release.
#![allow(clippy::needless_pass_by_value, reason = "napi hands strings over by value")]

use std::time::Instant;

use napi::Result;
use napi::bindgen_prelude::{Env, PromiseRaw};
use napi_derive::napi;
use podrole::Client;

use crate::failure::thrown;
use crate::memory::Memory;
use crate::text::grant;

/// Does nothing on another thread: what every asynchronous call of a native module costs.
#[napi]
pub(crate) fn nothing(env: &Env) -> Result<PromiseRaw<'_, ()>> {
    env.spawn_future(async { Ok(()) })
}

/// How many microseconds the core takes for each of so many plans.
#[napi]
pub(crate) fn core_plans<'e>(
    env: &'e Env,
    memory: &Memory,
    value: String,
    count: u32,
) -> Result<PromiseRaw<'e, Vec<f64>>> {
    let (client, grant) = (Client::in_memory(&memory.inner), grant(&value)?);
    env.spawn_future(async move {
        let mut times = Vec::new();
        for _ in 0..count {
            let begun = Instant::now();
            drop(client.plan(&grant).await.map_err(thrown)?);
            times.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        Ok(times)
    })
}

/// How many microseconds the core takes for a run of a grant, and how many events it tells.
#[napi]
pub(crate) fn core_run<'e>(env: &'e Env, memory: &Memory, value: String) -> Result<PromiseRaw<'e, Vec<f64>>> {
    let (client, grant) = (Client::in_memory(&memory.inner), grant(&value)?);
    env.spawn_future(async move {
        let begun = Instant::now();
        let mut run = client.apply(&grant).start().await.map_err(thrown)?;
        let mut events = 0.0;
        while run.next_event().await.is_some() {
            events += 1.0;
        }
        run.finish().await.map_err(thrown)?;
        Ok(vec![begun.elapsed().as_secs_f64() * 1e6, events])
    })
}
