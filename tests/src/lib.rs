//! The real parts that the tests work on: an AWS emulator behind our front, and a Kubernetes control plane. `env/README.md` describes
//! them.
//!
//! Everything is started once per test process, when it is first needed, and ends with that process. Nothing is ever skipped: what is
//! missing fails the test that needs it.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot go on panics")]

mod api;
mod boto;
mod control;
mod control_plane;
mod environment;
mod front;
mod gateway;
mod program;
mod server;

pub use boto::{Keys, call, call_as};
pub use control_plane::{ControlPlane, control_plane};
pub use environment::{Environment, environment};
pub use front::{Emulator, Front};
pub use gateway::{Gateway, kubeconfig_of};
pub use program::{Ended, Program, Running};

/// The account of the worked example.
pub const ACCOUNT: &str = "204393242335";
/// Its region.
pub const REGION: &str = "ca-central-1";
/// Its cluster's issuer.
pub const ISSUER: &str = "https://oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";
/// Its cluster.
pub const CLUSTER: &str = "devops_aurora";
/// Its role.
pub const ROLE: &str = "connections-role-test";
/// Its role's ARN.
pub const ROLE_ARN: &str = "arn:aws:iam::204393242335:role/connections-role-test";
/// The ARN of the provider that its cluster needs.
pub const PROVIDER_ARN: &str =
    "arn:aws:iam::204393242335:oidc-provider/oidc.eks.ca-central-1.amazonaws.com/id/8A024CF24ADD3925BEFA224C4BDD005B";
/// The ARN of its policy.
pub const S3_FULL: &str = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
