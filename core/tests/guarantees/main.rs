//! The nine guarantees of the design, each with a test that can fail.
//!
//! | guarantee | is held by |
//! |---|---|
//! | 1 what you saw is what is done | [`plans`] |
//! | 2 no surprise | [`stale`], [`races`] |
//! | 3 never wider than asked | [`trust`], [`foreign`] |
//! | 4 only ours is removed, and all of ours | [`foreign`], [`ownership`], `../crash.rs` |
//! | 5 a crash costs nothing | `../crash.rs`, and what failures say in `../denied.rs` |
//! | 6 the right cluster | [`cluster`] |
//! | 7 secrets stay secret | [`secrets`] |
//! | 8 errors are for people and for code | [`errors`], `../denied.rs` |
//! | 9 cancelling is safe | [`cancelling`] |
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "../support/mod.rs"]
mod support;

mod cancelling;
mod cluster;
mod errors;
mod foreign;
mod ownership;
mod plans;
mod races;
mod secrets;
mod stale;
mod trust;
