//! The tests on real components.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::print_stdout, reason = "what a run of many cases tried is part of its result")]

mod access;
mod account;
mod contract;
mod examples;
mod faults;
mod guarantees;
mod kustomize;
mod native_access;
mod plans;
mod policies;
mod proof;
mod roles;
mod seed;
mod support;
mod workloads;
