//! The native half of the Python package: converts, releases the interpreter, maps errors. It holds no rules.
//!
//! Private (`podrole._podrole`): users see the typed package in `python/podrole`. Values cross over as JSON text in the core's own forms. A
//! failure crosses as a Python exception that `podrole.errors` makes of JSON text too (see the module `failure`).

use pyo3::pymodule;

mod artifacts;
#[cfg(podrole_bench)]
mod bench;
mod client;
mod connect;
mod failure;
mod interpreter;
mod log;
mod memory;
mod runtime;
mod text;
mod work;

/// The native module.
// A build for CPython without the global lock turns the lock on: nothing here was tried without it.
#[pymodule(gil_used = true)]
mod _podrole {
    /// The version of the core.
    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use crate::artifacts::{data_sync_statement, kustomize_patch, s3_policy, service_account_yaml, trust_document};
    #[cfg(podrole_bench)]
    #[pymodule_export]
    use crate::bench::core_plans;
    #[pymodule_export]
    use crate::client::Client;
    #[pymodule_export]
    use crate::interpreter::{Reply, claim_errands, forked, leave_interpreter, next_errand, unclaim_errands};
    #[pymodule_export]
    use crate::log::set_log_level;
    #[pymodule_export]
    use crate::memory::{Memory, Stop, comparable_world, seed_world, world_from_json};
    #[pymodule_export]
    use crate::text::{
        grant_from_json, grant_from_value, grant_from_yaml, grant_to_yaml, grants_from_file, grants_from_json,
        grants_from_yaml, plan_from_json, plan_text, receipt_from_json, receipt_text, report_from_json,
        report_into_result, report_text,
    };
    #[pymodule_export]
    use crate::work::Work;
}
