//! The native half of the Node package: converts, bridges futures to promises, and maps errors. It holds no rules.
//!
//! Private: users see the typed package in `ts`. Values cross over as JSON text in the core's own forms. A failure crosses as the message of a
//! native error, which is JSON text too (see the module `failure`): the package makes a `PodroleError` of it.
#![cfg_attr(
    test,
    allow(dead_code, reason = "napi registers nothing where the module is a test, which clippy looks at too")
)]

mod artifacts;
#[cfg(podrole_bench)]
mod bench;
mod client;
mod connect;
mod failure;
mod memory;
mod text;
mod work;

use std::collections::BTreeMap;

use napi_derive::napi;

/// The version of the core.
#[napi]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The environment of the process, which `process.env` need not be: as a JSON object.
#[napi]
pub fn environment() -> napi::Result<String> {
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
    failure::written(&variables.collect::<BTreeMap<_, _>>())
}
