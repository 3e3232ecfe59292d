//! What somebody does who wants to break it: names at their limits, roles shared and renamed, quotas reached, things taken over, undos
//! that cannot be whole.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "../support/mod.rs"]
mod support;

mod lagging;
mod limits;
mod names;
mod phases;
mod refused;
mod renamed;
mod sets;
mod shared;
mod takeovers;
mod together;
mod undo;
mod verified;
