//! The core alone, for the benchmarks: what work costs without the way through Python. Never in a release.

use std::time::Instant;

use podrole::{Client, Error, ErrorKind};
use pyo3::prelude::*;

use crate::failure::detached;
use crate::memory::Memory;
use crate::runtime::runtime;
use crate::text::grant;

/// How many microseconds the core takes for each of so many plans.
#[pyfunction]
pub(crate) fn core_plans(py: Python<'_>, memory: &Memory, value: &str, count: usize) -> PyResult<Vec<f64>> {
    let runtime = runtime(py);
    detached(py, || {
        let (client, grant) = (Client::in_memory(memory.open()?), grant(value)?);
        let runtime = runtime?;
        let work = runtime.spawn(async move {
            let mut times = Vec::new();
            for _ in 0..count {
                let begun = Instant::now();
                drop(client.plan(&grant).await?);
                times.push(begun.elapsed().as_secs_f64() * 1e6);
            }
            Ok(times)
        });
        runtime.block_on(work).map_err(|problem| Error::new(ErrorKind::Unexpected, problem.to_string()))?
    })
}
