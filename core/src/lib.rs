//! Give a Kubernetes workload on Amazon EKS an AWS IAM role: plan it, apply it, verify it, revoke it, in-process.
//!
//! Start with [`Client`] and [`Grant`]. `ARCHITECTURE.md` in the repository draws the layers.

pub mod artifacts;
#[cfg(feature = "aws")]
pub mod aws;
pub mod catalogue;
mod client;
#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod event;
pub mod grant;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod kustomize;
mod marks;
pub mod memory;
pub mod model;
pub mod observe;
pub mod plan;
pub mod policy;
pub mod ports;
mod real;
mod receipt;
mod run;
mod schema;
#[cfg(all(feature = "aws", feature = "kubernetes"))]
mod settings;
pub mod system;
pub mod verify;

pub use client::{Apply, Client, ClientOptions, PlanOrGrant};
pub use error::{Error, ErrorKind, ErrorPayload, FieldConflict, Leftovers, Result, Retry};
pub use event::{Event, EventSink};
pub use grant::Grant;
pub use plan::Plan;
pub use real::ClientBuilder;
pub use receipt::{Outcome, Receipt, StepReceipt};
pub use run::{Canceller, Run};
pub use schema::SchemaVersion;
#[cfg(all(feature = "aws", feature = "kubernetes"))]
pub use settings::{KubeconfigSettings, Settings};
pub use verify::Report;

/// The README's snippets, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
