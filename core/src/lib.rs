//! Give a Kubernetes workload on Amazon EKS an AWS IAM role: plan it, apply it, verify it, revoke it, in-process.
//!
//! ```
//! use podrole::memory::{Memory, World};
//! use podrole::{Client, Grant};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> podrole::Result<()> {
//! let client = Client::in_memory(&Memory::new(World::seed())); // simulated; for real: Client::from_env().await?
//! let grant = Grant::new("devops_aurora", "devops-aurora-1/connections-serviceaccount-s3", "connections-role-test")
//!     .policy("AmazonS3FullAccess")
//!     .deployment("connections-app");
//!
//! let plan = client.plan(&grant).await?; // reads only
//! println!("{plan}"); // what changes, before → after, and why
//! let receipt = client.apply(plan).await?; // these steps and no others
//! client.verify(&grant).await?.into_result()?; // an error names the failed checks
//! client.revoke(&grant).with_receipt(receipt).await?; // only what podrole made
//! # Ok(()) }
//! ```
//!
//! | what you have | where it is |
//! |---|---|
//! | a workload and what it may do | [`Grant`]: built in code, or read from YAML and JSON with [`Grant::from_yaml`] and its siblings |
//! | an account and its clusters | [`Client`]: [`Client::from_env`], or [`Client::builder`] for region, profile, credentials, kubeconfig |
//! | a plan to read, keep or send on | [`Plan`]: `Display` for people, serde for files |
//! | a run to watch or stop | [`Run`], from [`Apply::start`]: [`Event`]s, [`Canceller`], and the [`Receipt`] at the end |
//! | doubt whether it works | [`Report`], from [`Client::verify`] |
//! | a failure | [`Error`]: a stable [`ErrorKind`], the remedy, and what is [left](Leftovers) |
//! | tooling to test without AWS | [`memory`]: accounts and clusters as strict as the real ones, with faults |
//! | documents without a client | [`artifacts`], [`policy`], [`kustomize`] |
//! | a backend of your own | [`ports`], checked by `contract` (feature of that name) |
//!
//! The features `aws` and `kubernetes` (both on by default) bring the real services; without them the crate is the pure core and the
//! in-memory world. `schema` adds the JSON Schema of grant files. `ARCHITECTURE.md` in the repository draws the layers.

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
pub mod stored;
pub mod system;
pub mod verify;

pub use client::{Apply, Client, ClientOptions, PlanOrGrant, PlanRevoke};
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
